"""azure-ai-ml: the workspace and what lies in it. JavaScript's client has registered js-model, js-environment and js-data before."""

from azure.ai.ml.constants import ListViewType
from azure.ai.ml.entities import (
    AmlCompute,
    AzureBlobDatastore,
    BuildContext,
    Data,
    Environment,
    Model,
    SasTokenConfiguration,
    Workspace,
)
from azure.ai.ml import Input, command
from azure.core.exceptions import ResourceNotFoundError

from oracle import check, equal, files_below, folder, info, ml_client, text_file

ml = ml_client()
image = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
text_file("model/model.onnx", "weights")
text_file("model/more/labels.txt", "safe\nunsafe")


@check("the workspace is read, and found in the list")
def workspace():
    found = ml.workspaces.get(info["workspace"])
    equal((found.name, found.location), (info["workspace"], info["region"]))
    assert found.discovery_url.startswith(info["arm"]) and found.storage_account
    equal([item.name for item in ml.workspaces.list()], [info["workspace"]])


@check("an unknown workspace is the client's own ResourceNotFoundError")
def unknown_workspace():
    try:
        ml.workspaces.get("nowhere")
    except ResourceNotFoundError as error:
        equal((error.status_code, error.error.code), (404, "ResourceNotFound"))
    else:
        raise AssertionError("it was found")


@check("the compute cluster that is there is read and listed")
def compute():
    found = ml.compute.get("cpu-training-cluster")
    equal((found.type, found.provisioning_state), ("amlcompute", "Succeeded"))
    assert "cpu-training-cluster" in [item.name for item in ml.compute.list()]


@check("a compute cluster is made, changed and deleted")
def compute_life():
    made = AmlCompute(name="py-cluster", size="Standard_DS3_v2", min_instances=0, max_instances=2)
    equal(ml.compute.begin_create_or_update(made).result().provisioning_state, "Succeeded")
    found = ml.compute.get("py-cluster")
    equal((found.size.upper(), found.min_instances, found.max_instances), ("STANDARD_DS3_V2", 0, 2))
    found.max_instances = 3
    ml.compute.begin_update(found).result()
    equal(ml.compute.get("py-cluster").max_instances, 3)
    ml.compute.begin_delete("py-cluster").result()
    assert "py-cluster" not in [item.name for item in ml.compute.list()]


@check("quotas and sizes are listed")
def usages():
    limits = {usage.name["value"]: usage.limit for usage in ml.compute.list_usage()}
    assert limits["standardDSv2Family"] > 0, limits
    assert "Standard_DS3_v2" in [size.name for size in ml.compute.list_sizes()]


@check("the datastores are listed, the default one gives its secret")
def datastores():
    equal(
        sorted(item.name for item in ml.datastores.list()),
        ["workspaceartifactstore", "workspaceblobstore", "workspacefilestore", "workspaceworkingdirectory"],
    )
    default = ml.datastores.get_default(include_secrets=True)
    equal((default.name, default.type), ("workspaceblobstore", "AzureBlob"))
    assert default.credentials.sas_token
    equal(ml.datastores.get("workspaceblobstore").account_name, default.account_name)


@check("a datastore is added, read with its secret, and deleted")
def datastore_life():
    default = ml.datastores.get("workspaceblobstore", include_secrets=True)
    ml.datastores.create_or_update(
        AzureBlobDatastore(
            name="py_store",
            account_name=default.account_name,
            container_name="py-container",
            credentials=SasTokenConfiguration(sas_token="sv=2024&sig=none"),
            tags={"a": "b"},
        )
    )
    found = ml.datastores.get("py_store", include_secrets=True)
    equal((found.container_name, found.tags, found.credentials.sas_token), ("py-container", {"a": "b"}, "sv=2024&sig=none"))
    ml.datastores.delete("py_store")
    assert "py_store" not in [item.name for item in ml.datastores.list()]


@check("the workspace's keys are read, and its tags changed")
def workspace_change():
    assert ml.workspaces.get_keys(info["workspace"]).user_storage_key
    changed = ml.workspaces.begin_update(Workspace(name=info["workspace"], tags={"py": "was here"})).result()
    equal(changed.tags["py"], "was here")


@check("an environment from an image is registered and read back")
def environment_image():
    ml.environments.create_or_update(Environment(name="py-image", version="1", image=image, tags={"a": "b"}))
    found = ml.environments.get("py-image", "1")
    equal((found.image, found.tags, found.os_type.lower()), (image, {"a": "b"}, "linux"))


@check("an environment with conda dependencies is registered and read back")
def environment_conda():
    conda = {"name": "training", "dependencies": ["python=3.10", {"pip": ["mlflow-skinny"]}]}
    made = ml.environments.create_or_update(Environment(name="py-conda", image=image, conda_file=conda))
    equal(made.version, "1")
    equal(ml.environments.get("py-conda", label="latest").conda_file, conda)


@check("an environment from a build context uploads it")
def environment_build():
    text_file("context/Dockerfile", "FROM node:24-slim\n")
    made = ml.environments.create_or_update(Environment(name="py-build", build=BuildContext(path=folder / "context")))
    assert made.build.path.startswith("https://") and made.build.path.endswith("/"), made.build.path
    equal(ml.environments.get("py-build", made.version).build.dockerfile_path, "Dockerfile")


@check("environments are listed, archived and restored")
def environment_list():
    names = {item.name for item in ml.environments.list()}
    assert {"py-image", "py-conda", "py-build", "js-environment"} <= names, names
    ml.environments.archive("py-image", "1")
    equal([item.version for item in ml.environments.list("py-image")], [])
    archived = ml.environments.list("py-image", list_view_type=ListViewType.ARCHIVED_ONLY)
    equal([item.version for item in archived], ["1"])
    ml.environments.restore("py-image", "1")
    equal([item.version for item in ml.environments.list("py-image")], ["1"])


@check("an environment that JavaScript's client registered is read")
def environment_of_other():
    found = ml.environments.get("js-environment", "7")
    equal((found.image, found.description), ("ubuntu:24.04", "made by the other client"))


@check("a file becomes a data asset")
def data_file():
    made = ml.data.create_or_update(Data(name="py-file", path=text_file("in.txt", "hello"), type="uri_file"))
    equal((made.version, made.type), ("1", "uri_file"))
    assert made.path.endswith("/in.txt"), made.path


@check("a folder becomes a data asset")
def data_folder():
    made = ml.data.create_or_update(Data(name="py-folder", version="5", path=folder / "model", type="uri_folder"))
    equal(ml.data.get("py-folder", "5").path, made.path)
    equal(ml.data.get("py-folder", label="latest").version, "5")


@check("a table becomes a data asset")
def data_table():
    text_file("table/MLTable", "paths:\n  - file: ./rows.csv\ntransformations:\n  - read_delimited:\n      delimiter: ','\n")
    text_file("table/rows.csv", "a,b\n1,2\n")
    # Validation would fetch a schema from the internet.
    table = Data(name="py-table", version="1", path=folder / "table", type="mltable", skip_validation=True)
    ml.data.create_or_update(table)
    equal(ml.data.get("py-table", "1").type, "mltable")


@check("data assets are listed by name and by version")
def data_list():
    names = {item.name for item in ml.data.list()}
    assert {"py-file", "py-folder", "py-table", "js-data"} <= names, names
    equal([item.version for item in ml.data.list("py-folder")], ["5"])


@check("data assets and environments are archived and restored, by version and as a whole")
def archive_whole():
    for operations, name in ((ml.data, "py-folder"), (ml.environments, "py-conda")):
        (version,) = [item.version for item in operations.list(name)]
        operations.archive(name, version)
        equal([item.version for item in operations.list(name)], [])
        operations.restore(name, version)
        operations.archive(name)
        assert name not in [item.name for item in operations.list()]
        operations.restore(name)
        assert name in [item.name for item in operations.list()]


@check("a model is uploaded from a folder, and downloaded again")
def model_upload():
    made = Model(name="py-model", path=folder / "model", type="custom_model", tags={"stage": "test"}, description="first")
    found = ml.models.create_or_update(made)
    equal((found.version, found.tags, found.description), ("1", {"stage": "test"}, "first"))
    ml.models.download("py-model", "1", download_path=folder / "downloaded")
    equal(
        files_below(folder / "downloaded/py-model"),
        {"model/model.onnx": "weights", "model/more/labels.txt": "safe\nunsafe"},
    )


@check("the next model gets the next version, and is the latest")
def model_versions():
    text_file("model/model.onnx", "better weights")
    made = ml.models.create_or_update(Model(name="py-model", path=folder / "model", type="custom_model"))
    equal(made.version, "2")
    equal([item.version for item in ml.models.list("py-model")], ["2", "1"])
    equal(ml.models.get("py-model", label="latest").version, "2")


@check("a model's tags and description can be changed, its files cannot")
def model_change():
    found = ml.models.get("py-model", "1")
    found.tags["reviewed"] = "yes"
    found.description = "second"
    ml.models.create_or_update(found)
    again = ml.models.get("py-model", "1")
    equal((again.tags, again.description), ({"stage": "test", "reviewed": "yes"}, "second"))
    try:
        ml.models.create_or_update(Model(name="py-model", version="1", path=folder / "model", type="custom_model"))
    except Exception as error:
        # The client knows this refusal of the service by its words and puts its own in their place.
        assert "already exists" in str(error) or "cannot be updated" in str(error), error
    else:
        raise AssertionError("the files of a version were replaced")


@check("models are archived, restored and listed by view")
def model_archive():
    ml.models.archive("py-model", "1")
    equal([item.version for item in ml.models.list("py-model")], ["2"])
    equal([item.version for item in ml.models.list("py-model", list_view_type=ListViewType.ARCHIVED_ONLY)], ["1"])
    ml.models.restore("py-model", "1")
    equal([item.version for item in ml.models.list("py-model")], ["2", "1"])


@check("a whole model is archived and restored")
def model_container_archive():
    ml.models.archive("py-model")
    assert "py-model" not in [item.name for item in ml.models.list()]
    ml.models.restore("py-model")
    assert "py-model" in [item.name for item in ml.models.list()]


@check("a model that JavaScript's client registered is read and downloaded")
def model_of_other():
    found = ml.models.get("js-model", "3")
    equal((found.tags, found.type), ({"from": "js"}, "custom_model"))
    ml.models.download("js-model", "3", download_path=folder / "other")
    equal(list(files_below(folder / "other").values()), ["written by JavaScript"])


@check("a component is registered, read back and listed")
def component():
    made = command(
        name="py_component",
        version="1",
        command="cat code.txt; echo ${{inputs.greeting}}",
        code=text_file("code/code.txt", "code").parent,
        environment="py-conda:1",
        inputs={"greeting": Input(type="string")},
    ).component
    ml.components.create_or_update(made)
    found = ml.components.get("py_component", "1")
    equal(found.command, "cat code.txt; echo ${{inputs.greeting}}")
    equal(found.inputs["greeting"].type, "string")
    assert "py_component" in [item.name for item in ml.components.list()]


@check("an unknown model is the client's own error, with code and status")
def unknown_model():
    try:
        ml.models.get("nothing", "1")
    except ResourceNotFoundError as error:
        equal(error.status_code, 404)
    else:
        raise AssertionError("it was found")
