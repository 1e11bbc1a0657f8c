import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** `{ value, isSecret, allowOverride }` by name. */
const variables = z.record(
  z.string(),
  z.object({ value: z.string().nullable(), isSecret: z.boolean().optional(), allowOverride: z.boolean().optional() }),
);

const workflowTask = z.looseObject({
  taskId: z.guid(),
  /** `1.*`, or a version. */
  version: z.string(),
  name: z.string(),
  refName: z.string().nullish(),
  enabled: z.boolean().default(true),
  continueOnError: z.boolean().default(false),
  timeoutInMinutes: z.int().min(0).default(0),
  retryCountOnTaskFailure: z.int().min(0).default(0),
  condition: z.string().nullish(),
  environment: z.record(z.string(), z.string()).default({}),
  inputs: z.record(z.string(), z.string()),
});

const deployPhase = z.looseObject({
  rank: z.int(),
  name: z.string(),
  refName: z.string().nullish(),
  // An export from the web has numbers, an answer of the REST API words.
  phaseType: z.literal([1, 'agentBasedDeployment'], 'only jobs on an agent are supported'),
  deploymentInput: z.looseObject({
    timeoutInMinutes: z.int().min(0).default(0),
    jobCancelTimeoutInMinutes: z.int().min(1).default(5),
    condition: z.string().nullish(),
    parallelExecution: z
      .looseObject({ parallelExecutionType: z.literal([0, 'none'], 'several agents for one job are not supported') })
      .nullish(),
  }),
  workflowTasks: z.array(workflowTask),
});

const condition = z.object({
  name: z.string(),
  /** 1: the release was made; 2: another stage has ended with the status in `value`, 4 for Succeeded. */
  conditionType: z.literal([1, 2, 'event', 'environmentState'], 'conditions on artifacts are not supported'),
  value: z.string().nullish(),
});

const gates = z.looseObject({ gates: z.array(z.unknown()).max(0, 'gates are not supported').default([]) }).nullish();

const environment = z.looseObject({
  name: z.string().min(1),
  rank: z.int(),
  variables: variables.default({}),
  variableGroups: z.array(z.int()).max(0, 'variable groups stand here by a number that only their project knows'),
  conditions: z.array(condition),
  deployPhases: z.array(deployPhase).min(1),
  preDeploymentGates: gates,
  postDeploymentGates: gates,
});

const artifact = z.looseObject({
  type: z.literal(['Git', 'GitHub'], 'only repositories are supported as artifacts'),
  alias: z.string().min(1),
  isPrimary: z.boolean().default(false),
});

const definition = z.looseObject({
  name: z.string().min(1),
  releaseNameFormat: z.string().default('Release-$(rev:r)'),
  variables: variables.default({}),
  variableGroups: z.array(z.int()).max(0, 'variable groups stand here by a number that only their project knows'),
  environments: z.array(environment).min(1),
  artifacts: z.array(artifact).min(1),
});

/**
 * A classic release definition as far as it matters to a run: the JSON that Release > Import takes and an export gives, in the shape of
 * the REST API. https://learn.microsoft.com/rest/api/azure/devops/release/definitions/get (7.1)
 */
export type ReleaseDefinition = z.infer<typeof definition>;
export type ReleaseEnvironment = z.infer<typeof environment>;

/** @throws Error that names the file and each place in it that is wrong or not supported here. */
export function readReleaseDefinition(file: string): ReleaseDefinition {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file} is not readable as JSON: ${(error as Error).message}`, { cause: error });
  }
  const read = definition.safeParse(json);
  if (read.success) return read.data;
  const problems = read.error.issues.map(({ path, message }) => `  ${path.join('.')}: ${message}`);
  throw new Error(`${file} is no release definition that can run here:\n${problems.join('\n')}`);
}
