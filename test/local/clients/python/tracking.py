"""mlflow: experiments, runs, artifacts and the registry, with the plain client and with Azure ML's plug-in. js-model is registered before."""

import os
import tempfile
from pathlib import Path

from oracle import check, equal, files_below, folder, info, ml_client, text_file

for name, key in (("TENANT_ID", "tenantId"), ("CLIENT_ID", "clientId"), ("CLIENT_SECRET", "clientSecret")):
    os.environ[f"AZURE_{name}"] = info[key]
os.environ["AZURE_AUTHORITY_HOST"] = info["authority"]
# The plug-in looks the cloud up when it is imported.
os.environ["AZUREML_CURRENT_CLOUD"] = "GuardianLocalCloud"

import mlflow
from azure.identity import ClientSecretCredential

credential = ClientSecretCredential(
    info["tenantId"], info["clientId"], info["clientSecret"], authority=info["authority"], disable_instance_discovery=True
)
client = None
state = {}


def use(uri):
    global client
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = mlflow.MlflowClient()


def log_run(experiment):
    mlflow.set_experiment(experiment)
    with mlflow.start_run(run_name="one") as run:
        mlflow.log_params({"epochs": 3, "rate": 0.1})
        for step, value in enumerate([0.5, 0.75, 0.9]):
            mlflow.log_metric("accuracy", value, step=step)
        mlflow.set_tag("kind", "oracle")
        mlflow.log_artifacts(str(text_file(f"{experiment}/model/model.onnx", "weights").parent), "model")
    state[experiment] = run.info.run_id


def read_run(experiment):
    run = client.get_run(state[experiment])
    equal((run.info.status, run.info.run_name), ("FINISHED", "one"))
    equal(run.data.params, {"epochs": "3", "rate": "0.1"})
    equal(run.data.metrics, {"accuracy": 0.9})
    equal(run.data.tags["kind"], "oracle")
    equal([(item.step, item.value) for item in client.get_metric_history(state[experiment], "accuracy")], [(0, 0.5), (1, 0.75), (2, 0.9)])
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id], "metrics.accuracy > 0.8")
    equal([item.info.run_id for item in found], [state[experiment]])


def read_artifacts(experiment):
    equal([item.path for item in client.list_artifacts(state[experiment])], ["model"])
    equal([item.path for item in client.list_artifacts(state[experiment], "model")], ["model/model.onnx"])
    target = Path(tempfile.mkdtemp(dir=folder))
    mlflow.artifacts.download_artifacts(run_id=state[experiment], artifact_path="model", dst_path=str(target))
    equal(files_below(target), {"model/model.onnx": "weights"})


def register(experiment, name):
    client.create_registered_model(name, description="letters")
    version = client.create_model_version(name, f"runs:/{state[experiment]}/model", state[experiment], tags={"a": "b"})
    equal((version.version, version.status), ("1", "READY"))
    client.set_registered_model_alias(name, "champion", "1")
    equal(client.get_model_version_by_alias(name, "champion").run_id, state[experiment])
    client.set_model_version_tag(name, "1", "reviewed", "yes")
    equal(client.get_model_version(name, "1").tags, {"a": "b", "reviewed": "yes"})
    equal([item.version for item in client.search_model_versions(f"name='{name}'")], ["1"])
    assert name in [item.name for item in client.search_registered_models()]


os.environ["MLFLOW_TRACKING_TOKEN"] = credential.get_token(info["arm"] + "/.default").token
use(info["mlflow"])


@check("plain mlflow: a run is logged")
def plain_run():
    log_run("plain")


@check("plain mlflow: the run is read back and found")
def plain_read():
    read_run("plain")


@check("plain mlflow: its artifacts are listed and downloaded")
def plain_artifacts():
    read_artifacts("plain")


@check("plain mlflow: a version is registered, aliased and tagged")
def plain_registry():
    register("plain", "plain-model")


@check("plain mlflow: a job is a run with its metrics and artifacts")
def plain_job():
    run = client.get_run("js-job")
    equal(run.info.status, "FINISHED")
    equal([item.path for item in client.list_artifacts("js-job", "outputs")], ["outputs/kept.txt"])


@check("plain mlflow: a model that JavaScript's client registered is there")
def plain_other():
    equal(client.get_model_version("js-model", "3").tags, {"from": "js"})


del os.environ["MLFLOW_TRACKING_TOKEN"]
ml = ml_client()


@check("azureml-mlflow: the workspace's own tracking address is taken, and a run is logged")
def plugin_run():
    uri = ml.workspaces.get(info["workspace"]).mlflow_tracking_uri
    assert uri.startswith("azureml://"), uri
    use(uri)
    log_run("plugin")


@check("azureml-mlflow: the run is read back and found")
def plugin_read():
    read_run("plugin")


@check("azureml-mlflow: its artifacts are listed and downloaded")
def plugin_artifacts():
    read_artifacts("plugin")


@check("azureml-mlflow: a version is registered, aliased and tagged")
def plugin_registry():
    register("plugin", "plugin-model")


@check("azureml-mlflow: what the plain client logged is read")
def plugin_reads_plain():
    read_run("plain")
    read_artifacts("plain")


@check("azure-ai-ml sees the models that mlflow registered, and downloads one")
def models():
    names = {item.name for item in ml.models.list()}
    assert {"plain-model", "plugin-model", "js-model"} <= names, names
    ml.models.download("plain-model", "1", download_path=folder / "by-sdk")
    equal(list(files_below(folder / "by-sdk").values()), ["weights"])
