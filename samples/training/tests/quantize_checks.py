"""
quantize_model.py on a small network that tells red from blue. Not found by name with the other tests: it needs
environment/quantize.txt, which they do not.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

TRAINING = pathlib.Path(__file__).resolve().parent.parent
LABELS = ("red", "blue")


def write_model(folder: pathlib.Path) -> None:
    """Convolution, ReLU, mean over the image, and a score for red and one for blue."""
    folder.mkdir()
    rng = numpy.random.default_rng(1)
    kernels = rng.normal(0, 0.02, (64, 3, 3, 3)).astype(numpy.float32)
    kernels[0::2, 0], kernels[1::2, 2] = kernels[0::2, 0] + 0.1, kernels[1::2, 2] + 0.1
    scores = numpy.zeros((64, 2), numpy.float32)
    scores[0::2, 0], scores[1::2, 1] = 0.2, 0.2
    weights = [numpy_helper.from_array(kernels, "kernels"), numpy_helper.from_array(scores, "weights")]
    nodes = [
        helper.make_node("Conv", ["image", "kernels"], ["found"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["found"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["scores"]),
    ]
    given = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 16, 16])
    answer = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 2])
    graph = helper.make_graph(nodes, "colours", [given], [answer], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(folder / "model.onnx"))
    spec = {"width": 16, "height": 16, "scale": 1 / 255, "mean": [0, 0, 0], "std": [1, 1, 1]}
    manifest = {"schemaVersion": 1, "name": "colours", "model": "model.onnx", "input": spec, "labels": LABELS}
    (folder / "guardian-model.json").write_text(json.dumps(manifest))


def write_images(folder: pathlib.Path) -> None:
    rng = numpy.random.default_rng(2)
    for part in ("train", "test"):
        for channel, label in ((0, "red"), (2, "blue")):
            (folder / part / label).mkdir(parents=True)
            for index in range(6):
                pixels = rng.integers(0, 60, (16, 16, 3), dtype=numpy.uint8)
                pixels[:, :, channel] += 150
                Image.fromarray(pixels).save(folder / part / label / f"{index}.png")


class Quantize(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        write_model(self.folder / "model")
        write_images(self.folder / "data")

    def quantize(self, *arguments):
        paths = ["--model", self.folder / "model", "--data", self.folder / "data", "--output", self.folder / "int8"]
        command = [sys.executable, TRAINING / "quantize_model.py", *paths, *arguments]
        return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)

    def test_keeps_a_model_of_integers_that_answers_as_well(self):
        ran = self.quantize()
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("accuracy on 12 test images: 1.0000 in 32 bits, 1.0000 in INT8", ran.stdout)
        model = onnx.load(str(self.folder / "int8" / "model.onnx"))
        kinds = {tensor.data_type for tensor in model.graph.initializer if numpy_helper.to_array(tensor).ndim == 4}
        self.assertEqual(kinds, {TensorProto.INT8})
        onnxruntime.InferenceSession(str(self.folder / "int8" / "model.onnx"), providers=["CPUExecutionProvider"])
        self.assertTrue((self.folder / "int8" / "guardian-model.json").is_file())

    def test_keeps_nothing_when_it_answers_worse_than_allowed(self):
        ran = self.quantize("--max-drop=-0.5")
        self.assertEqual(ran.returncode, 1)
        self.assertRegex(ran.stderr, r"Error: INT8 loses 0\.0000 of the accuracy, more than --max-drop -0\.5")
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["data", "model"])


if __name__ == "__main__":
    unittest.main()
