/** `tsx scripts/release-record.ts`: writes docs/release-record.schema.json, the JSON schema of what the tasks publish as release-record.json. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { root } from './product';

export const schemaFile = join(root, 'docs/release-record.schema.json');

const text = z.string().optional();
const traffic = z
  .record(z.string(), z.number().int().min(0).max(100))
  .describe('Deployment to percent of live traffic');

const numbers = z.record(z.string(), z.number());

const gates = z.array(
  z.strictObject({
    gate: z.string(),
    verdict: z.enum(['pass', 'fail', 'inconclusive']),
    value: z.number().optional(),
    limit: z.number().optional(),
  }),
);

const change = z.strictObject({
  action: z.enum(['deploy', 'promote', 'abort', 'rollback']),
  endpoint: z.string(),
  scoringUri: text,
  deployment: text,
  environment: text.describe('ARM id of what its image was built from'),
  image: text.describe('The image in the registry, where Azure ML tells it'),
  revision: z.number().int(),
  previousRevision: z.number().int(),
  trafficBefore: traffic,
  traffic,
  gates: gates.optional(),
  samples: z
    .array(z.strictObject({ at: z.string(), candidate: numbers, champion: numbers.optional() }))
    .optional()
    .describe('What the gates saw, before traffic and at each share of it'),
  /** Of a rollback: why, to which revision, and what serves now. */
  reason: text,
  backTo: z.number().int().optional(),
  modelVersion: text,
});

/** One record a change: RegisterModel begins it, DeployOnlineEndpoint and Rollback say where it went. */
export const releaseRecord = z
  .strictObject({
    schemaVersion: z.literal(1),
    source: z
      .strictObject({ repository: text, commit: text, branch: text, build: text, requestedFor: text })
      .describe('The pipeline run and what it ran'),
    training: z
      .strictObject({
        job: text,
        experiment: text,
        commit: text,
        inputs: z.record(z.string(), z.string()).optional().describe("The job's literal inputs and data URIs"),
        metrics: z.record(z.string(), z.number()).optional(),
      })
      .optional()
      .describe('The job that made the model; absent for a model that no job made'),
    model: z
      .strictObject({ name: text, version: text, uri: text, digest: text, registryId: text.optional() })
      .optional()
      .describe('digest: SHA-256 over the sorted lines path NUL size NUL sha256 LF of its files'),
    verdict: z.enum(['pass', 'fail', 'inconclusive']).optional(),
    gates: gates.optional(),
    release: change.optional().describe('A change of live traffic'),
    earlier: z
      .array(change)
      .optional()
      .describe('The changes of the stages whose record this one goes on from, the oldest first'),
    recordedAt: z.iso.datetime(),
  })
  .meta({ title: 'Release record' });

export function schemaText(): string {
  return `${JSON.stringify(z.toJSONSchema(releaseRecord), null, 2)}\n`;
}

if (require.main === module) writeFileSync(schemaFile, schemaText());
