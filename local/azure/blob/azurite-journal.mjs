import { closeSync, openSync, readFileSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** A segment this large, and as large as the database, is folded into the database's own file. */
const foldBytes = 4 * 1024 * 1024;

/**
 * Makes the changes of one of Azurite's Loki databases durable as they happen. Loki itself writes the whole database every five seconds; here each
 * change is appended to a file before Azurite answers, and the whole is written only when that file has grown. After a kill the next start
 * plays the file back. A line is `[collection, operation, document]`; segments are `<database>.log.<n>` beside the database.
 * Call once the database is loaded and has its collections.
 */
export async function keepJournal(db, databaseFile) {
  const folder = dirname(databaseFile);
  const prefix = `${basename(databaseFile)}.log.`;
  const segments = () =>
    readdirSync(folder)
      .filter(name => name.startsWith(prefix))
      .map(name => Number(name.slice(prefix.length)))
      .sort((a, b) => a - b);
  const fileOf = segment => join(folder, `${prefix}${segment}`);
  const removeUpTo = last => segments().forEach(one => one <= last && rmSync(fileOf(one)));
  const save = () => new Promise((done, fail) => db.saveDatabase(error => (error ? fail(error) : done())));

  db.autosaveDisable();
  db.autosave = false;
  const old = segments();
  for (const segment of old) playBack(db, readFileSync(fileOf(segment), 'utf8'));
  if (old.length > 0) await save();
  const last = old.at(-1) ?? 0;
  removeUpTo(last);

  let segment = last + 1;
  let descriptor = openSync(fileOf(segment), 'a', 0o600);
  let bytes = 0;
  let enough = Math.max(foldBytes, statSync(databaseFile).size);
  let folding = false;
  const fold = async () => {
    folding = true;
    const before = segment;
    closeSync(descriptor);
    segment += 1;
    descriptor = openSync(fileOf(segment), 'a', 0o600);
    bytes = 0;
    // What changes from here on is in the new segment, and perhaps in the saved database as well: playing it back twice does no harm.
    await save();
    removeUpTo(before);
    enough = Math.max(foldBytes, statSync(databaseFile).size);
    folding = false;
  };
  const append = (collection, operation, document) => {
    bytes += writeSync(descriptor, `${JSON.stringify([collection, operation, document])}\n`);
    if (bytes > enough && !folding) {
      fold().catch(error => {
        console.error(`The blob database could not be saved: ${error.message}`);
        folding = false;
      });
    }
  };
  for (const collection of db.collections) {
    const { name } = collection;
    // Of an append blob with a thousand blocks only the new ones are written at each append.
    const written = new Map(collection.data.map(one => [one.$loki, one.committedBlocksInOrder?.length]));
    collection.on('insert', inserted => {
      for (const document of [inserted].flat()) {
        written.set(document.$loki, document.committedBlocksInOrder?.length);
        append(name, 'put', document);
      }
    });
    collection.on('update', document => {
      const known = written.get(document.$loki);
      const blocks = document.committedBlocksInOrder;
      written.set(document.$loki, blocks?.length);
      if (document.properties?.blobType === 'AppendBlob' && known !== undefined && blocks?.length >= known) {
        append(name, 'grow', { ...document, committedBlocksInOrder: blocks.slice(known), from: known });
      } else append(name, 'put', document);
    });
    collection.on('delete', document => {
      written.delete(document.$loki);
      append(name, 'delete', { $loki: document.$loki });
    });
  }
}

function playBack(db, text) {
  for (const line of text.split('\n')) {
    if (line === '') continue;
    let entry;
    try {
      entry = JSON.parse(line);
    } catch {
      // Cut off by the kill: its request was not answered.
      return;
    }
    const [name, operation, document] = entry;
    const collection = db.getCollection(name);
    const known = collection?.get(document.$loki);
    if (!collection) continue;
    if (operation === 'delete') {
      if (known) collection.remove(known);
    } else if (operation === 'grow') {
      const { from, committedBlocksInOrder: added, ...rest } = document;
      if (known)
        collection.update({
          ...rest,
          committedBlocksInOrder: [...known.committedBlocksInOrder.slice(0, from), ...added],
        });
    } else if (known) collection.update(document);
    else {
      // Loki gives the next number itself; documents refer to each other by names, pages of lists by these numbers.
      const highest = collection.maxId;
      collection.maxId = document.$loki - 1;
      const { $loki: number, ...fresh } = document;
      delete fresh.meta;
      collection.insert(fresh);
      collection.maxId = Math.max(highest, number);
    }
  }
}
