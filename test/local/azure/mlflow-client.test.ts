import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pythonWith } from '../../support/python-packages';
import { setUpMilliseconds } from '../clients/python-oracle';
import { AzureFixture } from './azure-fixture';

/** What a training script does with the standard client, and what it then reads back. Prints one JSON object. */
const script = `
import json, os, mlflow
with mlflow.start_run() as run:
    mlflow.log_params({"epochs": 3, "architecture": "small"})
    for step in range(3): mlflow.log_metric("accuracy", step / 4, step=step)
    mlflow.log_metrics({"loss": 0.25})
    mlflow.set_tag("kind", "test")
    os.makedirs("model", exist_ok=True)
    open("model/model.onnx", "wb").write(b"x" * 300000)
    mlflow.log_artifacts("model", "model")
    mlflow.log_dict({"a": 1}, "report.json")
client = mlflow.MlflowClient()
job = os.environ["AZUREML_RUN_ID"]
client.create_registered_model("by-client")
version = client.create_model_version("by-client", f"runs:/{job}/model", run_id=job, tags={"a": "b"})
client.set_registered_model_alias("by-client", "champion", version.version)
downloaded = mlflow.artifacts.download_artifacts("models:/by-client@champion")
print(json.dumps({
    "sameRun": run.info.run_id == job,
    "history": [metric.value for metric in client.get_metric_history(job, "accuracy")],
    "artifacts": sorted(item.path for item in client.list_artifacts(job) if not item.path.endswith("logs")),
    "version": version.version,
    "size": os.path.getsize(os.path.join(downloaded, "model.onnx")),
    "found": [run.info.run_id for run in client.search_runs([run.info.experiment_id], "metrics.accuracy > 0.4")],
}))
`;

/** One Python, with the plug-in among its packages. A job gets the plain address where the programs' folder is not that of its packages. */
const forms = [
  { client: 'the standard client over https', hasPlugin: false, address: /^https:/ },
  { client: "Azure ML's plug-in for azureml://", hasPlugin: true, address: /^azureml:/ },
];

for (const { client, hasPlugin, address } of forms) {
  describe(`local Azure: MLflow inside a job, ${client}`, function () {
    this.timeout(setUpMilliseconds);
    let fixture: AzureFixture;
    let programs: string;
    before(async () => {
      const python = await pythonWith(join(__dirname, '../clients/requirements.txt'));
      programs = await mkdtemp(join(tmpdir(), 'guardian-programs-'));
      await writeFile(join(programs, 'python'), `#!/bin/sh\nexec ${python} "$@"\n`, { mode: 0o755 });
      const binDir = hasPlugin ? dirname(python) : programs;
      fixture = await AzureFixture.start({ preparePython: () => Promise.resolve({ python, binDir, reused: true }) });
    });
    after(async () => {
      await fixture.end();
      await rm(programs, { recursive: true, force: true });
    });

    it('logs, uploads, registers and reads back', async () => {
      const command = `echo $MLFLOW_TRACKING_URI; cat > train.py <<'PY'\n${script}\nPY\npython train.py`;
      await fixture.client().jobs.createOrUpdate(...fixture.names, 'mlflow', await fixture.commandJob(command));
      const { status } = await fixture.endOf('mlflow');
      const log = await fixture.jobLog('mlflow');
      assert.equal(status, 'Completed', log);
      assert.match(log, address);
      assert.deepEqual(JSON.parse(log.trimEnd().split('\n').at(-1) ?? ''), {
        sameRun: true,
        history: [0, 0.25, 0.5],
        artifacts: ['model', 'report.json'],
        version: '1',
        size: 300000,
        found: ['mlflow'],
      });
      const model = await fixture.client().modelVersions.get(...fixture.names, 'by-client', '1');
      assert.deepEqual(model.properties.tags, { a: 'b' });
    });
  });
}
