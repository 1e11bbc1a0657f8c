"""azure-ai-ml: jobs. JavaScript's client has submitted js-job before, which has ended."""

import os
import sys
import time
from contextlib import redirect_stdout

from azure.ai.ml import Input, Output, command, dsl
from azure.ai.ml.entities import Environment, Model
from azure.ai.ml.exceptions import JobException
from azure.ai.ml.sweep import Choice

from oracle import check, equal, files_below, folder, info, ml_client, text_file

ml = ml_client()
ml.environments.create_or_update(Environment(name="py-shell", version="1", image="ubuntu:24.04"))
cluster = "cpu-training-cluster"
go = folder / "go"
text_file(
    "code/train.py",
    """
import os, pathlib, sys, time
data, out, epochs, go = sys.argv[1:]
print("data:", pathlib.Path(data).read_text(), flush=True)
while not os.path.exists(go): time.sleep(0.05)
pathlib.Path(out, "result.txt").write_text("after " + epochs)
pathlib.Path("outputs").mkdir(exist_ok=True)
pathlib.Path("outputs/model.txt").write_text("trained")
print("flag:", os.environ["FLAG"])
print("end of training", flush=True)
""",
)
job = {}


def shell(line, **more):
    return command(command=line, environment="py-shell:1", compute=cluster, experiment_name="oracle", **more)


def end_of(name):
    while (status := ml.jobs.get(name).status) not in ("Completed", "Failed", "Canceled"):
        time.sleep(0.1)
    return status


@check("a command job is submitted with code, input, output and variables")
def submit():
    made = shell(
        f"python3 train.py ${{{{inputs.data}}}} ${{{{outputs.result}}}} ${{{{inputs.epochs}}}} {go}",
        code=folder / "code",
        inputs={"data": Input(type="uri_file", path=text_file("data.txt", "four pictures")), "epochs": 3},
        outputs={"result": Output(type="uri_folder")},
        environment_variables={"FLAG": "up"},
        display_name="A first try",
        tags={"purpose": "test"},
    )
    submitted = ml.jobs.create_or_update(made)
    job["name"] = submitted.name
    found = ml.jobs.get(submitted.name)
    equal((found.display_name, found.tags, found.experiment_name), ("A first try", {"purpose": "test"}, "oracle"))
    assert "epochs: '3'" in str(found), found
    equal(found.environment_variables["FLAG"], "up")


class GoWhenSeen:
    """Standard output that lets the job go on as soon as its first line is seen: proof that the log grows while the job runs."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text
        if "data: four pictures" in self.text:
            go.touch()

    def flush(self):
        pass


@check("its log is streamed while it runs")
def stream():
    seen = GoWhenSeen()
    with redirect_stdout(seen):
        ml.jobs.stream(job["name"])
    assert "flag: up" in seen.text and "end of training" in seen.text, seen.text
    assert "Execution Summary" in seen.text, seen.text
    equal(ml.jobs.get(job["name"]).status, "Completed")


@check("its outputs and logs are downloaded")
def download():
    ml.jobs.download(job["name"], download_path=folder / "all", all=True)
    found = files_below(folder / "all")
    equal(found["named-outputs/result/result.txt"], "after 3")
    equal(found["artifacts/outputs/model.txt"], "trained")
    assert "flag: up" in found["artifacts/user_logs/std_log.txt"]


@check("one output is downloaded by its name")
def download_one():
    ml.jobs.download(job["name"], download_path=folder / "one", output_name="result")
    equal(files_below(folder / "one"), {"named-outputs/result/result.txt": "after 3"})


@check("its output becomes a model, which is downloaded")
def model_from_job():
    path = f"azureml://jobs/{job['name']}/outputs/artifacts/paths/outputs/"
    made = ml.models.create_or_update(Model(name="py-trained", path=path, type="custom_model"))
    equal(made.job_name, job["name"])
    ml.models.download("py-trained", "1", download_path=folder / "model")
    equal(list(files_below(folder / "model").values()), ["trained"])


@check("the job is listed, archived and restored")
def archive():
    listed = lambda: [item.name for item in ml.jobs.list()]
    assert job["name"] in listed()
    ml.jobs.archive(job["name"])
    assert job["name"] not in listed()
    ml.jobs.restore(job["name"])
    assert job["name"] in listed()


@check("its tags can be changed")
def change():
    found = ml.jobs.get(job["name"])
    found.tags["reviewed"] = "yes"
    ml.jobs.create_or_update(found)
    equal(ml.jobs.get(job["name"]).tags, {"purpose": "test", "reviewed": "yes"})


@check("a running job is cancelled")
def cancel():
    name = ml.jobs.create_or_update(shell("sleep 600")).name
    ml.jobs.begin_cancel(name).result()
    equal(end_of(name), "Canceled")


@check("a failing job's stream ends with the service's words")
def fail():
    name = ml.jobs.create_or_update(shell("echo no memory >&2; exit 3")).name
    try:
        ml.jobs.stream(name)
    except JobException as error:
        assert "exited with status code 3" in str(error) and "no memory" in str(error), error
    else:
        raise AssertionError("the stream ended as if all were well")
    equal(ml.jobs.get(name).status, "Failed")


@check("a sweep over a grid runs a trial for each value, and its best one is known")
def sweep():
    trial = shell("python3 -c 'import os' && echo rate ${{inputs.rate}}", inputs={"rate": 0.1})
    made = trial(rate=Choice([0.1, 0.2])).sweep(
        sampling_algorithm="grid", primary_metric="accuracy", goal="Maximize", compute=cluster
    )
    made.set_limits(max_total_trials=2, max_concurrent_trials=2)
    name = ml.jobs.create_or_update(made).name
    equal(end_of(name), "Completed")
    trials = list(ml.jobs.list(parent_job_name=name))
    equal(len(trials), 2)
    equal({item.status for item in trials}, {"Completed"})


@check("a pipeline of two steps hands the first one's output to the second")
def pipeline():
    write = command(
        name="write", command="echo from the first step > ${{outputs.text}}/text", environment="py-shell:1",
        outputs={"text": Output(type="uri_folder")},
    )  # fmt: skip
    read = command(
        name="read", command="cp ${{inputs.text}}/text ${{outputs.result}}/text", environment="py-shell:1",
        inputs={"text": Input(type="uri_folder")}, outputs={"result": Output(type="uri_folder")},
    )  # fmt: skip

    @dsl.pipeline(default_compute=cluster)
    def two_steps():
        first = write()
        second = read(text=first.outputs.text)
        return {"result": second.outputs.result}

    name = ml.jobs.create_or_update(two_steps(), experiment_name="oracle").name
    ml.jobs.stream(name)
    equal(ml.jobs.get(name).status, "Completed")
    steps = {item.display_name: item.status for item in ml.jobs.list(parent_job_name=name)}
    equal(steps, {"first": "Completed", "second": "Completed"})
    ml.jobs.download(name, download_path=folder / "pipeline", output_name="result")
    equal(list(files_below(folder / "pipeline").values()), ["from the first step\n"])


@check("a job that JavaScript's client submitted is read, and its log downloaded")
def job_of_other():
    found = ml.jobs.get("js-job")
    equal((found.status, found.command), ("Completed", "echo from JavaScript; mkdir -p outputs; echo kept > outputs/kept.txt"))
    ml.jobs.download("js-job", download_path=folder / "js", all=True)
    found = files_below(folder / "js")
    assert "from JavaScript" in found["artifacts/user_logs/std_log.txt"]
    equal(found["artifacts/outputs/kept.txt"], "kept\n")
