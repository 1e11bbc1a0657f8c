"""Labelled images in folders: DATA/train/LABEL/*.jpg and DATA/test/LABEL/*.jpg."""

import pathlib
import random

import torch
from PIL import Image, UnidentifiedImageError
from torch.utils.data import Dataset
from torchvision import transforms

# Statistics of ImageNet, which torchvision's pretrained weights expect.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


class DataError(Exception):
    """The data folder cannot be trained on; the message says what to change."""


class LabelledImages(Dataset):
    """Images as (normalised tensor, index of the label)."""

    def __init__(self, files, image_size, augment):
        self.files = files
        steps = [transforms.Resize((image_size, image_size))]
        if augment:
            steps = [transforms.RandomResizedCrop(image_size, scale=(0.6, 1.0)), transforms.RandomHorizontalFlip()]
        self.transform = transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        path, label = self.files[index]
        try:
            with Image.open(path) as image:
                return self.transform(image.convert("RGB")), label
        except (UnidentifiedImageError, OSError) as error:
            raise DataError(f"The image {path} cannot be read: {error}") from error


def find_images(folder: pathlib.Path, labels) -> list:
    """Every image below FOLDER/LABEL, with the label's index, in a stable order."""
    files = []
    for index, label in enumerate(labels):
        found = sorted(path for path in (folder / label).rglob("*") if path.suffix.lower() in SUFFIXES)
        if not found:
            there = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
            raise DataError(
                f"There is no image in {folder / label}. The data folder needs train/<label> and test/<label> for the labels "
                f"{', '.join(labels)}; {folder} has {', '.join(there) or 'no folder'}."
            )
        files += [(path, index) for path in found]
    return files


def split_validation(files: list, share: float, seed: int) -> tuple:
    """Takes a share of every label's images away for validation, the same ones for the same seed."""
    rng = random.Random(seed)
    train, validation = [], []
    for label in sorted({label for _, label in files}):
        own = [file for file in files if file[1] == label]
        rng.shuffle(own)
        count = max(1, round(len(own) * share))
        validation += own[:count]
        train += own[count:]
    return train, validation


def class_weights(files: list, count: int) -> torch.Tensor:
    """Weights that make rare labels count as much as common ones."""
    frequency = torch.bincount(torch.tensor([label for _, label in files]), minlength=count).float()
    return frequency.sum() / (count * frequency)
