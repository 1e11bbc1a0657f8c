import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runDemo } from '../../local/demo';
import { models, type Story } from '../../local/demo/story';
import { storyTable } from '../../local/demo/table';
import { root } from '../../scripts/product';
import { PythonOracle } from '../local/clients/python-oracle';
import { RequestAudit } from '../support/azure-schema/request-audit';
import { isListening, processesUnder } from '../support/leftovers';

describe('the whole story, through the packaged tasks', function () {
  this.timeout(15 * 60_000);
  let story: Story;
  let workDir: string;
  let ports: number[];
  const audit = new RequestAudit();
  const oracle = new PythonOracle('story.py');
  const log: string[] = [];

  before(async () => {
    workDir = mkdtempSync(join(tmpdir(), 'guardian-story-'));
    story = await runDemo({
      root,
      workDir,
      signal: new AbortController().signal,
      log: line => log.push(line),
      recordRequest: audit.record,
      inspect: ({ trained, endpoints }, { description }) =>
        oracle.run(description, { trained, endpoints: endpoints.end }),
    }).catch((error: unknown) => {
      console.error(log.slice(-80).join('\n'));
      throw error;
    });
    ports = [...new Set([...log.join('\n').matchAll(/https:\/\/127\.0\.0\.1:(\d+)/g)].map(match => Number(match[1])))];
  });

  after(() => rmSync(workDir, { recursive: true, force: true }));

  const champion = (model: string): { name: string; modelVersion: string; instances: number } => {
    const state = story.endpoints.champions.find(item => item.model === model);
    assert.equal(state?.deployments.length, 1);
    return state.deployments[0]!;
  };
  const challenger = (model: string): { name: string; modelVersion: string; instances: number } => {
    const deployments = story.endpoints.challengers.find(item => item.model === model)!.deployments;
    return deployments.find(item => item.role === 'challenger')!;
  };

  it('trains both models twice and registers four versions with a metric each', () => {
    assert.deepEqual(story.trained.map(({ model, version }) => `${model}:${version}`).sort(), [
      'nsfw-detector:1',
      'nsfw-detector:2',
      'violence-detector:1',
      'violence-detector:2',
    ]);
    for (const { model, testAccuracy } of story.trained)
      assert.ok(testAccuracy > 0.5, `${model} is no better than a coin: ${testAccuracy}`);
    assert.equal(new Set(story.trained.map(item => item.job)).size, 4);
  });

  it("streams the training scripts' own lines into the pipeline log", () => {
    assert.ok(
      log.some(line => /epoch/i.test(line) && line.includes('   | ')),
      'no line about an epoch',
    );
  });

  it('deploys champions with three instances that take all traffic', () => {
    for (const model of models) {
      const { name, instances, modelVersion } = champion(model);
      assert.equal(instances, 3);
      assert.equal(modelVersion, '1');
      assert.deepEqual(story.endpoints.champions.find(item => item.model === model)?.traffic, { [name]: 100 });
    }
  });

  it('gets a label and a probability for every photograph from both endpoints', () => {
    const photographs = new Set(story.judgements.map(item => item.photograph));
    assert.ok(photographs.size >= 4);
    assert.equal(story.judgements.length, photographs.size * models.length);
    for (const { label, probability } of story.judgements) {
      assert.ok(label.length > 0);
      assert.ok(probability > 0 && probability <= 1);
    }
  });

  it('gives each challenger one instance and about a tenth of the real answers', () => {
    for (const model of models) {
      const { name, instances } = challenger(model);
      assert.equal(instances, 1);
      const counts = story.answers.challengers[model];
      const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
      assert.equal(total, 300);
      // 300 draws at 10 %: outside 9..60 once in more than a million runs.
      assert.ok((counts[name] ?? 0) >= 9 && (counts[name] ?? 0) <= 60, JSON.stringify(counts));
      assert.equal((counts[name] ?? 0) + (counts[champion(model).name] ?? 0), 300);
    }
  });

  it('promotes the nsfw-detector challenger', () => {
    const name = challenger('nsfw-detector').name;
    assert.deepEqual(Object.keys(story.answers.end['nsfw-detector']), [name]);
    assert.equal(story.endpoints.end.find(item => item.model === 'nsfw-detector')?.traffic[name], 100);
  });

  it('rolls the violence-detector back: the old version answers alone', () => {
    const name = champion('violence-detector').name;
    assert.deepEqual(Object.keys(story.answers.end['violence-detector']), [name]);
    assert.equal(story.endpoints.end.find(item => item.model === 'violence-detector')?.traffic[name], 100);
  });

  it('writes the scoring URIs into guardian-config, the keys into a Secret, and leaves other keys alone', () => {
    const uri = (model: string): string | undefined =>
      story.endpoints.end.find(item => item.model === model)?.scoringUri;
    assert.equal(story.configMap['NSFW_MODEL_ENDPOINT'], uri('nsfw-detector'));
    assert.equal(story.configMap['VIOLENCE_MODEL_ENDPOINT'], uri('violence-detector'));
    assert.ok(story.configMap['LOG_LEVEL'], 'a key of the application is gone');
    assert.deepEqual([...story.secretKeys].sort(), ['MODEL_ENDPOINT_KEY', 'VIOLENCE_MODEL_ENDPOINT_KEY']);
  });

  it('restarts the application once and it screens a photograph through the endpoints', () => {
    for (const { name, revision, ready } of story.application) {
      assert.equal(revision, '2', `${name} was rolled out ${revision} times`);
      assert.match(ready, /^([1-9]\d*)\/\1$/);
    }
    assert.match(JSON.stringify(story.screening), /"decision"/);
  });

  it('prints a table with jobs, metrics, versions, traffic, latency, configuration and times', () => {
    const table = storyTable(story);
    for (const part of [story.trained[0]!.job, 'nsfw-detector:2', '100 %', ' ms', 'NSFW_MODEL_ENDPOINT', 'in all']) {
      assert.ok(table.includes(part), `${part} is missing in\n${table}`);
    }
  });

  it('lets no key or secret into any log', () => {
    const text = log.join('\n');
    assert.doesNotMatch(text, /eyJ[\w-]{20,}\.[\w-]{20,}/, 'a token');
    const secret = readFileSync(join(workDir, 'state/kubeconfig'), 'utf8').match(/token: (\S+)/)?.[1];
    assert.ok(secret && !text.includes(secret));
  });

  it('leaves no process and no port behind', async () => {
    assert.deepEqual(processesUnder(workDir), []);
    assert.ok(ports.length > 0);
    for (const port of ports) assert.equal(await isListening(port), false, `port ${port}`);
  });

  for (const name of oracle.names) it(name, () => oracle.verdict(name));

  it("sends only requests that the API's published schema knows", () => audit.verify());
});
