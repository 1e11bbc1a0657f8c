/**
 * The limit: onnxruntime-node alone, fed with a ready tensor. `node raw-onnxruntime.mjs MODEL SIZE SESSIONS THREADS BATCH
 * SECONDS` prints images a second over all sessions, each on a thread of its own, and the milliseconds of each run.
 */
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const self = fileURLToPath(import.meta.url);

async function main([model, ...numbers]) {
  const [size, sessions, threads, batch, seconds] = numbers.map(Number);
  const data = { model, size, threads, batch, seconds };
  const workers = Array.from({ length: sessions }, () => new Worker(self, { workerData: data }));
  const said = worker => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await Promise.all(workers.map(said));
  const results = workers.map(said);
  for (const worker of workers) worker.postMessage('go');
  const runs = await Promise.all(results);
  const imagesPerSecond = runs.reduce((sum, { times, took }) => sum + (times.length * batch * 1000) / took, 0);
  console.log(JSON.stringify({ imagesPerSecond, runs: runs.flatMap(({ times }) => times) }));
  process.exit(0);
}

async function session({ model, size, threads, batch, seconds }) {
  const { default: ort } = await import('onnxruntime-node');
  const loaded = await ort.InferenceSession.create(model, { intraOpNumThreads: threads, interOpNumThreads: 1 });
  const values = new Float32Array(batch * 3 * size * size).fill(0.5);
  const run = () => loaded.run({ input: new ort.Tensor('float32', values, [batch, 3, size, size]) });
  for (let warm = 0; warm < 3; warm++) await run();
  parentPort.postMessage('ready');
  await new Promise(resolve => parentPort.once('message', resolve));
  const times = [];
  const began = performance.now();
  while (performance.now() - began < seconds * 1000) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  parentPort.postMessage({ times, took: performance.now() - began });
}

await (isMainThread ? main(process.argv.slice(2)) : session(workerData));
