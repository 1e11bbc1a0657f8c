"""azure-ai-ml: online endpoints. JavaScript's client has made the endpoint js-endpoint with the deployment blue before."""

import json
import time
from pathlib import Path

from azure.ai.ml.entities import (
    BuildContext,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    OnlineRequestSettings,
    ProbeSettings,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from oracle import check, equal, folder, info, ml_client, text_file

ml = ml_client()
request = text_file("request.json", '{"picture": 1}')
probe = ProbeSettings(initial_delay=1, period=1, timeout=1, failure_threshold=3, success_threshold=1)


def deployment(name, **more):
    return ManagedOnlineDeployment(
        name=name,
        endpoint_name="py-endpoint",
        model="py-letters:1",
        environment="py-echo:1",
        instance_type="Standard_DS3_v2",
        instance_count=1,
        request_settings=OnlineRequestSettings(request_timeout_ms=20000, max_concurrent_requests_per_instance=4),
        readiness_probe=probe,
        liveness_probe=probe,
        **more,
    )


def change_endpoint(change):
    endpoint = ml.online_endpoints.get("py-endpoint")
    change(endpoint)
    return ml.online_endpoints.begin_create_or_update(endpoint).result()


def answer(endpoint="py-endpoint", **more):
    # Once a deployment was named, azure-ai-ml 1.35 sends that name with every later call, so that all later calls here name one.
    return json.loads(ml.online_endpoints.invoke(endpoint, request_file=request, **more))


def first_answer():
    """A change of traffic shows after a short while only: until then the endpoint says that no deployment takes any."""
    while True:
        try:
            return answer()
        except ResourceNotFoundError:
            time.sleep(0.1)


@check("model and environment of a container are uploaded")
def assets():
    ml.models.create_or_update(
        Model(name="py-letters", version="1", path=text_file("letters/letters.txt", "py letters").parent, type="custom_model")
    )
    route = lambda path: {"path": path, "port": 5001}
    ml.environments.create_or_update(
        Environment(
            name="py-echo",
            version="1",
            build=BuildContext(path=Path(info["root"]) / "test/fixtures/containers/echo"),
            inference_config={
                "liveness_route": route("/live"),
                "readiness_route": route("/ready"),
                "scoring_route": route("/score"),
            },
        )
    )
    equal(ml.environments.get("py-echo", "1").inference_config["scoringRoute"]["path"], "/score")


@check("an endpoint is made")
def endpoint():
    made = ml.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name="py-endpoint", auth_mode="key", tags={"team": "vision"}, description="letters")
    ).result()
    equal((made.provisioning_state, made.auth_mode, made.tags), ("Succeeded", "key", {"team": "vision"}))
    equal(made.scoring_uri, f"{info['inference']}/py-endpoint/score")


@check("deployments are made, with what was asked for")
def deployments():
    made = ml.online_deployments.begin_create_or_update(deployment("blue")).result()
    equal(made.provisioning_state, "Succeeded")
    ml.online_deployments.begin_create_or_update(deployment("green", environment_variables={"GREETING": "green"})).result()
    found = ml.online_deployments.get("green", "py-endpoint")
    equal((found.instance_count, found.instance_type), (1, "Standard_DS3_v2"))
    equal(found.environment_variables["GREETING"], "green")
    equal(found.request_settings.request_timeout_ms, 20000)
    equal((found.readiness_probe.period, found.liveness_probe.failure_threshold), (1, 3))
    equal(sorted(item.name for item in ml.online_deployments.list("py-endpoint")), ["blue", "green"])


@check("traffic is split, and read back")
def traffic():
    changed = change_endpoint(lambda endpoint: setattr(endpoint, "traffic", {"blue": 90, "green": 10}))
    equal(changed.traffic, {"blue": 90, "green": 10})
    equal(ml.online_endpoints.get("py-endpoint").traffic, {"blue": 90, "green": 10})
    equal(changed.tags, {"team": "vision"})


@check("traffic that does not add up to 100 is refused")
def wrong_traffic():
    try:
        change_endpoint(lambda endpoint: setattr(endpoint, "traffic", {"blue": 90, "green": 20}))
    except HttpResponseError as error:
        equal(error.status_code, 400)
    else:
        raise AssertionError("it was taken")


@check("mirror traffic is set, and read back")
def mirror():
    def change(endpoint):
        endpoint.traffic = {"blue": 100}
        endpoint.mirror_traffic = {"green": 20}

    change_endpoint(change)
    found = ml.online_endpoints.get("py-endpoint")
    equal(found.mirror_traffic, {"green": 20})
    equal({name: share for name, share in found.traffic.items() if share}, {"blue": 100})


@check("the endpoint is invoked with its key")
def invoke():
    found = first_answer()
    equal((found["model"], found["path"], found["greeting"]), ("py letters", "/score", "hello from the image"))
    equal(json.loads(found["body"]), {"picture": 1})


@check("a deployment without traffic is invoked by its name")
def invoke_deployment():
    equal(answer(deployment_name="green")["greeting"], "green")


@check("keys are listed, and a new one is another one")
def keys():
    before = ml.online_endpoints.get_keys("py-endpoint")
    ml.online_endpoints.begin_regenerate_keys("py-endpoint", key_type="primary").result()
    after = ml.online_endpoints.get_keys("py-endpoint")
    assert after.primary_key != before.primary_key
    equal(after.secondary_key, before.secondary_key)
    equal(answer(deployment_name="blue")["model"], "py letters")


@check("the logs of both containers are read")
def logs():
    text = ml.online_deployments.get_logs("blue", "py-endpoint", lines=50)
    assert "echo listens" in text, text
    assert ml.online_deployments.get_logs("blue", "py-endpoint", lines=50, container_type="storage-initializer")


@check("a deployment is scaled and tagged")
def scale():
    found = ml.online_deployments.get("green", "py-endpoint")
    found.instance_count = 2
    found.tags["scaled"] = "yes"
    changed = ml.online_deployments.begin_create_or_update(found).result()
    equal((changed.instance_count, changed.tags), (2, {"scaled": "yes"}))


@check("a deployment whose container does not start fails, and tells why in its log")
def crash():
    try:
        ml.online_deployments.begin_create_or_update(
            deployment("red", environment_variables={"CRASH": "out of memory"})
        ).result()
    except HttpResponseError as error:
        assert "ResourceNotReady" in str(error), error
    else:
        raise AssertionError("it came up")
    equal(ml.online_deployments.get("red", "py-endpoint").provisioning_state, "Failed")
    assert "crashing: out of memory" in ml.online_deployments.get_logs("red", "py-endpoint", lines=50)


@check("a deployment with traffic cannot be deleted, one without can")
def delete_deployment():
    try:
        ml.online_deployments.begin_delete("blue", "py-endpoint").result()
    except HttpResponseError as error:
        assert error.status_code in (400, 409), error
    else:
        raise AssertionError("it was deleted")
    change_endpoint(lambda endpoint: setattr(endpoint, "mirror_traffic", {}))
    ml.online_deployments.begin_delete("green", "py-endpoint").result()
    assert "green" not in [item.name for item in ml.online_deployments.list("py-endpoint")]


@check("an endpoint that JavaScript's client made is read and invoked")
def endpoint_of_other():
    found = ml.online_endpoints.get("js-endpoint")
    equal((found.traffic, found.tags), ({"blue": 100}, {"from": "js"}))
    equal([item.name for item in ml.online_deployments.list("js-endpoint")], ["blue"])
    equal(answer("js-endpoint", deployment_name="blue")["model"], "letters 1")
    assert {"js-endpoint", "py-endpoint"} <= {item.name for item in ml.online_endpoints.list()}


@check("an endpoint is deleted with its deployments")
def delete():
    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="py-short", auth_mode="key")).result()
    ml.online_endpoints.begin_delete("py-short").result()
    assert "py-short" not in [item.name for item in ml.online_endpoints.list()]
