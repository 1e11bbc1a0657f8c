"""
Makes the INT8 form of a trained model: a quarter of the size, and faster on a CPU. Compares both on the test images, and
keeps nothing when INT8 answers worse than allowed. Needs environment/quantize.txt instead of PyTorch.
"""

import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

# onnxruntime's packages send usage data to Microsoft from 1.29 on, unless this is set before they are loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
# Images from which the ranges of the activations are taken: more change them little.
CALIBRATION_IMAGES = 100


class Model:
    """A model's folder as the scoring runtime reads it: only what its manifest says."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.manifest = json.loads((folder / "guardian-model.json").read_text(encoding="utf-8"))
        self.file = folder / self.manifest["model"]
        self.session = onnxruntime.InferenceSession(str(self.file), providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def prepared(self, path: pathlib.Path) -> numpy.ndarray:
        """(1, 3, height, width)"""
        spec = self.manifest["input"]
        with Image.open(path) as image:
            pixels = image.convert("RGB").resize((spec["width"], spec["height"]), Image.BILINEAR)
        values = (numpy.asarray(pixels, dtype=numpy.float32) * spec["scale"] - spec["mean"]) / spec["std"]
        return values.transpose(2, 0, 1)[None].astype(numpy.float32)

    def label(self, path: pathlib.Path) -> str:
        (scores,) = self.session.run(None, {self.input: self.prepared(path)})
        return self.manifest["labels"][int(scores.argmax())]

    def accuracy(self, files) -> float:
        return sum(self.label(path) == label for path, label in files) / len(files)

    def milliseconds(self, path: pathlib.Path) -> float:
        """Median of twenty answers to one image, without its preparation."""
        image = self.prepared(path)
        times = []
        for _ in range(20):
            began = time.perf_counter()
            self.session.run(None, {self.input: image})
            times.append(time.perf_counter() - began)
        return sorted(times)[10] * 1000


class Calibration(CalibrationDataReader):
    def __init__(self, model: Model, files):
        self.images = iter({model.input: model.prepared(path)} for path, _ in files)

    def get_next(self):
        return next(self.images, None)


def labelled(folder: pathlib.Path, labels):
    files = [(path, label) for label in labels for path in sorted((folder / label).rglob("*"))]
    files = [(path, label) for path, label in files if path.suffix.lower() in SUFFIXES]
    if not files:
        sys.exit(f"Error: {folder} has no images of {', '.join(labels)}.")
    return files


def quantize(model: Model, files, target: pathlib.Path) -> None:
    step = -(-len(files) // CALIBRATION_IMAGES)
    with tempfile.TemporaryDirectory() as folder:
        prepared = pathlib.Path(folder) / "prepared.onnx"
        # Folds batch normalisation into the convolutions, which then lose less.
        quant_pre_process(str(model.file), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(target),
            Calibration(model, files[::step]),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            # Seven bits: processors without VNNI would overflow with eight.
            reduce_range=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, default=pathlib.Path("outputs/model"), help="the trained model")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder with train/LABEL and test/LABEL")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("outputs/model-int8"))
    parser.add_argument("--max-drop", type=float, default=0.01, help="accuracy that INT8 may lose, 0 to 1")
    options = parser.parse_args()

    full = Model(options.model)
    test = labelled(options.data / "test", full.manifest["labels"])
    # Under its own name only when it has passed.
    unproven = options.output.with_name(f"{options.output.name}.part")
    shutil.rmtree(unproven, ignore_errors=True)
    shutil.copytree(options.model, unproven)
    quantize(full, labelled(options.data / "train", full.manifest["labels"]), unproven / full.manifest["model"])
    small = Model(unproven)

    before, after = full.accuracy(test), small.accuracy(test)
    sizes = [model.file.stat().st_size / 1e6 for model in (full, small)]
    speeds = [model.milliseconds(test[0][0]) for model in (full, small)]
    print(f"accuracy on {len(test)} test images: {before:.4f} in 32 bits, {after:.4f} in INT8")
    print(f"size {sizes[0]:.1f} MB and {sizes[1]:.1f} MB, one image {speeds[0]:.1f} ms and {speeds[1]:.1f} ms")
    problems = []
    if before - after > options.max_drop:
        problems.append(f"INT8 loses {before - after:.4f} of the accuracy, more than --max-drop {options.max_drop}")
    warmup = full.manifest.get("warmup")
    if warmup is not None and small.label(unproven / warmup["image"]) != warmup["label"]:
        problems.append("INT8 gives the warm-up image another label")
    if problems:
        shutil.rmtree(unproven)
        sys.exit(f"Error: {' and '.join(problems)}. Stay with 32 bits.")
    shutil.rmtree(options.output, ignore_errors=True)
    unproven.rename(options.output)
    print(f"kept as {options.output}")


if __name__ == "__main__":
    main()
