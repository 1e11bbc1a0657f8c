import assert from 'node:assert/strict';
import { LogReader, type ReadFrom } from '../../../../lib/azureml/run-history';

/** A log file that grows; remembers how many bytes were read of it. */
class GrowingFile {
  content = Buffer.alloc(0);
  bytesRead = 0;

  append(text: string | Buffer): void {
    this.content = Buffer.concat([this.content, Buffer.from(text)]);
  }

  readonly readFrom: ReadFrom = offset => {
    if (offset > this.content.length) return Promise.resolve({ bytes: new Uint8Array(), rotated: true });
    const bytes = this.content.subarray(offset);
    this.bytesRead += bytes.length;
    return Promise.resolve({ bytes });
  };
}

describe('reading a log as it grows', () => {
  it('returns each line once, whole, and reads each byte once', async () => {
    const file = new GrowingFile();
    const reader = new LogReader();
    const read = (): Promise<string[]> => reader.read(file.readFrom);
    file.append('one\ntw');
    assert.deepEqual(await read(), ['one']);
    assert.deepEqual(await read(), []);
    file.append('o\n\nthree');
    assert.deepEqual(await read(), ['two', '']);
    assert.deepEqual(reader.end(), ['three']);
    assert.deepEqual(reader.end(), []);
    assert.equal(file.bytesRead, file.content.length);
  });

  it('puts a character together that was cut between two reads', async () => {
    const file = new GrowingFile();
    const reader = new LogReader();
    const bytes = Buffer.from('Genauigkeit: übertroffen ✓\n');
    file.append(bytes.subarray(0, 14));
    await reader.read(file.readFrom);
    file.append(bytes.subarray(14));
    assert.deepEqual(await reader.read(file.readFrom), ['Genauigkeit: übertroffen ✓']);
  });

  it('shows the last state of a progress bar, and Windows line ends as lines', async () => {
    const file = new GrowingFile();
    file.append('10%\r50%\r100%\ndone\r\n');
    assert.deepEqual(await new LogReader().read(file.readFrom), ['100%', 'done']);
  });

  it('begins anew when the file was rotated', async () => {
    const file = new GrowingFile();
    const reader = new LogReader();
    file.append('old line\n');
    await reader.read(file.readFrom);
    file.content = Buffer.from('new\n');
    assert.deepEqual(await reader.read(file.readFrom), ['new']);
  });
});
