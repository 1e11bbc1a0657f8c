import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { contentDigest, folderContent } from '../../../../lib/azureml/folder-content';

describe('the content of a folder', () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'guardian-folder-'))));
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const put = (path: string, text = path): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const paths = async (): Promise<string[]> => (await folderContent(root)).map(file => file.path);

  it('is every file, in a stable order, with size and hash', async () => {
    put('b.py', 'b');
    put('a/z.py', '');
    put('a/A.py', 'AA');
    const files = await folderContent(root);
    assert.deepEqual(
      files.map(({ path, size }) => [path, size]),
      [
        ['a/A.py', 2],
        ['a/z.py', 0],
        ['b.py', 1],
      ],
    );
    assert.equal(files[2]!.sha256, createHash('sha256').update('b').digest('hex'));
  });

  it('leaves out what .gitignore names, with negation, folders and case', async () => {
    put('.gitignore', '*.log\n!keep.log\ndata/\n/top.txt\n');
    for (const path of ['a.log', 'keep.log', 'data/x', 'sub/data/y', 'top.txt', 'sub/top.txt', 'A.LOG']) put(path);
    assert.deepEqual(await paths(), ['A.LOG', 'keep.log', 'sub/top.txt']);
  });

  it('takes .amlignore instead of .gitignore', async () => {
    put('.gitignore', 'model.onnx\n');
    put('.amlignore', 'notes.md\n');
    put('model.onnx');
    put('notes.md');
    assert.deepEqual(await paths(), ['model.onnx']);
  });

  it('never takes version control and caches', async () => {
    put('.git/config');
    put('pkg/__pycache__/a.pyc');
    put('pkg/a.py');
    assert.deepEqual(await paths(), ['pkg/a.py']);
  });

  it('follows links, once', async () => {
    put('real/a.py');
    symlinkSync(join(root, 'real'), join(root, 'linked'));
    symlinkSync(root, join(root, 'real/loop'));
    assert.deepEqual(await paths(), ['linked/a.py', 'real/a.py']);
  });

  it('names a link that points at nothing, unless it is ignored', async () => {
    put('a.py');
    symlinkSync('/nowhere/at/all', join(root, 'dead'));
    await assert.rejects(folderContent(root), /dead cannot be read \(ENOENT\)/);
    put('.amlignore', 'dead\n');
    assert.deepEqual(await paths(), ['a.py']);
  });

  it('is one file for a file', async () => {
    put('model.onnx', 'x');
    assert.deepEqual(
      (await folderContent(join(root, 'model.onnx'))).map(file => file.path),
      ['model.onnx'],
    );
  });

  it('has a digest that depends on paths and bytes, not on order or place', async () => {
    put('a', '1');
    put('b/c', '2');
    const files = await folderContent(root);
    const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
    // The rule itself: sha256 over the sorted lines path NUL size NUL sha256 LF.
    assert.equal(contentDigest(files), hash(`a\x001\x00${hash('1')}\nb/c\x001\x00${hash('2')}\n`));
    assert.equal(contentDigest([...files].reverse()), contentDigest(files));
    put('b/c', '3');
    assert.notEqual(contentDigest(await folderContent(root)), contentDigest(files));
  });
});
