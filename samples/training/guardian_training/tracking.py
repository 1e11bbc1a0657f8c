"""Where metrics go: the run that Azure ML made, an MLflow server, or the folder mlruns."""

import contextlib
import os
import pathlib

import mlflow


@contextlib.contextmanager
def tracked_run(experiment: str):
    """
    On Azure ML the run is there already: MLFLOW_RUN_ID names it and MLFLOW_TRACKING_URI says where. Elsewhere a run is
    made in `experiment`. Without any tracking address metrics go to ./mlruns.
    """
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        mlflow.set_tracking_uri(pathlib.Path("mlruns").resolve().as_uri())
    if mlflow.get_tracking_uri().startswith("file:") or "://" not in mlflow.get_tracking_uri():
        # MLflow 3 refuses folders unless asked; a database would need packages that training does not.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    if not os.environ.get("MLFLOW_RUN_ID"):
        mlflow.set_experiment(experiment)
    with mlflow.start_run() as run:
        yield run


def register(folder: pathlib.Path, name: str, run_id: str) -> str:
    """
    Uploads a model's folder to the run's artifacts and registers it. @returns NAME:VERSION

    Not to the artifact path `outputs`: Azure ML uploads that folder by itself and refuses a second writer.
    """
    mlflow.log_artifacts(str(folder), "model")
    client = mlflow.MlflowClient()
    with contextlib.suppress(mlflow.exceptions.MlflowException):
        # There already, from an earlier version. Should it not be, the next call says so.
        client.create_registered_model(name)
    source = f"{client.get_run(run_id).info.artifact_uri}/model"
    version = client.create_model_version(name, source, run_id).version
    return f"{name}:{version}"
