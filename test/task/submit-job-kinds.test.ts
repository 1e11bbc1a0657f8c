import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import type { TaskRun } from '../../local/agent/run-task';
import type { BuildReport } from '../../lib/release/build-report';
import { root } from '../../scripts/product';
import { TestCloud } from '../support/local-cloud';
import { anyJobWith, pythonWith } from '../support/python-packages';
import { failed, log, succeeded } from './outcome';

/** Logs a metric at two steps, leaves a file, and says so. */
const train = `
import os, sys, mlflow
rate = float(sys.argv[1])
for step in (1, 2):
    mlflow.log_metric("acc", rate * step / 2, step=step)
os.makedirs("outputs/model", exist_ok=True)
open("outputs/model/weights.txt", "w").write(str(rate))
if len(sys.argv) > 2:
    open(os.path.join(sys.argv[2], "data.txt"), "w").write("prepared")
print("trained with", rate, flush=True)
`;
const about = 'experiment_name: kinds\ncompute: azureml:cpu-training-cluster\n';
const environment = 'environment: { image: any }\n';

describe('SubmitTrainingJob with every kind of job', function () {
  this.timeout(180_000);
  let cloud: TestCloud;
  let folder: string;

  before(async function () {
    this.timeout(300_000);
    const python = await pythonWith(join(root, 'test/local/clients/requirements.txt'));
    cloud = await TestCloud.start({
      preparePython: anyJobWith(python),
    });
    folder = mkdtempSync(join(tmpdir(), 'guardian-kinds-'));
    mkdirSync(join(folder, 'src'));
    writeFileSync(join(folder, 'src/train.py'), train);
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await cloud.stop();
  });

  async function submit(yaml: string, inputs: Record<string, string> = {}, build = '1'): Promise<TaskRun> {
    const file = join(folder, 'job.yml');
    writeFileSync(file, about + yaml);
    return cloud.runTask(
      'SubmitTrainingJob',
      {
        azureSubscription: 'guardian-azure-connection',
        resourceGroup: 'guardian-ai-prod',
        workspaceName: 'guardian-ai-ml-workspace-prod',
        ...(inputs['jobSource'] === undefined ? { jobFile: file } : {}),
        ...inputs,
      },
      {
        variables: [
          { name: 'Build.BuildId', value: build },
          { name: 'System.StageName', value: 'train' },
        ],
      },
    );
  }
  const command = `${environment}code: src\ncommand: python train.py \${{inputs.rate}}\ninputs: { rate: 0.8 }\n`;

  it('gives a command job’s metrics, held against the gates, and its outputs', async () => {
    const target = join(folder, 'downloaded');
    const run = succeeded(
      await submit(command, { metricGates: 'acc >= 0.7', downloadOutputs: `default/outputs/model=${target}` }),
    );
    assert.equal(run.outputs['metrics.acc'], '0.8');
    assert.deepEqual(JSON.parse(run.outputs['metrics']!), { acc: 0.8 });
    assert.equal(run.outputs['verdict'], 'pass');
    assert.equal(readFileSync(join(target, 'weights.txt'), 'utf8'), '0.8');
    assert.match(log(run), /^trained with 0\.8$/m);
    assert.match(run.summaries.join(), /acc .*0\.7 . pass/);
    assert.match(run.summaries.join(), /\| acc \| 0\.8 \| ▁█ \|/);
  });

  it('attaches the curves for the tab, and a pull request gets pictures of them, once', async () => {
    const trained = succeeded(await submit(`${environment}code: ./src\ncommand: python train.py 0.7\n`, {}, 'curves'));
    const { properties, data } = trained.commands.find(({ event }) => event === 'addattachment')!;
    assert.equal(properties['type'], 'guardian-mlops.report');
    assert.equal(properties['name'], `SubmitTrainingJob-Training-job-${trained.outputs['jobName'] ?? ''}.json`);
    const report = JSON.parse(readFileSync(data, 'utf8')) as BuildReport;
    assert.deepEqual(report.metrics, [
      {
        name: 'acc',
        value: 0.7,
        history: [
          [1, 0.35],
          [2, 0.7],
        ],
      },
    ]);

    const { pullRequests } = cloud.cloud.devops;
    const repository = pullRequests.ensureRepository('guardian').id;
    const branches = { sourceRefName: 'refs/heads/more', targetRefName: 'refs/heads/main' };
    const pull = pullRequests.add({ repositoryId: repository, title: 'Train on more', ...branches }).id;
    for (const build of [41, 42]) {
      const compared = await cloud.runTask(
        'RegisterModel',
        {
          azureSubscription: 'guardian-azure-connection',
          resourceGroup: 'guardian-ai-prod',
          workspaceName: 'guardian-ai-ml-workspace-prod',
          modelName: 'curved',
          modelSource: 'jobOutput',
          modelPath: 'outputs/model',
          jobName: trained.outputs['jobName']!,
          metricGates: 'acc >= 0.5',
          whatIf: 'true',
        },
        cloud.inBuild(build, {
          'System.PullRequest.PullRequestId': String(pull),
          'Build.Repository.ID': repository,
          'Build.Repository.Provider': 'TfsGit',
        }),
      );
      succeeded(compared);
    }
    const { attachments, threads } = pullRequests.get(pull);
    assert.deepEqual(
      attachments.map(({ name }) => name.replace(/-\w{12}\.png$/, '')),
      ['guardian-acc'],
      'the same picture is not attached again',
    );
    const png = Buffer.from(attachments[0]?.content ?? '', 'base64');
    const { width, height, format } = await sharp(png).metadata();
    assert.deepEqual([width, height, format], [320, 80, 'png']);
    assert.equal(threads.length, 1);
    const text = threads[0]?.comments[0]?.content ?? '';
    assert.match(text, /✅ \*\*pass\*\*: curved would be registered \(\[build 20260301\.42\]/);
    assert.match(text, /\| acc \| 0\.7 \| !\[acc\]\(https:\S+\/attachments\/guardian-acc-\w{12}\.png\) \|/);
  });

  it('fails by a gate with the numbers, and by `best` against earlier jobs', async () => {
    const run = await submit(command, { metricGates: 'acc >= 0.95\nacc > best', set: 'inputs.rate=0.5' });
    const message = failed(run);
    assert.equal(run.outputs['verdict'], 'fail');
    assert.match(message, /acc >= 0\.95: fail, acc is 0\.5, wanted >= 0\.95, off by 0\.45/);
    assert.match(message, /acc > best: fail, acc is 0\.5, wanted > 0\.8 \(best 0\.8\)/);
  });

  it('reuses completed work of another run when told so', async () => {
    const first = succeeded(await submit(command, { reuse: 'completed' }, '2'));
    const second = succeeded(await submit(command, { reuse: 'completed' }, '3'));
    assert.equal(second.outputs['jobName'], first.outputs['jobName']);
    assert.match(log(second), /did the same work before: reusing it/);
    const third = succeeded(await submit(command, { wait: 'false' }, '3'));
    assert.notEqual(third.outputs['jobName'], first.outputs['jobName']);
    const waited = succeeded(
      await submit('', { jobSource: 'existing', jobName: third.outputs['jobName']!, quiet: 'true' }),
    );
    assert.equal(waited.outputs['jobStatus'], 'Completed');
    assert.doesNotMatch(log(waited), /trained with/);
  });

  it('runs a sweep and gives the metrics of its best trial', async () => {
    const run = succeeded(
      await submit(
        `type: sweep
trial:
  ${environment.trim()}
  code: src
  command: python train.py \${{search_space.rate}}
sampling_algorithm: grid
search_space: { rate: { type: choice, values: [0.2, 0.9] } }
objective: { goal: maximize, primary_metric: acc }
limits: { max_total_trials: 2, max_concurrent_trials: 2, timeout: 600 }
`,
        { metricGates: 'acc >= 0.9' },
      ),
    );
    assert.equal(run.outputs['metrics.acc'], '0.9');
    assert.ok(run.outputs['bestTrial']);
    assert.match(log(run), /Trial \S+ is Completed\./);
    assert.match(log(run), /^\[\S+\] trained with 0\.2$/m);
  });

  const pipeline = (second: string): string => `type: pipeline
settings: { default_compute: azureml:cpu-training-cluster }
inputs: { rate: 0.6 }
jobs:
  prepare:
    ${environment.trim()}
    code: src
    command: python train.py \${{inputs.rate}} \${{outputs.data}}
    inputs:
      rate: \${{parent.inputs.rate}}
    outputs:
      data: { type: uri_folder }
  check:
    ${environment.trim()}
    command: ${second}
    inputs:
      data: \${{parent.jobs.prepare.outputs.data}}
`;

  it('runs a pipeline and tells its steps apart', async () => {
    const run = succeeded(await submit(pipeline('cat ${{inputs.data}}/data.txt')));
    assert.match(log(run), /^\[prepare\] trained with 0\.6$/m);
    assert.match(log(run), /^\[check\] prepared$/m);
    assert.match(log(run), /Step prepare is Completed\./);
    assert.equal(run.outputs['metrics.acc'], '0.6');
  });

  it('explains a pipeline’s failure by the step that failed', async () => {
    const run = await submit(pipeline('ls ${{inputs.data}}/nowhere'));
    const message = failed(run);
    assert.match(message, /ended Failed\. check \(\S+\) failed\./);
    assert.match(message, /No such file or directory/);
    assert.match(message, /A path is wrong/);
  });
});
