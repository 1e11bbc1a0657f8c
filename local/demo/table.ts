import { models, type Story } from './story';

/** The story's end as short tables of what a reader would ask about. */
export function storyTable(story: Story): string {
  const total = story.seconds.reduce((sum, { seconds }) => sum + seconds, 0);
  return [
    columns([
      ['training job', 'model', 'test accuracy'],
      ...story.trained.map(({ job, model, version, testAccuracy }) => [
        job,
        `${model}:${version}`,
        testAccuracy.toFixed(3),
      ]),
    ]),
    columns([
      ['endpoint', 'deployment', 'model version', 'role', 'instances', 'traffic', 'of the last 60 answers'],
      ...story.endpoints.end.flatMap(({ model, deployments, traffic }) =>
        deployments.map(({ name, modelVersion, role, instances }) => [
          `${model}-endpoint`,
          name,
          modelVersion,
          role,
          String(instances),
          `${traffic[name] ?? 0} %`,
          String(story.answers.end[model][name] ?? 0),
        ]),
      ),
    ]),
    columns([
      ['scoring latency', 'median', '95th percentile'],
      ...models.map(model => [
        model,
        `${story.latency[model].p50.toFixed(1)} ms`,
        `${story.latency[model].p95.toFixed(1)} ms`,
      ]),
    ]),
    columns([
      ['ConfigMap guardian-config', ''],
      ...Object.entries(story.configMap),
      ['Secret guardian-config-secrets', `${story.secretKeys.join(', ')} (values not shown)`],
    ]),
    columns([
      ['application', 'rollout', 'pods ready'],
      ...story.application.map(({ name, revision, ready }) => [name, revision, ready]),
    ]),
    columns([
      ['seconds', 'step'],
      ...story.seconds.map(({ step, seconds }) => [seconds.toFixed(1), step]),
      [total.toFixed(1), 'in all'],
    ]),
    story.reused.length > 0
      ? `Reused from an earlier run: ${story.reused.join('; ')}.`
      : 'Nothing was there to reuse: a second run is faster.',
  ].join('\n\n');
}

function columns(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map(row => (row[index] ?? '').length)));
  return rows
    .map(row =>
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
