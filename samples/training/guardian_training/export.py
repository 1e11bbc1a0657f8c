"""Writes what the scoring runtime reads: model.onnx, its manifest and a warm-up image."""

import inspect
import json
import pathlib

import onnx
import torch
from PIL import Image

from .data import MEAN, STD


def export_model(network, folder: pathlib.Path, model_name: str, labels, image_size: int, warmup) -> None:
    """`warmup` is (path of an image, its label as the trained network sees it), or None."""
    folder.mkdir(parents=True, exist_ok=True)
    network.eval()
    options = {"opset_version": 13, "input_names": ["image"], "output_names": ["scores"]}
    options["dynamic_axes"] = {"image": {0: "batch"}, "scores": {0: "batch"}}
    # From 2.9 on, torch exports in another way by default, which needs further packages.
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        options["dynamo"] = False
    torch.onnx.export(network, torch.zeros(1, 3, image_size, image_size), str(folder / "model.onnx"), **options)
    onnx.checker.check_model(onnx.load(str(folder / "model.onnx")))

    manifest = {
        "schemaVersion": 1,
        "name": model_name,
        "model": "model.onnx",
        "input": {
            "layout": "NCHW",
            "channels": "RGB",
            "width": image_size,
            "height": image_size,
            "resize": "stretch",
            "scale": 1 / 255,
            "mean": list(MEAN),
            "std": list(STD),
        },
        "output": {"activation": "softmax"},
        "labels": list(labels),
    }
    if warmup:
        path, label = warmup
        with Image.open(path) as image:
            image.convert("RGB").save(folder / "warmup.jpg", quality=90)
        manifest["warmup"] = {"image": "warmup.jpg", "label": label}
    (folder / "guardian-model.json").write_text(json.dumps(manifest, indent=2) + "\n")
