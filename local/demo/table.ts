import { models, type Story } from './story';

/** The story's end as a short table of what a reader would ask about. */
export function storyTable(story: Story): string {
  const lines: string[] = [];
  const row = (...cells: string[]): number =>
    lines.push(
      cells
        .map((cell, index) => cell.padEnd([24, 34, 40][index] ?? 0))
        .join(' ')
        .trimEnd(),
    );
  row('job', 'model', 'test accuracy');
  for (const { job, model, version, testAccuracy } of story.trained)
    row(job, `${model}:${version}`, testAccuracy.toFixed(3));
  lines.push('');
  row('endpoint', 'deployment', 'traffic, role, instances, answers');
  for (const { model, deployments, traffic } of story.endpoints.end) {
    for (const { name, modelVersion, role, instances } of deployments) {
      const answers = story.answers.end[model][name] ?? 0;
      row(
        `${model}-endpoint`,
        `${name} (version ${modelVersion})`,
        `${traffic[name] ?? 0} %, ${role}, ${instances} instances, ${answers} answers`,
      );
    }
  }
  lines.push('');
  row('scoring round trip', 'median', '95th percentile');
  for (const model of models)
    row(model, `${story.latency[model].p50.toFixed(1)} ms`, `${story.latency[model].p95.toFixed(1)} ms`);
  lines.push('', 'ConfigMap guardian-config');
  for (const [key, value] of Object.entries(story.configMap)) lines.push(`  ${key}=${value}`);
  lines.push(`Secret guardian-config-secrets: ${story.secretKeys.join(', ')} (values not shown)`, '');
  row('application', 'rollout', 'pods ready');
  for (const { name, revision, ready } of story.application) row(name, revision, ready);
  lines.push('', 'seconds  step');
  for (const { step, seconds } of story.seconds) lines.push(`${seconds.toFixed(1).padStart(7)}  ${step}`);
  const total = story.seconds.reduce((sum, { seconds }) => sum + seconds, 0);
  lines.push(`${total.toFixed(1).padStart(7)}  in all`);
  lines.push(
    '',
    story.reused.length > 0
      ? `Reused from an earlier run: ${story.reused.join('; ')}.`
      : 'Nothing was there to reuse: a second run is faster.',
  );
  return lines.join('\n');
}
