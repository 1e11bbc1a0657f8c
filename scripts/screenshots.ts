/**
 * `npx tsx scripts/screenshots.ts`: makes the pictures of the tab "Guardian ML" in images/ from a real run: local Azure trains, registers
 * and deploys twice through the built tasks, and the tab is opened for the second build as Azure DevOps opens it. Needs `npm run build`
 * before it and Chromium.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLocalCloud } from '../local/cloud';
import { runPipeline } from '../local/pipeline/run-pipeline';
import { localProject } from '../local/project';
import { launchBrowser } from '../test/local/page/browser';
import { TabHost } from '../test/tab/tab-host';
import { root, stage } from './product';

const connection = `azureSubscription: guardian-azure-connection
        resourceGroup: guardian-ai-prod
        workspaceName: guardian-ai-ml-workspace-prod`;

/** One build from training to the last step of the rollout. Metrics of Azure Monitor come by the minute, so only the golden set judges. */
function pipeline(epochs: number, seed: number): string {
  return `
pool: { vmImage: ubuntu-latest }
steps:
  - checkout: self
  - task: SubmitTrainingJob@1
    name: train
    inputs:
        ${connection}
        jobFile: samples/training/jobs/nsfw-detector.yml
        set: |
          inputs.architecture=mobilenet_v3_small
          inputs.image_size=64
          inputs.epochs=${epochs}
          inputs.seed=${seed}
  - task: RegisterModel@1
    name: register
    inputs:
        ${connection}
        modelName: nsfw-detector
        jobName: $(train.jobName)
        championEndpoint: nsfw-detector-endpoint
        metricGates: |
          test_accuracy >= 0.7
          test_accuracy >= champion - 2%
  - task: DeployOnlineEndpoint@1
    name: deploy
    inputs:
        ${connection}
        endpointName: nsfw-detector-endpoint
        modelName: $(register.modelName)
        modelVersion: $(register.modelVersion)
        strategy: canary
        steps: 10,50,100
        bakeMinutes: 0
        goldenSet: samples/training/data/nsfw-detection/test
        analysis: |
          accuracy >= 0.7
          goldenErrors <= 0
`;
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'guardian-screenshots-'));
  const cloud = await startLocalCloud({
    port: 0,
    stateDir: join(folder, 'state'),
    cacheDir: join(root, '.local/cache'),
    root,
    log: () => undefined,
  });
  try {
    const project = localProject(cloud, { sourcesDir: root, taskDirs: [join(stage, 'tasks')] });
    let build = 0;
    for (const [epochs, seed] of [
      [12, 3],
      [10, 7],
    ] as const) {
      const file = join(folder, 'release.yml');
      writeFileSync(file, pipeline(epochs, seed));
      const run = await runPipeline({
        file,
        project,
        runDir: join(folder, `run-${seed}`),
        onLine: line => console.log(line),
      });
      if (run.result !== 'Succeeded') throw new Error(`The pipeline ended ${run.result}.`);
      build = Math.max(...cloud.devops.builds.list().map(({ id }) => id));
    }
    await photograph(build);
  } finally {
    await cloud.stop();
    rmSync(folder, { recursive: true, force: true });
  }

  async function photograph(build: number): Promise<void> {
    const browser = await launchBrowser();
    const host = await TabHost.start(browser);
    try {
      const { collectionUri, project } = cloud.devops.organization;
      const place = { collectionUri, project: project.id, build, token: cloud.systemAccessToken };
      for (const theme of ['light', 'dark'] as const) {
        const { page, tab } = await host.open(place, theme, { width: 1366, height: 768 });
        const height = await tab.evaluate<number>('document.documentElement.scrollHeight');
        await page.setViewportSize({ width: 1366, height });
        await page.screenshot({ path: join(root, 'images', `build-results-tab-${theme}.png`) });
        await page.context().close();
      }
    } finally {
      await host.stop();
      await browser.close();
    }
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
