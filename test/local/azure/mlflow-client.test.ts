import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
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

describe('local Azure: the standard MLflow client', () => {
  let fixture: AzureFixture;
  before(async function () {
    const python = pythonWithMlflow();
    if (python === undefined) {
      // Nothing is downloaded for a test; set GUARDIAN_MLFLOW_PYTHON to a Python that has mlflow-skinny.
      this.skip();
    }
    fixture = await AzureFixture.start({
      preparePython: () => Promise.resolve({ python, binDir: dirname(python), reused: true }),
    });
  });
  // Not made when skipped.
  after(() => (fixture as AzureFixture | undefined)?.end());

  it('logs, uploads, registers and reads back from inside a job', async () => {
    const command = `cat > train.py <<'PY'\n${script}\nPY\npython train.py`;
    await fixture.client().jobs.createOrUpdate(...fixture.names, 'mlflow', await fixture.commandJob(command));
    const { status } = await fixture.endOf('mlflow');
    const log = await fixture.jobLog('mlflow');
    assert.equal(status, 'Completed', log);
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

/** A Python that can import mlflow: the one named by GUARDIAN_MLFLOW_PYTHON, one of the environments kept for jobs, or python3. */
function pythonWithMlflow(): string | undefined {
  const cache = join('.local', 'cache');
  const kept = readdirSync('.', { withFileTypes: true }).some(entry => entry.name === '.local')
    ? readdirSync(cache, { recursive: true, encoding: 'utf8' })
        .filter(path => /(^|[\\/])bin[\\/]python$/.test(path))
        .map(path => join(process.cwd(), cache, path))
    : [];
  return [process.env.GUARDIAN_MLFLOW_PYTHON, ...kept, 'python3']
    .filter(candidate => candidate !== undefined)
    .find(candidate => {
      try {
        execFileSync(candidate, ['-c', 'import mlflow'], { stdio: 'ignore' });
        return true;
      } catch {
        return false;
      }
    });
}
