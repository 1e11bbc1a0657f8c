"""Trains an image classifier, tracks it with MLflow and exports it to ONNX."""

import argparse
import copy
import json
import os
import pathlib
import random
import sys
import time

import mlflow
import numpy
import torch
from torch import nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader

from .data import DataError, LabelledImages, class_weights, find_images, split_validation
from .export import export_model
from .network import ARCHITECTURES, build_network


def parse_arguments(arguments=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder with train/<label> and test/<label>")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("outputs"), help="where model/ is written")
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="resnet50")
    parser.add_argument("--weights", default="", help="torchvision state file to start from; random weights without it")
    parser.add_argument("--image-size", type=int, default=224, help="side in pixels")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--register-as", default="", help="register the model under this name when done")
    return parser.parse_args(arguments)


def evaluate(network, loader, criterion, device) -> tuple:
    """Mean loss, and per image the true and the predicted label's index."""
    network.eval()
    loss, truth, predicted = 0.0, [], []
    with torch.no_grad():
        for images, labels in loader:
            scores = network(images.to(device))
            loss += criterion(scores, labels.to(device)).item() * len(labels)
            truth += labels.tolist()
            predicted += scores.argmax(1).cpu().tolist()
    return loss / max(1, len(truth)), truth, predicted


def accuracy(truth, predicted) -> float:
    return sum(a == b for a, b in zip(truth, predicted)) / max(1, len(truth))


def label_metrics(truth, predicted, labels) -> dict:
    """Precision, recall and F1 of every label."""
    metrics = {}
    for index, label in enumerate(labels):
        hits = sum(a == b == index for a, b in zip(truth, predicted))
        precision = hits / max(1, predicted.count(index))
        recall = hits / max(1, truth.count(index))
        metrics[f"precision_{label}"] = precision
        metrics[f"recall_{label}"] = recall
        metrics[f"f1_{label}"] = 2 * precision * recall / max(1e-9, precision + recall)
    return metrics


def train(arguments: argparse.Namespace, model_name: str, labels) -> dict:
    random.seed(arguments.seed)
    numpy.random.seed(arguments.seed)
    torch.manual_seed(arguments.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    files, validation = split_validation(find_images(arguments.data / "train", labels), 0.2, arguments.seed)
    test = find_images(arguments.data / "test", labels)
    order = torch.Generator().manual_seed(arguments.seed)
    loader = DataLoader(LabelledImages(files, arguments.image_size, True), arguments.batch_size, shuffle=True, generator=order)
    validation_loader = DataLoader(LabelledImages(validation, arguments.image_size, False), arguments.batch_size)
    test_loader = DataLoader(LabelledImages(test, arguments.image_size, False), arguments.batch_size)
    print(f"{model_name}: {len(files)} images to train on, {len(validation)} to validate, {len(test)} to test; {arguments.architecture} on {device}", flush=True)

    network = build_network(arguments.architecture, len(labels), arguments.weights).to(device)
    criterion = nn.CrossEntropyLoss(weight=class_weights(files, len(labels)).to(device))
    optimizer = torch.optim.AdamW(network.parameters(), lr=arguments.learning_rate)
    mlflow.log_params({name: str(value) for name, value in vars(arguments).items()})

    best = (-1.0, float("inf"), None)
    for epoch in range(1, arguments.epochs + 1):
        began, total = time.perf_counter(), 0.0
        network.train()
        for images, targets in loader:
            optimizer.zero_grad()
            loss = criterion(network(images.to(device)), targets.to(device))
            loss.backward()
            optimizer.step()
            total += loss.item() * len(targets)
        # Running means of batch normalisation lag many steps behind the weights: with few images they would spoil the result.
        update_bn(loader, network, device)
        loss, truth, predicted = evaluate(network, validation_loader, criterion, device)
        metrics = {"train_loss": total / len(files), "val_loss": loss, "val_accuracy": accuracy(truth, predicted)}
        mlflow.log_metrics(metrics, step=epoch)
        if (metrics["val_accuracy"], -loss) >= (best[0], -best[1]):
            best = (metrics["val_accuracy"], loss, copy.deepcopy(network.state_dict()))
        text = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        print(f"epoch {epoch}/{arguments.epochs}  {text}  {time.perf_counter() - began:.1f} s", flush=True)

    network.load_state_dict(best[2])
    _, truth, predicted = evaluate(network, test_loader, criterion, device)
    final = {"test_accuracy": accuracy(truth, predicted), **label_metrics(truth, predicted, labels)}
    mlflow.log_metrics(final)
    print("  ".join(f"{name} {value:.4f}" for name, value in final.items()), flush=True)

    # An image that the network gets right tells the runtime at its start whether it computes what was trained.
    right = next((file for file, guess in zip(test, predicted) if file[1] == guess), None)
    warmup = (right[0], labels[right[1]]) if right else None
    folder = arguments.output / "model"
    export_model(network.cpu(), folder, model_name, labels, arguments.image_size, warmup)
    write_model_card(folder / "model-card.md", model_name, arguments, final)
    print(f"exported {folder / 'model.onnx'} ({(folder / 'model.onnx').stat().st_size / 1e6:.1f} MB)", flush=True)
    return final


def write_model_card(path: pathlib.Path, model_name: str, arguments: argparse.Namespace, metrics: dict) -> None:
    rows = "\n".join(f"| {name} | {value:.4f} |" for name, value in metrics.items())
    settings = json.dumps({name: str(value) for name, value in vars(arguments).items()}, indent=2)
    path.write_text(f"# {model_name}\n\n| metric | value |\n|---|---|\n{rows}\n\nTrained with\n\n```json\n{settings}\n```\n")


def main(model_name: str, labels, arguments=None) -> None:
    options = parse_arguments(arguments)
    # On Azure ML the run is there already: MLFLOW_RUN_ID names it.
    if "MLFLOW_RUN_ID" not in os.environ:
        mlflow.set_experiment(model_name.replace("detector", "detection"))
    try:
        with mlflow.start_run() as run:
            train(options, model_name, labels)
            if options.register_as:
                if "MLFLOW_RUN_ID" not in os.environ:
                    mlflow.log_artifacts(str(options.output), "outputs")
                version = mlflow.MlflowClient().create_model_version(options.register_as, f"runs:/{run.info.run_id}/outputs/model", run.info.run_id)
                print(f"registered {options.register_as}:{version.version}", flush=True)
    except DataError as error:
        sys.exit(str(error))
