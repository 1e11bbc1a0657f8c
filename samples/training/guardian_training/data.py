"""Labelled images in folders: DATA/train/LABEL/*.jpg, DATA/test/LABEL/*.jpg and perhaps DATA/val/LABEL/*.jpg."""

import pathlib
import random
from typing import List, NamedTuple, Sequence, Tuple

import torch
from PIL import Image, UnidentifiedImageError
from torch.utils.data import Dataset
from torchvision import transforms

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
# Share of the training images that is set aside for validation when the data has no folder for it.
VALIDATION_SHARE = 0.2

# An image file and the index of its label.
LabelledFile = Tuple[pathlib.Path, int]


class DataError(Exception):
    """The data folder cannot be trained on; the message says what to change."""


class Preprocessing(NamedTuple):
    """How an image becomes the network's input: for training, evaluation and the manifest for the scoring runtime."""

    image_size: int
    # Statistics of ImageNet, which torchvision's pretrained weights expect.
    mean: Tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: Tuple[float, float, float] = (0.229, 0.224, 0.225)

    def transform(self):
        """For evaluation: exactly what `manifest_input` tells the scoring runtime to do."""
        return transforms.Compose([transforms.Resize((self.image_size, self.image_size)), *self._to_input()])

    def training_transform(self):
        crop = transforms.RandomResizedCrop(self.image_size, scale=(0.6, 1.0))
        return transforms.Compose([crop, transforms.RandomHorizontalFlip(), *self._to_input()])

    def _to_input(self):
        # ToTensor: height x width x RGB of 0 to 255 becomes RGB x height x width of 0 to 1.
        return [transforms.ToTensor(), transforms.Normalize(self.mean, self.std)]

    def manifest_input(self) -> dict:
        return {
            "layout": "NCHW",
            "channels": "RGB",
            "width": self.image_size,
            "height": self.image_size,
            "resize": "stretch",
            "scale": 1 / 255,
            "mean": list(self.mean),
            "std": list(self.std),
        }


class LabelledImages(Dataset):
    """Images as (input of the network, index of the label)."""

    def __init__(self, files: Sequence[LabelledFile], transform):
        self.files = files
        self.transform = transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int):
        path, label = self.files[index]
        return self.transform(read_image(path)), label


class Splits(NamedTuple):
    train: List[LabelledFile]
    validation: List[LabelledFile]
    test: List[LabelledFile]


def read_image(path: pathlib.Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise DataError(f"The image {path} cannot be read: {error}. Replace it or take it away.") from error


def find_splits(data: pathlib.Path, labels: Sequence[str], seed: int) -> Splits:
    """
    The files of the three parts. Many data sets call the part that is kept for the end `val` and have no `test`: then
    that is the test, and the validation images are taken from the training images.
    """
    if not data.is_dir():
        raise DataError(f"The data folder {data} does not exist.")
    folders = {path.name for path in data.iterdir() if path.is_dir()}
    if "train" not in folders or not folders & {"test", "val"}:
        raise DataError(
            f"The data folder {data} needs train/<label> and test/<label> (or val/<label>) for the labels "
            f"{', '.join(labels)}; it has {', '.join(sorted(folders)) or 'no folder'}."
        )
    train = find_images(data / "train", labels)
    if "test" not in folders:
        train, validation = split_validation(train, VALIDATION_SHARE, seed)
        return Splits(train, validation, find_images(data / "val", labels))
    test = find_images(data / "test", labels)
    if "val" in folders:
        return Splits(train, find_images(data / "val", labels), test)
    return Splits(*split_validation(train, VALIDATION_SHARE, seed), test)


def find_images(folder: pathlib.Path, labels: Sequence[str]) -> List[LabelledFile]:
    """Every image below FOLDER/LABEL, in a stable order. Files that start with a dot are left out."""
    there = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    files: List[LabelledFile] = []
    without: List[str] = []
    for index, label in enumerate(labels):
        found = [
            path
            for path in sorted((folder / label).rglob("*"))
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        ]
        if not found:
            without.append(label)
        files += [(path, index) for path in found]
    if without:
        raise DataError(
            f"{folder} has no image of {' and '.join(without)}. It needs one folder with images for each of the labels "
            f"{', '.join(labels)}; it has {', '.join(there) or 'no folder'}."
        )
    unknown = [name for name in there if name not in labels]
    if unknown:
        raise DataError(
            f"{folder} has a folder {', '.join(unknown)}, which is not one of the labels {', '.join(labels)}. "
            "Rename it or take it away."
        )
    return files


def check_images(files: Sequence[LabelledFile]) -> None:
    """Looks at the head of every file, so that one that is no image is named before hours of training."""
    bad = []
    for path, _ in files:
        try:
            with Image.open(path):
                pass
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
            bad.append(path)
    if bad:
        more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
        raise DataError(
            f"{len(bad)} of {len(files)} images cannot be read: {', '.join(str(path) for path in bad[:5])}{more}. "
            "Replace them or take them away."
        )


def split_validation(
    files: Sequence[LabelledFile], share: float, seed: int
) -> Tuple[List[LabelledFile], List[LabelledFile]]:
    """Takes a share of every label's images away for validation, the same ones for the same seed."""
    rng = random.Random(seed)
    train: List[LabelledFile] = []
    validation: List[LabelledFile] = []
    for label in sorted({label for _, label in files}):
        own = [file for file in files if file[1] == label]
        if len(own) < 2:
            raise DataError(f"{own[0][0].parent} has one image only: one is needed to train on and one to validate.")
        rng.shuffle(own)
        count = max(1, round(len(own) * share))
        validation += own[:count]
        train += own[count:]
    return train, validation


def count_labels(files: Sequence[LabelledFile], label_count: int) -> List[int]:
    counts = [0] * label_count
    for _, label in files:
        counts[label] += 1
    return counts


def class_weights(files: Sequence[LabelledFile], label_count: int) -> torch.Tensor:
    """Weights of the loss that make rare labels count as much as common ones; all 1 where no label is rare."""
    counts = torch.tensor(count_labels(files, label_count), dtype=torch.float32)
    return counts.sum() / (label_count * counts)
