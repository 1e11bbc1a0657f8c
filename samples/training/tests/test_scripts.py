"""The two training scripts, run as a job runs them."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest
from typing import NamedTuple

import numpy
from PIL import Image

from .sample_data import DATA, TRAINING, small_data

QUICK = ["--architecture", "mobilenet_v3_small", "--image-size", "64", "--epochs", "4", "--batch-size", "16"]


class Ran(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def start_script(name, *arguments, folder, **settings):
    """In `folder`, tracking to its mlruns; `settings` go into its environment."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "AZUREML_"))}
    return subprocess.Popen(
        [sys.executable, str(TRAINING / name), *map(str, arguments)],
        cwd=folder,
        env={**own, "PYTHONDONTWRITEBYTECODE": "1", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )


def end_of(script):
    with script:
        stdout, stderr = script.communicate()
    return Ran(script.returncode, stdout, stderr)


class Demonstration(unittest.TestCase):
    """Both scripts with the settings of the demo, on the data that comes with them."""

    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.holder.cleanup)
        cls.folders, cls.outputs, scripts = {}, {}, {}
        for model in ("nsfw", "violence"):
            folder = cls.folders[model] = pathlib.Path(cls.holder.name) / model
            folder.mkdir()
            arguments = ["--data", DATA / f"{model}-detection", *QUICK, "--register-as", f"{model}-detector"]
            scripts[model] = start_script(f"train_{model}_model.py", *arguments, folder=folder)
        for model, script in scripts.items():
            ran = end_of(script)
            if ran.returncode != 0:
                raise AssertionError(f"train_{model}_model.py failed:\n{ran.stdout}\n{ran.stderr}")
            cls.outputs[model] = ran.stdout

    def tracked(self, model):
        import mlflow

        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        client = mlflow.MlflowClient((self.folders[model] / "mlruns").as_uri())
        experiment = client.get_experiment_by_name(f"{model}-detection")
        (run,) = client.search_runs([experiment.experiment_id])
        return client, run

    def test_reaches_an_accuracy_well_above_chance(self):
        for model in self.folders:
            with self.subTest(model):
                # Two thirds of the test images are safe: a model that always says so reaches 0.67.
                self.assertGreater(self.tracked(model)[1].data.metrics["test_accuracy"], 0.85)

    def test_tracks_parameters_and_metrics_of_every_epoch(self):
        client, run = self.tracked("nsfw")
        self.assertEqual(run.info.status, "FINISHED")
        self.assertEqual(run.data.params["architecture"], "mobilenet_v3_small")
        self.assertEqual(run.data.params["seed"], "7")
        for name in ("train_loss", "val_loss", "val_accuracy"):
            self.assertEqual([item.step for item in client.get_metric_history(run.info.run_id, name)], [1, 2, 3, 4])
        for name in ("precision", "recall", "f1"):
            self.assertIn(f"{name}_nsfw", run.data.metrics)

    def test_registers_a_version_with_the_files(self):
        client, run = self.tracked("violence")
        (version,) = client.search_model_versions("name='violence-detector'")
        self.assertEqual(version.run_id, run.info.run_id)
        files = {pathlib.PurePosixPath(item.path).name for item in client.list_artifacts(run.info.run_id, "model")}
        self.assertEqual(files, {"model.onnx", "guardian-model.json", "warmup.jpg", "model-card.md"})

    def test_prints_a_line_per_epoch_and_the_result(self):
        text = self.outputs["nsfw"]
        for epoch in range(1, 5):
            self.assertRegex(text, rf"epoch {epoch}/4  train_loss \d\.\d+  val_loss \d+\.\d+  val_accuracy \d\.\d+")
        self.assertIn("train 88 safe, 44 nsfw; validation 20 safe, 10 nsfw; test 40 safe, 20 nsfw", text)

    def test_writes_a_manifest_of_the_files_beside_it(self):
        for model, labels in (("nsfw", ["safe", "nsfw"]), ("violence", ["safe", "violence"])):
            folder = self.folders[model] / "outputs" / "model"
            manifest = json.loads((folder / "guardian-model.json").read_text())
            self.assertEqual((manifest["schemaVersion"], manifest["name"]), (1, f"{model}-detector"))
            self.assertEqual(manifest["labels"], labels)
            self.assertEqual((manifest["input"]["width"], manifest["input"]["height"]), (64, 64))
            self.assertTrue((folder / manifest["model"]).is_file())
            self.assertIn("test images", (folder / "model-card.md").read_text(encoding="utf-8"))

    def test_labels_the_whole_photographs_and_the_warmup_as_expected(self):
        try:
            import onnxruntime
        except ImportError:
            self.skipTest("onnxruntime is not installed")
        expected = json.loads((DATA / "photographs" / "expected-labels.json").read_text())
        for model in self.folders:
            folder = self.folders[model] / "outputs" / "model"
            manifest = json.loads((folder / "guardian-model.json").read_text())
            session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])

            # Nothing of the training code: only what the manifest says, as the scoring runtime does.
            def label(file, spec=manifest["input"], labels=manifest["labels"], session=session):
                image = Image.open(file).convert("RGB").resize((spec["width"], spec["height"]), Image.BILINEAR)
                pixels = numpy.asarray(image, dtype=numpy.float32) * spec["scale"]
                values = ((pixels - spec["mean"]) / spec["std"]).transpose(2, 0, 1)[None].astype(numpy.float32)
                return labels[int(session.run(None, {"image": values})[0].argmax())]

            for photograph, wanted in expected.items():
                if f"{model}-detection" in wanted:
                    with self.subTest(model=model, photograph=photograph):
                        self.assertEqual(label(DATA / "photographs" / photograph), wanted[f"{model}-detection"])
            self.assertEqual(label(folder / manifest["warmup"]["image"]), manifest["warmup"]["label"])


class Training(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        counts = {"train": {"safe": 6, "nsfw": 3}, "val": {"safe": 2, "nsfw": 2}, "test": {"safe": 2, "nsfw": 2}}
        self.data = small_data(self.folder / "data", counts)

    def train(self, *arguments, output="outputs"):
        quick = ["--architecture", "mobilenet_v3_small", "--image-size", "32", "--epochs", "1", "--batch-size", "4"]
        paths = ["--data", self.data, "--output", output]
        return end_of(start_script("train_nsfw_model.py", *paths, *quick, *arguments, folder=self.folder))

    def test_gives_the_same_model_for_the_same_seed_and_another_for_another(self):
        for output, seed in (("one", 3), ("two", 3), ("three", 4)):
            ran = self.train("--seed", seed, output=output)
            self.assertEqual(ran.returncode, 0, ran.stderr)
        files = (self.folder / name / "model" / "model.onnx" for name in ("one", "two", "three"))
        one, two, three = (file.read_bytes() for file in files)
        self.assertEqual(one, two)
        self.assertNotEqual(one, three)

    def test_starts_from_the_checkpoint_of_an_earlier_training(self):
        self.assertEqual(self.train(output="one").returncode, 0)
        ran = self.train("--pretrained-weights", "one/checkpoint/best.pt", output="two")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("started from best.pt", (self.folder / "two/model/model-card.md").read_text(encoding="utf-8"))

    def test_ends_after_an_interruption_as_if_there_had_been_none(self):
        for output, arguments in (
            ("whole", ["--epochs", "2"]),
            ("parted", ["--epochs", "1"]),
            ("parted", ["--epochs", "2", "--resume"]),
        ):
            ran = self.train(*arguments, output=output)
            self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("resuming after epoch 1", ran.stdout)
        whole, parted = (self.folder / name / "model" / "model.onnx" for name in ("whole", "parted"))
        self.assertEqual(whole.read_bytes(), parted.read_bytes())

        ran = self.train("--seed", "4", "--resume", output="parted")
        self.assertEqual(ran.returncode, 1)
        self.assertRegex(ran.stderr, "Error: The checkpoint .*last.pt belongs to another training .*seed=7")

    def test_stops_when_it_gets_no_better(self):
        # Steps so large that nothing is learnt.
        ran = self.train("--epochs", "30", "--patience", "2", "--learning-rate", "1000000")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertRegex(ran.stdout, r"no better epoch since epoch \d+: stopping")

    def test_is_shared_by_several_workers(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        scripts = []
        for rank in range(2):
            group = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
            group.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port, OMP_NUM_THREADS="1")
            paths = ["--data", self.data, "--output", "shared"]
            quick = ["--architecture", "mobilenet_v3_small", "--image-size", "64", "--epochs", "2", "--batch-size", "4"]
            scripts.append(start_script("train_nsfw_model.py", *paths, *quick, folder=self.folder, **group))
        first, second = map(end_of, scripts)
        self.assertEqual((first.returncode, second.returncode), (0, 0), first.stderr + second.stderr)
        self.assertIn("2 workers", first.stdout)
        self.assertRegex(first.stdout, "epoch 2/2 ")
        self.assertEqual(second.stdout, "")
        self.assertTrue((self.folder / "shared" / "model" / "guardian-model.json").is_file())

    def test_tells_what_is_wrong_in_one_line_and_fails(self):
        broken = next((self.data / "train" / "nsfw").iterdir())
        broken.write_bytes(b"no image")
        ran = self.train()
        self.assertEqual(ran.returncode, 1)
        errors = [line for line in ran.stderr.splitlines() if "WARNING" not in line and "INFO" not in line]
        self.assertEqual(len(errors), 1, ran.stderr)
        self.assertRegex(errors[0], rf"^Error: 1 of \d+ images cannot be read: .*{broken.name}")

    def test_refuses_images_that_are_too_small_for_the_networks(self):
        ran = self.train("--image-size", "16")
        self.assertEqual(ran.returncode, 2)
        self.assertIn("16 is less than 32", ran.stderr)


if __name__ == "__main__":
    unittest.main()
