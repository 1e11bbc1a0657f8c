import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastify, type FastifyInstance } from 'fastify';
import { type AssetWords, assetWords } from '../../../local/azure/assets/asset-body';
import { containerList, versionList } from '../../../local/azure/assets/asset-lists';
import { VersionStore } from '../../../local/azure/assets/version-store';
import { Journal, type Collection } from '../../../local/journal';

/** A journal that counts the entries that are looked at. */
function counting(journal: Journal): { journal: Pick<Journal, 'collection'>; looks: () => number } {
  let looks = 0;
  const counted = <T>(collection: Collection<T>): Collection<T> => ({
    get: key => {
      looks += 1;
      return collection.get(key);
    },
    set: (key, value) => collection.set(key, value),
    delete: key => collection.delete(key),
    *entries() {
      for (const entry of collection.entries()) {
        looks += 1;
        yield entry;
      }
    },
    keysWithPrefix: (...given) => {
      const keys = collection.keysWithPrefix(...given);
      looks += keys.length;
      return keys;
    },
  });
  return {
    journal: { collection: <T>(name: string) => counted(journal.collection<T>(name)) },
    looks: () => {
      const seen = looks;
      looks = 0;
      return seen;
    },
  };
}

describe('local Azure: work that a list, the latest version and a get take with 10,000 versions', () => {
  let folder: string;
  let journal: Journal;
  let app: FastifyInstance;
  let store: VersionStore<AssetWords>;
  let looks: () => number;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'guardian-work-'));
    journal = await Journal.open(join(folder, 'azure.journal'));
    const counted = counting(journal);
    looks = counted.looks;
    store = new VersionStore<AssetWords>(counted.journal, 'models');
    for (let n = 1; n <= 9_000; n += 1) store.put('many', String(n), assetWords({}), 'test');
    for (let n = 1; n <= 1_000; n += 1) store.put(`model-${n}`, '1', assetWords({}), 'test');
    app = fastify();
    const baseUrl = 'https://127.0.0.1:1';
    app.get('/models', request => containerList(request, store, { baseUrl, show: ({ name }) => name }));
    app.get('/models/many/versions', request =>
      versionList(request, { store, name: 'many' }, { baseUrl, show: ({ version }) => version }),
    );
  });

  after(async () => {
    await app.close();
    await journal.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function pages(path: string): Promise<{ value: string[]; looks: number }[]> {
    const all: { value: string[]; looks: number }[] = [];
    for (let next: string | undefined = path; next !== undefined;) {
      looks();
      const page: { value: string[]; nextLink?: string } = (await app.inject(next)).json();
      all.push({ value: page.value, looks: looks() });
      next = page.nextLink?.replace('https://127.0.0.1:1', '');
    }
    return all;
  }

  for (const [path, length, first, last] of [
    ['/models/many/versions', 9_000, '9000', '1'],
    ['/models/many/versions?$orderBy=createdtime%20asc', 9_000, '1', '9000'],
    ['/models', 1_001, 'many', 'model-999'],
  ] as const) {
    it(`${path}: all of it by its pages, each at the cost of what stands on it`, async () => {
      const all = await pages(path);
      const items = all.flatMap(({ value }) => value);
      assert.deepEqual([items.length, items[0], items.at(-1)], [length, first, last]);
      assert.equal(new Set(items).size, length);
      // A page of 100 looks at what stands on it and at the start of the next one; names are looked up 100 at a time.
      const most = Math.max(...all.map(page => page.looks));
      assert.ok(most <= 402, `${most} entries for one page`);
    });
  }

  it('finds the latest version, the newest one that is not archived, and one by its number by looking at few entries', async () => {
    looks();
    const latest = (): string | undefined =>
      store.resolve('many', { label: 'latest' }, ({ isArchived }) => isArchived)?.version;
    assert.equal(latest(), '9000');
    assert.equal(looks(), 1);
    store.put('many', '9000', { ...assetWords({}), isArchived: true }, 'test');
    looks();
    assert.equal(latest(), '8999');
    assert.equal(looks(), 2);
    assert.equal(store.get('many', '5000')?.version, '5000');
    assert.equal(looks(), 1);
    const answer: { value: string[] } = (await app.inject('/models/many/versions?$top=1')).json();
    assert.deepEqual(answer.value, ['8999']);
    assert.ok(looks() <= 3);
    assert.equal(store.nameLike('MANY'), 'many');
    assert.equal(looks(), 0);
  });

  it('finds the next ones when versions were deleted between two pages', async () => {
    const first: { value: string[]; nextLink: string } = (await app.inject('/models/many/versions')).json();
    store.delete('many', '8950');
    store.delete('many', first.value.at(-1) ?? '');
    const second: { value: string[] } = (await app.inject(first.nextLink.replace('https://127.0.0.1:1', ''))).json();
    assert.equal(second.value[0], String(Number(first.value.at(-1)) - 1));
  });
});
