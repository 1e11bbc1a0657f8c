import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FaultRule } from '../../local/azure/faults/fault-rule';
import { AzureReader } from '../../local/demo/azure-reader';
import { TestCloud } from '../support/local-cloud';
import { anyJobWith } from '../support/python-packages';
import { succeeded } from './outcome';

/** Everything that can go wrong on the way, each by chance, also after the service has done what it was asked. */
function schedule(seed: number): FaultRule[] {
  const planes = ['arm', 'history', 'mlflow', 'blob', 'directory'] as const;
  const effects: FaultRule['fault'][] = [
    { type: 'status', status: 429, retryAfterSeconds: 0 },
    { type: 'status', status: 503 },
    { type: 'status', status: 500, handled: true },
    { type: 'reset' },
    { type: 'reset', handled: true },
    { type: 'slow', milliseconds: 300 },
  ];
  return planes.flatMap((plane, at) =>
    effects.map((fault, index) => ({ plane, fault, probability: 0.04, seed: seed * 100 + at * 10 + index })),
  );
}

describe('tasks whose every request may fail', function () {
  this.timeout(180_000);
  let cloud: TestCloud;
  let azure: AzureReader;
  const target = {
    azureSubscription: 'guardian-azure-connection',
    resourceGroup: 'guardian-ai-prod',
    workspaceName: 'guardian-ai-ml-workspace-prod',
  };

  before(async () => {
    cloud = await TestCloud.start({
      preparePython: anyJobWith('/usr/bin/python3'),
    });
    azure = new AzureReader(cloud.cloud.description, cloud.cloud.certificate.ca);
  });
  after(() => cloud.stop());

  for (const seed of [1, 2, 3]) {
    it(`train one job and register one version: schedule ${seed}`, async () => {
      const folder = join(cloud.folder, `job-${seed}`);
      mkdirSync(join(folder, 'src'), { recursive: true });
      for (let index = 0; index < 10; index++) writeFileSync(join(folder, 'src', `${index}.txt`), `${seed} ${index}`);
      const jobFile = join(folder, 'job.yml');
      writeFileSync(
        jobFile,
        JSON.stringify({
          experiment_name: `faults-${seed}`,
          command: 'mkdir -p outputs/model && cat *.txt > outputs/model/all.txt && cat outputs/model/all.txt',
          code: 'src',
          environment: { image: 'any' },
          compute: 'azureml:cpu-training-cluster',
        }),
      );
      const rules = schedule(seed).map(rule => cloud.cloud.faults.add(rule));
      const variables = [{ name: 'Build.BuildId', value: String(seed) }];
      const trained = await cloud.runTask('SubmitTrainingJob', { ...target, jobFile }, { variables });
      const registered = await cloud.runTask(
        'RegisterModel',
        { ...target, modelName: `faults-${seed}`, jobName: trained.outputs['jobName'] ?? '' },
        { variables },
      );
      const injected = cloud.cloud.faults.list().reduce((sum, rule) => sum + rule.injected, 0);
      rules.forEach(({ id }) => cloud.cloud.faults.delete(id));

      assert.ok(injected > 0, 'the schedule put no fault into any request');
      succeeded(trained);
      succeeded(registered);
      const { value: jobs } = await azure.read<{ value: { name: string; properties: { experimentName: string } }[] }>(
        'jobs',
      );
      assert.equal(jobs.filter(({ properties }) => properties.experimentName === `faults-${seed}`).length, 1);
      const { value: versions } = await azure.read<{ value: { properties: { properties: Record<string, string> } }[] }>(
        `models/faults-${seed}/versions`,
      );
      assert.equal(versions.length, 1);
      assert.equal(versions[0]!.properties.properties['guardian.digest'], registered.outputs['modelDigest']);
    });
  }
});
