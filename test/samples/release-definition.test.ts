import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TaskCatalog } from '../../local/pipeline/task-catalog';
import { readReleaseDefinition } from '../../local/release/definition';
import { releaseStages } from '../../local/release/release-stages';
import { readManifest, root, taskNames } from '../../scripts/product';

const file = join(root, 'samples/release/guardian-nsfw-detector.json');

interface Editable {
  environments: {
    conditions: { conditionType: number }[];
    variableGroups: number[];
    deployPhases: { phaseType: number | string; workflowTasks: { taskId: string }[] }[];
  }[];
}

describe('the classic release definition', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'guardian-release-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('uses all five tasks by their ids, with inputs that they have', () => {
    const manifests = new Map(
      taskNames.map(name => readManifest(join(root, 'tasks', name))).map(manifest => [manifest.id, manifest]),
    );
    const used = readReleaseDefinition(file).environments.flatMap(({ deployPhases }) =>
      deployPhases.flatMap(({ workflowTasks }) => workflowTasks),
    );
    assert.deepEqual(used.map(task => manifests.get(task.taskId)?.name).sort(), [...taskNames].sort());
    for (const { taskId, name, inputs } of used) {
      const known = new Set(manifests.get(taskId)?.inputs.map(input => input.name));
      assert.deepEqual(
        Object.keys(inputs).filter(input => !known.has(input)),
        [],
        name,
      );
    }
  });

  const changed = (change: (definition: Editable) => void): string => {
    const definition = JSON.parse(readFileSync(file, 'utf8')) as Editable;
    change(definition);
    const copy = join(folder, 'release.json');
    writeFileSync(copy, JSON.stringify(definition));
    return copy;
  };
  const refusals: [string, (definition: Editable) => void, RegExp][] = [
    ['a server job', d => (d.environments[0]!.deployPhases[0]!.phaseType = 2), /phaseType: only jobs on an agent/],
    [
      'a variable group',
      d => d.environments[1]!.variableGroups.push(7),
      /environments\.1\.variableGroups: variable gr/,
    ],
    [
      'a condition on an artifact',
      d => (d.environments[0]!.conditions[0]!.conditionType = 4),
      /conditions on artifacts/,
    ],
  ];
  for (const [what, change, message] of refusals)
    it(`${what} is refused, with its place`, () => {
      assert.throws(() => readReleaseDefinition(changed(change)), message);
    });

  const stagesOf = (path: string, stages?: string[]): ReturnType<typeof releaseStages> =>
    releaseStages(readReleaseDefinition(path), {
      file: path,
      tasks: new TaskCatalog([join(root, 'tasks')]),
      given: {},
      ...(stages ? { stages } : {}),
    });

  it('a stage and a task that are not there are refused, the words of the REST API are read', () => {
    assert.throws(() => stagesOf(file, ['Rollback']), /no stage 'Rollback'\. There are: Train, Production, Roll back/);
    const unknown = changed(d => {
      d.environments[0]!.deployPhases[0]!.workflowTasks[0]!.taskId = '11111111-2222-4333-8444-555555555555';
    });
    assert.throws(() => stagesOf(unknown), /A task is missing.*11111111/);
    const words = changed(d => (d.environments[0]!.deployPhases[0]!.phaseType = 'agentBasedDeployment'));
    assert.deepEqual(
      stagesOf(words).stages.map(({ name, dependsOn }) => [name, dependsOn]),
      [
        ['Train', []],
        ['Production', ['Train']],
      ],
    );
  });
});
