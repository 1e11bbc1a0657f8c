import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { root } from '../../scripts/product';
import { pythonWith } from '../support/python-packages';

interface Manifest {
  kind: string;
  metadata: { name: string };
  spec: {
    selector?: { matchLabels: Record<string, string> };
    scaleTargetRef?: { name: string };
    triggers?: { metadata: { queueURL: string } }[];
    template?: { spec: { containers: Container[] } };
  };
}
interface Container {
  image: string;
  envFrom: { configMapRef: { name: string } }[];
  readinessProbe?: object;
  livenessProbe?: object;
  resources: { limits?: { memory?: string } };
  volumeMounts: { mountPath: string }[];
}

const folder = join(root, 'samples/k8s/app');
const read = (file: string): Manifest[] =>
  parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map(document => document.toJS() as Manifest);

describe("the application's manifests", () => {
  const { resources } = parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as { resources: string[] };
  const all = resources.flatMap(read);
  const of = (kind: string): Manifest[] => all.filter(item => item.kind === kind);
  const services = readdirSync(join(root, 'samples/guardian-app/src')).filter(
    name => !['shared', 'setup-aws'].includes(name),
  );

  it('are all listed in the kustomization', () => {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
      file => file.endsWith('.yaml') && file !== 'kustomization.yaml',
    );
    assert.deepEqual([...resources].sort(), files.sort());
  });

  it('have a Deployment and a disruption budget for every service', () => {
    for (const kind of ['Deployment', 'PodDisruptionBudget'])
      assert.deepEqual(
        of(kind)
          .map(item => item.metadata.name)
          .sort(),
        [...services].sort(),
        kind,
      );
  });

  it('give every container probes, a memory limit, the configuration that the pipeline writes, and its Secret as files', () => {
    for (const { metadata, spec } of of('Deployment')) {
      const container = spec.template!.spec.containers[0]!;
      assert.equal(container.image, `guardianacr.azurecr.io/guardian-${metadata.name}:1.0.0`);
      assert.ok(
        container.readinessProbe && container.livenessProbe && container.resources.limits?.memory,
        metadata.name,
      );
      assert.equal(container.envFrom[0]?.configMapRef.name, 'guardian-config');
      assert.equal(container.volumeMounts[0]?.mountPath, '/etc/guardian/secrets');
    }
  });

  it('scale every service that reads a queue by that queue', () => {
    const queues = of('ScaledObject').map(({ spec }) => [
      spec.scaleTargetRef?.name,
      spec.triggers?.[0]?.metadata.queueURL.split('/').pop(),
    ]);
    assert.deepEqual(queues, [
      ['fast-screening', 'guardian-video-processing'],
      ['deep-vision', 'guardian-gpu-processing'],
      ['policy-engine', 'guardian-policy-evaluation'],
      ['notification', 'guardian-notification'],
    ]);
  });

  it('are for images whose container file has nothing that hadolint would have otherwise', async () => {
    const python = await pythonWith(join(root, 'test/fixtures/hadolint.txt'));
    const lint = spawnSync(join(dirname(python), 'hadolint'), [join(root, 'samples/guardian-app/Dockerfile')], {
      encoding: 'utf8',
    });
    assert.equal(lint.stdout + lint.stderr, '');
  });

  it('are for the images that the sample pipeline builds', () => {
    const pipeline = parse(readFileSync(join(root, 'samples/pipelines/azure-pipelines-app-images.yml'), 'utf8')) as {
      parameters: { name: string; default: unknown }[];
    };
    const built = pipeline.parameters.find(({ name }) => name === 'services')?.default as string[];
    assert.deepEqual([...built].sort(), [...services].sort());
  });
});
