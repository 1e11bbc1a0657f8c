import { pino } from 'pino';
import type { Config } from './config';
import { loadModels } from './load-models';
import { createMetrics } from './observe/metrics';
import type { ServedModel } from './served-model';

/**
 * Loads, verifies and warms up the models of a folder as the server would.
 * @returns what was found, for people
 * @throws Error saying why the server would refuse them
 */
export async function checkFolder(config: Config): Promise<string> {
  const metrics = createMetrics({ queued: () => [], inside: () => 0, ready: () => false });
  // What is inferred for want of a manifest is told on standard error.
  const log = pino({ level: 'warn', base: null }, pino.destination(2));
  const models = await loadModels({
    config,
    metrics,
    log,
    onDeath: error => {
      throw error;
    },
  });
  const report = models.all.map(model => describe(model, model === models.standard));
  await models.stop();
  return report.join('\n\n');
}

function describe({ identity, manifest, signature }: ServedModel, standard: boolean): string {
  const { input, outputs, maxBatch } = signature;
  const { resize, filter = 'bilinear', channels } = manifest.input;
  const { activation, tensors } = manifest.output;
  return [
    `${identity.label} is good to serve${standard ? '' : ` at /models/${identity.name}/score`}.`,
    `  digest    ${identity.digest}`,
    `  input     ${input.name}: ${input.type} [${maxBatch === 1 ? 1 : 'N'}, ${input.shape.join(', ')}], ${channels}, ${resize} (${filter})`,
    ...outputs.map(({ name, type, shape }) => `  output    ${name}: ${type} [${shape.join(', ')}]`),
    tensors
      ? '  answers   tensors'
      : `  answers   ${manifest.labels?.join(', ') ?? ''} (${activation ?? ''}${manifest.thresholds ? `, thresholds ${JSON.stringify(manifest.thresholds)}` : ''})`,
    `  warm-up   ${manifest.warmup ? `${manifest.warmup.image} is answered as expected` : 'runs; the manifest has no warm-up image'}`,
  ].join('\n');
}
