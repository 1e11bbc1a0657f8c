import assert from 'node:assert/strict';
import { plain } from './pictures';
import { body, type Prediction, type Runtime } from './runtime';

/** Asks sixty times at once with pictures of three colours: each caller must get the answer to its own. */
export async function keepsAnswersApart(runtime: Runtime): Promise<void> {
  const names = ['red', 'green', 'blue'] as const;
  const pictures = await Promise.all(names.map(name => plain(name, 'jpeg')));
  const labels = await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const answer = await runtime.score(pictures[index % 3] ?? Buffer.alloc(0), 'image/jpeg');
      return (await body<Prediction>(answer)).label;
    }),
  );
  assert.deepEqual(
    labels,
    labels.map((_, index) => names[index % 3]),
  );
}
