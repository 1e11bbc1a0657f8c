/** `tsx scripts/error-page.ts`: writes docs/errors.md from the codes and causes that the tasks use. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubernetesFailureCauses } from '../lib/azureml/kubernetes-failure-causes';
import { failureCauses, type FailureCause } from '../lib/azureml/online-failure-causes';
import { errorCodes } from '../lib/task-error';
import { root } from './product';

export const errorPageFile = join(root, 'docs/errors.md');

export function errorPage(): string {
  const codes = Object.entries(errorCodes).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  return `# Errors

<!-- Written by scripts/error-page.ts from what the tasks use. -->

A step that fails reports one error. Its message says what was tried, what the service answered (code, message and request id), the likely cause and the next step; its code stands in the timeline, so that failures can be searched for and counted.
The agent adds a line of its own, "Exit code 1 returned": that is only how a task says that it failed.

## Codes of the tasks

| code | meaning |
|---|---|
${codes.join('\n')}

## Codes of failed online deployments

Azure's own codes, and what lies behind them in most cases. Sources: [Troubleshoot online endpoint deployment](https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints) and experience.

| code | likely cause | next step |
|---|---|---|
${causeRows(failureCauses)}

On Kubernetes computes besides:

| code | likely cause | next step |
|---|---|---|
${causeRows(kubernetesFailureCauses)}
`;
}

function causeRows(causes: Readonly<Record<string, FailureCause>>): string {
  return Object.entries(causes)
    .map(([code, { cause, nextStep }]) => `| \`${code}\` | ${sentence(cause)} | ${sentence(nextStep)} |`)
    .join('\n');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

if (require.main === module) writeFileSync(errorPageFile, errorPage());
