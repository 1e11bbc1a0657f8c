/** `tsx scripts/build-report.ts`: writes docs/build-report.schema.json, the JSON schema of what the tasks attach to a run and the tab shows. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { reportLimits, reportType } from '../lib/release/build-report';
import { root } from './product';

export const schemaFile = join(root, 'docs/build-report.schema.json');

const text = z.string().max(reportLimits.text);
const verdict = z.enum(['pass', 'fail', 'inconclusive']);
const traffic = z.record(z.string(), z.number().int().min(0).max(100)).describe('Percent by deployment');

export const buildReport = z
  .strictObject({
    schemaVersion: z.literal(1),
    task: z.enum(['SubmitTrainingJob', 'RegisterModel', 'DeployOnlineEndpoint', 'Rollback']),
    subject: text.describe('What it is about, the same from run to run'),
    headline: text.describe('What has become of it'),
    recordedAt: z.iso.datetime(),
    verdict: verdict.optional(),
    facts: z
      .array(z.strictObject({ name: text, value: text }))
      .max(reportLimits.facts)
      .optional(),
    champion: text.optional().describe('Who the champion values of the metrics are of'),
    metrics: z
      .array(
        z.strictObject({
          name: text,
          value: z.number(),
          champion: z.number().optional(),
          history: z
            .array(z.tuple([z.number(), z.number()]))
            .min(2)
            .max(reportLimits.points)
            .optional()
            .describe('Step and value; a longer curve is thinned evenly'),
        }),
      )
      .max(reportLimits.metrics)
      .optional(),
    gates: z
      .array(z.strictObject({ gate: text, verdict, why: text }))
      .max(reportLimits.gates)
      .optional(),
    traffic: z
      .strictObject({ endpoint: z.string(), before: traffic, after: traffic, revision: z.number().int().min(0) })
      .optional()
      .describe("One change of an endpoint's live traffic"),
    confusion: z
      .strictObject({
        labels: z.array(z.string()).max(reportLimits.labels),
        counts: z
          .array(z.array(z.number().int().min(0)))
          .describe('A row for each right label, a column for each answer'),
      })
      .optional(),
    links: z
      .array(z.strictObject({ label: text, url: z.url({ protocol: /^https$/ }) }))
      .max(reportLimits.links)
      .optional(),
    record: z
      .looseObject({ schemaVersion: z.literal(1) })
      .optional()
      .describe('The release record, as release-record.schema.json has it'),
  })
  .meta({
    title: 'Build report',
    description: `Attachment of the type ${reportType}, at most ${reportLimits.bytes} bytes of UTF-8.`,
  });

export function schemaText(): string {
  return `${JSON.stringify(z.toJSONSchema(buildReport), null, 2)}\n`;
}

if (require.main === module) writeFileSync(schemaFile, schemaText());
