"""azure-ai-ml: the registry, and what goes into it from the workspace. JavaScript's client has registered js-model before."""

from azure.ai.ml.entities import Data, Environment, Model
from azure.core.exceptions import ResourceNotFoundError

from oracle import check, equal, files_below, folder, info, ml_client, text_file

workspace = ml_client()
registry = ml_client(registry_name="guardian-registry")
text_file("model/model.onnx", "weights")
text_file("model/labels.txt", "safe\nunsafe")


# The client sends its own enum's Python name (`ListViewType.ACTIVE_ONLY`) to registries, so the value is given as the service has it.
active = "ActiveOnly"


def versions(name):
    return [model.version for model in registry.models.list(name=name, list_view_type=active)]


def downloaded(name, version):
    target = folder / f"downloaded-{name}-{version}"
    registry.models.download(name, version, download_path=str(target))
    return {path.rsplit("/", 1)[-1]: text for path, text in files_below(target).items()}


@check("the registry is read, and found in the list")
def registries():
    found = workspace.registries.get("guardian-registry")
    equal((found.name, found.location), ("guardian-registry", info["region"]))
    equal([item.name for item in workspace.registries.list()], ["guardian-registry"])


@check("an unknown registry is the client's own ResourceNotFoundError")
def unknown_registry():
    try:
        workspace.registries.get("nowhere")
    except ResourceNotFoundError as error:
        equal(error.status_code, 404)
    else:
        raise AssertionError("it was found")


@check("a model of the workspace is shared, and its files come back")
def share():
    workspace.models.share(
        "js-model", "3", share_with_name="py-shared", share_with_version="3", registry_name="guardian-registry"
    )
    found = registry.models.get("py-shared", "3")
    equal((found.id, found.tags), ("azureml://registries/guardian-registry/models/py-shared/versions/3", {"from": "js"}))
    equal(downloaded("py-shared", "3"), {"model.txt": "written by JavaScript"})


@check("a local folder is registered as a model, and its files come back")
def upload():
    registry.models.create_or_update(
        Model(name="py-uploaded", version="1", path=str(folder / "model"), type="custom_model", tags={"a": "b"})
    )
    equal(registry.models.get("py-uploaded", "1").tags, {"a": "b"})
    equal(downloaded("py-uploaded", "1"), {"model.onnx": "weights", "labels.txt": "safe\nunsafe"})
    equal(versions("py-uploaded"), ["1"])
    assert {"py-shared", "py-uploaded"} <= {model.name for model in registry.models.list(list_view_type=active)}


@check("an environment and data are registered and read back")
def environment_and_data():
    registry.environments.create_or_update(Environment(name="py-environment", version="1", image="ubuntu:24.04"))
    equal(registry.environments.get("py-environment", "1").image, "ubuntu:24.04")
    registry.data.create_or_update(Data(name="py-data", version="1", path=str(folder / "model"), type="uri_folder"))
    equal(registry.data.get("py-data", "1").type, "uri_folder")


@check("a model version is archived, and back")
def archive():
    registry.models.archive("py-uploaded", version="1")
    equal(versions("py-uploaded"), [])
    registry.models.restore("py-uploaded", version="1")
    equal(versions("py-uploaded"), ["1"])
