"""Trains an image classifier, tracks it with MLflow and exports it to ONNX for the Guardian AI scoring runtime."""

import argparse
import itertools
import pathlib
import random
import sys
import time
from typing import Dict, NamedTuple, Optional, Sequence

import mlflow
import numpy
import torch
from torch import nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader

from .data import (
    DataError,
    LabelledFile,
    LabelledImages,
    Preprocessing,
    Splits,
    check_images,
    class_weights,
    count_labels,
    find_splits,
)
from .export import ExportError, export_model
from .metrics import accuracy, label_metrics
from .model import ARCHITECTURES, WeightsError, build_model
from .model_card import write_model_card
from .tracking import register, tracked_run

# Seconds between two progress lines within an epoch.
PROGRESS_SECONDS = 10
# Batches from which batch normalisation takes its statistics for evaluation: more change them little and take time.
STATISTICS_BATCHES = 32


class Task(NamedTuple):
    """What one training script is about."""

    model_name: str
    labels: Sequence[str]
    # Of MLflow; on Azure ML the job's experiment is used.
    experiment: str
    # One sentence for the model card.
    description: str


def say(text: str) -> None:
    # Flushed, because on Azure ML the output is a file that people follow.
    print(text, flush=True)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def image_side(text: str) -> int:
    side = int(text)
    if side < 32:
        raise argparse.ArgumentTypeError(f"{text} is less than 32; the networks halve an image five times")
    return side


def parse_arguments(arguments: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    folders = "folder with train/LABEL, test/LABEL and perhaps val/LABEL"
    parser.add_argument("--data", type=pathlib.Path, required=True, help=folders)
    output = "model/ and checkpoint/ are written here"
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("outputs"), help=output)
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="resnet50")
    weights = "state_dict file to start from, of torchvision or of an earlier training; random weights without it"
    parser.add_argument("--pretrained-weights", type=pathlib.Path, help=weights)
    parser.add_argument("--image-size", type=image_side, default=224, help="side in pixels")
    parser.add_argument("--epochs", type=positive, default=10)
    parser.add_argument("--batch-size", type=positive, default=16)
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--register-as", metavar="NAME", help="register the model under this name when it is done")
    return parser.parse_args(arguments)


def seed_everything(seed: int) -> None:
    """The same seed gives the same model on the same machine with the same number of threads."""
    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)


class Trainer:
    """A network and what it takes to train it."""

    def __init__(self, options: argparse.Namespace, splits: Splits, label_count: int):
        self.options = options
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.preprocessing = Preprocessing(options.image_size)
        self.model = build_model(options.architecture, label_count, options.pretrained_weights).to(self.device)
        self.train_loader = DataLoader(
            LabelledImages(splits.train, self.preprocessing.training_transform()),
            options.batch_size,
            shuffle=True,
            # Batch normalisation cannot learn from a batch of one image.
            drop_last=len(splits.train) % options.batch_size == 1 and len(splits.train) > 1,
            generator=torch.Generator().manual_seed(options.seed),
        )
        self.criterion = nn.CrossEntropyLoss(weight=class_weights(splits.train, label_count).to(self.device))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=options.learning_rate)

    def train_epoch(self, epoch: int) -> float:
        """@returns the mean loss over the images"""
        self.model.train()
        loss_sum, seen, batches = 0.0, 0, 0
        told = time.perf_counter()
        for images, targets in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(images.to(self.device)), targets.to(self.device))
            loss.backward()
            self.optimizer.step()
            loss_sum += loss.item() * len(targets)
            seen += len(targets)
            batches += 1
            if time.perf_counter() - told > PROGRESS_SECONDS:
                told = time.perf_counter()
                batch = f"batch {batches}/{len(self.train_loader)}"
                say(f"epoch {epoch}/{self.options.epochs}  {batch}  loss {loss.item():.4f}")
        # Running means of batch normalisation lag behind the weights: after few batches they would spoil the result.
        update_bn(itertools.islice(self.train_loader, STATISTICS_BATCHES), self.model, self.device)
        return loss_sum / seen

    def evaluate(self, files: Sequence[LabelledFile]):
        """Weighted mean loss, and per image the true and the predicted label's index."""
        self.model.eval()
        scores, truth = [], []
        loader = DataLoader(LabelledImages(files, self.preprocessing.transform()), self.options.batch_size)
        with torch.no_grad():
            for images, targets in loader:
                scores.append(self.model(images.to(self.device)))
                truth += targets.tolist()
        all_scores = torch.cat(scores)
        loss = self.criterion(all_scores, torch.tensor(truth, device=self.device)).item()
        return loss, truth, all_scores.argmax(1).tolist()

    def fit(self, validation: Sequence[LabelledFile], checkpoint: pathlib.Path) -> int:
        """Trains all epochs and ends with the weights of the best one, which `checkpoint` keeps. @returns that epoch"""
        best_epoch, best = 0, (-1.0, float("-inf"))
        for epoch in range(1, self.options.epochs + 1):
            began = time.perf_counter()
            train_loss = self.train_epoch(epoch)
            val_loss, truth, predicted = self.evaluate(validation)
            metrics = {"train_loss": train_loss, "val_loss": val_loss, "val_accuracy": accuracy(truth, predicted)}
            mlflow.log_metrics(metrics, step=epoch)
            result = (metrics["val_accuracy"], -val_loss)
            better = best_epoch == 0 or result > best
            if better:
                best_epoch, best = epoch, result
                torch.save(self.model.state_dict(), checkpoint)
            text = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
            took = f"{time.perf_counter() - began:.1f} s"
            say(f"epoch {epoch}/{self.options.epochs}  {text}  {took}{'  best so far' if better else ''}")
        self.model.load_state_dict(torch.load(checkpoint, map_location=self.device))
        return best_epoch


def train(options: argparse.Namespace, task: Task, splits: Splits) -> Dict[str, float]:
    """Trains, evaluates and exports. @returns the final metrics"""
    seed_everything(options.seed)
    trainer = Trainer(options, splits, len(task.labels))
    images = "; ".join(f"{name} {describe(files, task.labels)}" for name, files in zip(splits._fields, splits))
    network = f"{options.architecture} at {options.image_size} px"
    say(f"{task.model_name}: {network} on {trainer.device}, {torch.get_num_threads()} threads")
    say(f"images: {images}")
    mlflow.log_params({name: str(value) for name, value in vars(options).items() if value is not None})

    checkpoint = options.output / "checkpoint" / "best.pt"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    best_epoch = trainer.fit(splits.validation, checkpoint)

    _, truth, predicted = trainer.evaluate(splits.test)
    metrics = {"test_accuracy": accuracy(truth, predicted), **label_metrics(truth, predicted, task.labels)}
    mlflow.log_metrics(metrics)
    say(f"test  {'  '.join(f'{name} {value:.4f}' for name, value in metrics.items())}")

    folder = options.output / "model"
    right = [file for file, guess in zip(splits.test, predicted) if file[1] == guess]
    model = trainer.model.cpu()
    weights = options.pretrained_weights
    check = export_model(model, folder, task.model_name, task.labels, trainer.preprocessing, right or splits.test)
    write_model_card(
        folder / "model-card.md",
        metrics,
        task.labels,
        name=task.model_name,
        description=task.description,
        network=network,
        start=f"started from {weights.name}" if weights else "from random weights",
        images=images,
        best_epoch=best_epoch,
        export=check,
        torch=torch.__version__,
        **{name: getattr(options, name) for name in ("epochs", "batch_size", "learning_rate", "seed")},
    )
    say(f"exported {folder / 'model.onnx'}: {check}")
    return metrics


def describe(files: Sequence[LabelledFile], labels: Sequence[str]) -> str:
    return ", ".join(f"{count} {label}" for label, count in zip(labels, count_labels(files, len(labels))))


def main(task: Task, arguments: Optional[Sequence[str]] = None) -> None:
    """The whole of a training script. What the user can put right ends it with one line and exit code 1."""
    options = parse_arguments(arguments)
    try:
        splits = find_splits(options.data, task.labels, options.seed)
        check_images([*splits.train, *splits.validation, *splits.test])
        with tracked_run(task.experiment) as run:
            train(options, task, splits)
            if options.register_as:
                say(f"registered {register(options.output / 'model', options.register_as, run.info.run_id)}")
    except (DataError, WeightsError, ExportError) as error:
        sys.exit(f"Error: {error}")
