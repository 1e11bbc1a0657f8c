"""azure-ai-ml: what the tasks of a whole release left behind. INFO holds, besides, what the story observed from outside."""

import base64
import json
from pathlib import Path

from oracle import check, equal, files_below, folder, info, ml_client, text_file

ml = ml_client()


def name_of(endpoint):
    return endpoint["scoringUri"].split("/")[-2]


@check("azure-ai-ml reads the jobs that SubmitTrainingJob submitted, with their logs")
def jobs():
    for trained in info["trained"]:
        found = ml.jobs.get(trained["job"])
        equal((found.type, found.status), ("command", "Completed"))
    last = info["trained"][-1]["job"]
    ml.jobs.download(last, download_path=folder / "job", all=True)
    assert "epoch" in files_below(folder / "job/artifacts/user_logs")["std_log.txt"]


@check("azure-ai-ml reads and downloads the models that RegisterModel registered")
def models():
    for trained in info["trained"]:
        found = ml.models.get(trained["model"], trained["version"])
        equal((found.tags["guardian.job"], found.job_name), (trained["job"], trained["job"]))
    ml.models.download(trained["model"], trained["version"], download_path=folder / "model")
    names = [path.name for path in (folder / "model").rglob("*")]
    assert "guardian-model.json" in names and any(name.endswith(".onnx") for name in names), names


@check("azure-ai-ml reads the endpoints and deployments that DeployOnlineEndpoint and Rollback left")
def endpoints():
    for endpoint in info["endpoints"]:
        found = ml.online_endpoints.get(name_of(endpoint))
        equal(found.provisioning_state, "Succeeded")
        equal({name: share for name, share in found.traffic.items() if share}, endpoint["traffic"])
        equal(found.mirror_traffic or {}, {})
        made = {item.name: (item.instance_count, item.tags["guardian.role"]) for item in ml.online_deployments.list(found.name)}
        equal(made, {item["name"]: (item["instances"], item["role"]) for item in endpoint["deployments"]})
        (live,) = endpoint["traffic"]
        assert ml.online_deployments.get_logs(live, found.name, lines=20).strip()


@check("azure-ai-ml invokes the endpoints")
def invoke():
    photograph = Path(info["root"], "samples/training/data/photographs/cat.jpg").read_bytes()
    request = text_file("request.json", json.dumps({"image": base64.b64encode(photograph).decode()}))
    for endpoint in info["endpoints"]:
        answer = json.loads(ml.online_endpoints.invoke(name_of(endpoint), request_file=request))
        assert answer["label"] and 0 < answer["probability"] <= 1, answer
