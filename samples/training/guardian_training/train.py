"""Trains an image classifier, tracks it with MLflow and exports it to ONNX for the Guardian AI scoring runtime."""

import argparse
import contextlib
import itertools
import math
import pathlib
import random
import sys
import time
from typing import Dict, NamedTuple, Optional, Sequence, Tuple

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
from .calibration import Calibrated, calibration_error, find_temperature
from .export import ExportError, export_model
from .metrics import accuracy, label_metrics
from .model import ARCHITECTURES, WeightsError, build_model
from .model_card import write_model_card
from .tracking import register, tracked_run
from .workers import Workers

# Seconds between two progress lines within an epoch.
PROGRESS_SECONDS = 10
# Batches from which batch normalisation takes its statistics for evaluation: more change them little and take time.
STATISTICS_BATCHES = 32
# Options that must be the same for a checkpoint to be gone on with.
RESUMED_WITH = ("architecture", "image_size", "batch_size", "learning_rate", "seed")


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
    checkpoint = "folder for checkpoints in place of OUTPUT/checkpoint, such as one that outlives a node"
    parser.add_argument("--checkpoint", type=pathlib.Path, help=checkpoint)
    resume = "go on after the last whole epoch that the checkpoint folder holds, if it holds one"
    parser.add_argument("--resume", action="store_true", help=resume)
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="resnet50")
    weights = "state_dict file to start from, of torchvision or of an earlier training; random weights without it"
    parser.add_argument("--pretrained-weights", type=pathlib.Path, help=weights)
    parser.add_argument("--image-size", type=image_side, default=224, help="side in pixels")
    parser.add_argument("--epochs", type=positive, default=10)
    parser.add_argument("--batch-size", type=positive, default=16)
    patience = "stop after so many epochs without a better one"
    parser.add_argument("--patience", type=positive, default=5, help=patience)
    precision = "train in 32 bits on a GPU too, where 16 are used otherwise"
    parser.add_argument("--full-precision", action="store_true", help=precision)
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

    def __init__(self, options: argparse.Namespace, splits: Splits, label_count: int, workers: Workers):
        self.options = options
        self.workers = workers
        self.device = workers.device
        self.preprocessing = Preprocessing(options.image_size)
        self.model = build_model(options.architecture, label_count, options.pretrained_weights).to(self.device)
        self.network = workers.shared(self.model)
        images = LabelledImages(splits.train, self.preprocessing.training_transform())
        self.sampler = workers.sampler(images, options.seed)
        self.shuffling = torch.Generator().manual_seed(options.seed)
        own = math.ceil(len(images) / workers.count)
        self.train_loader = DataLoader(
            images,
            options.batch_size,
            shuffle=self.sampler is None,
            sampler=self.sampler,
            # Batch normalisation cannot learn from a batch of one image.
            drop_last=own % options.batch_size == 1 and own > 1,
            generator=self.shuffling,
        )
        self.criterion = nn.CrossEntropyLoss(weight=class_weights(splits.train, label_count).to(self.device))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=options.learning_rate)
        # 16 bits where a GPU is faster with them; the scaler keeps small gradients from vanishing there.
        self.is_mixed = self.device.type == "cuda" and not options.full_precision
        self.scaler = torch.cuda.amp.GradScaler(enabled=self.is_mixed)

    def train_epoch(self, epoch: int) -> float:
        """@returns the mean loss over the images"""
        self.model.train()
        if self.sampler is not None:
            self.sampler.set_epoch(epoch)
        loss_sum, seen, batches = 0.0, 0, 0
        told = time.perf_counter()
        for images, targets in self.train_loader:
            self.optimizer.zero_grad()
            with torch.autocast(self.device.type, enabled=self.is_mixed):
                loss = self.criterion(self.network(images.to(self.device)), targets.to(self.device))
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()
            loss_sum += loss.item() * len(targets)
            seen += len(targets)
            batches += 1
            if self.workers.is_first and time.perf_counter() - told > PROGRESS_SECONDS:
                told = time.perf_counter()
                batch = f"batch {batches}/{len(self.train_loader)}"
                say(f"epoch {epoch}/{self.options.epochs}  {batch}  loss {loss.item():.4f}")
        # Running means of batch normalisation lag behind the weights: after few batches they would spoil the result.
        update_bn(itertools.islice(self.train_loader, STATISTICS_BATCHES), self.model, self.device)
        loss_sum, seen = self.workers.sum(loss_sum, seen)
        return loss_sum / seen

    def evaluate(self, files: Sequence[LabelledFile]):
        """Weighted mean loss, per image the true and the predicted label's index, and the scores before softmax."""
        self.model.eval()
        scores, truth = [], []
        loader = DataLoader(LabelledImages(files, self.preprocessing.transform()), self.options.batch_size)
        with torch.no_grad():
            for images, targets in loader:
                scores.append(self.model(images.to(self.device)))
                truth += targets.tolist()
        all_scores = torch.cat(scores)
        loss = self.criterion(all_scores, torch.tensor(truth, device=self.device)).item()
        return loss, truth, all_scores.argmax(1).tolist(), all_scores.cpu()

    def fit(self, validation: Sequence[LabelledFile], checkpoint: pathlib.Path) -> int:
        """Trains until it gets no better and ends with the weights of the best epoch, in `best.pt`. @returns that epoch"""
        progress = self.resumed(checkpoint / "last.pt") if self.options.resume else Progress()
        for epoch in range(progress.epoch + 1, self.options.epochs + 1):
            began = time.perf_counter()
            train_loss = self.train_epoch(epoch)
            if self.workers.is_first:
                progress = self.judged(epoch, train_loss, validation, progress, checkpoint, began)
            is_over = epoch - progress.best_epoch >= self.options.patience
            if self.workers.as_first_says(is_over):
                if self.workers.is_first:
                    say(f"no better epoch since epoch {progress.best_epoch}: stopping")
                break
        if self.workers.is_first:
            self.model.load_state_dict(torch.load(checkpoint / "best.pt", map_location=self.device))
        return progress.best_epoch

    def judged(
        self,
        epoch: int,
        train_loss: float,
        validation: Sequence[LabelledFile],
        before: "Progress",
        checkpoint: pathlib.Path,
        began: float,
    ) -> "Progress":
        """Evaluates an epoch, tracks it, and keeps what is needed to go on after it."""
        val_loss, truth, predicted, _ = self.evaluate(validation)
        metrics = {"train_loss": train_loss, "val_loss": val_loss, "val_accuracy": accuracy(truth, predicted)}
        mlflow.log_metrics(metrics, step=epoch)
        result = (metrics["val_accuracy"], -val_loss)
        better = before.best_epoch == 0 or result > before.best
        if better:
            write_whole(self.model.state_dict(), checkpoint / "best.pt")
        progress = Progress(epoch, epoch, result) if better else before._replace(epoch=epoch)
        numbers = torch.tensor([progress.epoch, progress.best_epoch, *progress.best], dtype=torch.float64)
        write_whole({**self.state(), "progress": numbers}, checkpoint / "last.pt")
        text = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        took = f"{time.perf_counter() - began:.1f} s"
        say(f"epoch {epoch}/{self.options.epochs}  {text}  {took}{'  best so far' if better else ''}")
        return progress

    def state(self) -> dict:
        """All that the next epoch depends on, so that a training that was interrupted ends as if it had not been."""
        return {
            "made_for": self.made_for(),
            "model": self.model.state_dict(),
            # Plain numbers as tensors: older versions read no others from a file that must not be able to run code.
            "optimizer": self.optimizer.state_dict()["state"],
            "scaler": {name: torch.tensor(value).double() for name, value in self.scaler.state_dict().items()},
            "random": torch.get_rng_state(),
            "shuffling": self.shuffling.get_state(),
        }

    def made_for(self) -> str:
        return " ".join(f"{name}={getattr(self.options, name)}" for name in RESUMED_WITH)

    def resumed(self, file: pathlib.Path) -> "Progress":
        """Takes up the state of an earlier run; the start where there is none."""
        if not self.workers.as_first_says(file.is_file()):
            return Progress()
        if not file.is_file():
            raise WeightsError(f"Only the first worker sees {file}: --checkpoint must be a folder that all workers share.")
        state = torch.load(file, map_location="cpu", weights_only=True)
        if state["made_for"] != self.made_for():
            raise WeightsError(
                f"The checkpoint {file} belongs to another training ({state['made_for']}), not to this one "
                f"({self.made_for()}). Take it away, or train without --resume."
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state["optimizer"]})
        self.scaler.load_state_dict({name: value.item() for name, value in state["scaler"].items()})
        torch.set_rng_state(state["random"])
        self.shuffling.set_state(state["shuffling"])
        epoch, best_epoch, *best = state["progress"].tolist()
        progress = Progress(int(epoch), int(best_epoch), tuple(best))
        if self.workers.is_first:
            say(f"resuming after epoch {progress.epoch}, the best so far is epoch {progress.best_epoch}")
        return progress


class Progress(NamedTuple):
    """How far a training has come."""

    epoch: int = 0
    best_epoch: int = 0
    # Accuracy and negative loss on the validation images.
    best: Tuple[float, float] = (-1.0, float("-inf"))


def write_whole(value: dict, file: pathlib.Path) -> None:
    """A node may be taken away at any time: what is there under the file's name is always whole."""
    unfinished = file.with_suffix(".part")
    torch.save(value, unfinished)
    unfinished.replace(file)


def train(options: argparse.Namespace, task: Task, splits: Splits, workers: Workers) -> Dict[str, float]:
    """Trains, evaluates and exports. @returns the final metrics; nothing in a worker that is not the first"""
    seed_everything(options.seed)
    trainer = Trainer(options, splits, len(task.labels), workers)
    images = "; ".join(f"{name} {describe(files, task.labels)}" for name, files in zip(splits._fields, splits))
    network = f"{options.architecture} at {options.image_size} px"
    if workers.is_first:
        together = f", {workers.count} workers" if workers.count > 1 else ""
        say(f"{task.model_name}: {network} on {trainer.device}, {torch.get_num_threads()} threads{together}")
        say(f"images: {images}")
        mlflow.log_params({name: str(value) for name, value in vars(options).items() if value is not None})

    checkpoint = options.checkpoint or options.output / "checkpoint"
    checkpoint.mkdir(parents=True, exist_ok=True)
    best_epoch = trainer.fit(splits.validation, checkpoint)
    if not workers.is_first:
        return {}

    _, truth, _, scores = trainer.evaluate(splits.validation)
    temperature = find_temperature(scores, truth)
    _, truth, predicted, scores = trainer.evaluate(splits.test)
    metrics = {
        "test_accuracy": accuracy(truth, predicted),
        **label_metrics(truth, predicted, task.labels),
        "test_samples": len(truth),
        "temperature": temperature,
        "calibration_error_before": calibration_error(scores, truth),
        "calibration_error": calibration_error(scores / temperature, truth),
    }
    mlflow.log_metrics(metrics)
    say(f"test  {'  '.join(f'{name} {value:.4f}' for name, value in metrics.items())}")

    folder = options.output / "model"
    right = [file for file, guess in zip(splits.test, predicted) if file[1] == guess]
    model = trainer.model.cpu()
    if temperature != 1:
        model = Calibrated(model, temperature)
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
        workers = Workers()
        with tracked_run(task.experiment) if workers.is_first else contextlib.nullcontext() as run:
            train(options, task, splits, workers)
            if options.register_as and workers.is_first:
                say(f"registered {register(options.output / 'model', options.register_as, run.info.run_id)}")
        workers.leave()
    except (DataError, WeightsError, ExportError) as error:
        sys.exit(f"Error: {error}")
