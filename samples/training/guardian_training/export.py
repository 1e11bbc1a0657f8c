"""Writes what the scoring runtime reads: model.onnx, its manifest and a warm-up image."""

import inspect
import json
import math
import os
import pathlib
import warnings
from typing import Sequence

import onnx
import torch
from torch import nn

from .data import LabelledFile, Preprocessing, read_image

OPSET = 13
INPUT, OUTPUT = "image", "scores"
# Of the largest score, or of 1 where that is less: two libraries add up the same numbers in another order.
TOLERANCE = 1e-3


class ExportError(Exception):
    """The exported model is not the trained one."""


def export_model(
    model: nn.Module,
    folder: pathlib.Path,
    name: str,
    labels: Sequence[str],
    preprocessing: Preprocessing,
    images: Sequence[LabelledFile],
) -> str:
    """
    Writes model.onnx, warmup.jpg and guardian-model.json. `images`, which the network should get right, serve to check
    the export and as warm-up. @returns size and result of the check, for the log
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "model.onnx"
    export_onnx(model, file, preprocessing.image_size)
    # From all over the list, as it is sorted by label.
    some = images[:: math.ceil(len(images) / 16)]
    transform = preprocessing.transform()
    found = check_onnx(model, file, torch.stack([transform(read_image(path)) for path, _ in some]))
    warmup_label = write_warmup(model, folder / "warmup.jpg", preprocessing, some)
    write_manifest(folder, name, labels, preprocessing, warmup_label)
    return f"opset {OPSET}, {file.stat().st_size / 1e6:.1f} MB, {found}"


def export_onnx(model: nn.Module, file: pathlib.Path, image_size: int) -> None:
    """One input (batch, 3, size, size), one output (batch, labels) of scores before softmax; any batch size."""
    options = {"opset_version": OPSET, "input_names": [INPUT], "output_names": [OUTPUT]}
    options["dynamic_axes"] = {INPUT: {0: "batch"}, OUTPUT: {0: "batch"}}
    # From 2.9 on, torch exports in another way by default, which needs further packages.
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        options["dynamo"] = False
    model.eval()
    with warnings.catch_warnings():
        # Newer versions warn of this way of exporting at every call.
        warnings.simplefilter("ignore")
        torch.onnx.export(model, torch.zeros(1, 3, image_size, image_size), str(file), **options)


def check_onnx(model: nn.Module, file: pathlib.Path, images: torch.Tensor) -> str:
    """
    Compares with the trained network on `images` (batch, 3, size, size), together and the first one alone, where
    onnxruntime is installed; else checks that the file is well-formed. @returns what was found, for the log
    """
    onnx.checker.check_model(onnx.load(str(file)))
    # Its packages send usage data to Microsoft from 1.29 on, unless this is set before they are loaded.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError:
        return "well-formed; not compared with PyTorch, because onnxruntime is not installed"
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = model(images)
    worst, largest = 0.0, max(1.0, expected.abs().max().item())
    for count in (len(images), 1):
        (scores,) = session.run([OUTPUT], {INPUT: images[:count].numpy()})
        worst = max(worst, (torch.from_numpy(scores) - expected[:count]).abs().max().item() / largest)
    if not worst <= TOLERANCE:
        raise ExportError(f"{file} does not compute what was trained: its scores differ by {worst:.3g} of the largest.")
    return f"scores of {len(images)} images equal PyTorch's to {worst:.1g} of the largest"


def write_warmup(
    model: nn.Module, file: pathlib.Path, preprocessing: Preprocessing, candidates: Sequence[LabelledFile]
) -> int:
    """
    Writes the image that the scoring runtime tries at its start: the candidate of which the network is surest, so that
    another JPEG decoder's rounding cannot change the answer. @returns the index of the label that the network gives it
    """
    transform = preprocessing.transform()
    with torch.no_grad():
        sure = [torch.softmax(model(transform(read_image(path))[None])[0], 0).max().item() for path, _ in candidates]
        best = max(range(len(candidates)), key=sure.__getitem__)
        read_image(candidates[best][0]).save(file, quality=95)
        # What was written is what will be read.
        return int(model(transform(read_image(file))[None])[0].argmax())


def write_manifest(
    folder: pathlib.Path, name: str, labels: Sequence[str], preprocessing: Preprocessing, warmup_label: int
) -> None:
    manifest = {
        "schemaVersion": 1,
        "name": name,
        "model": "model.onnx",
        "input": preprocessing.manifest_input(),
        "output": {"activation": "softmax"},
        "labels": list(labels),
        "warmup": {"image": "warmup.jpg", "label": labels[warmup_label]},
    }
    (folder / "guardian-model.json").write_text(json.dumps(manifest, indent=2) + "\n")
