"""The demonstration data, and small folders made from it."""

import pathlib
import shutil
from typing import Dict

TRAINING = pathlib.Path(__file__).resolve().parent.parent
DATA = TRAINING / "data"


def small_data(folder: pathlib.Path, counts: Dict[str, Dict[str, int]]) -> pathlib.Path:
    """Copies so many images of each part and label, e.g. {"train": {"safe": 4, "nsfw": 2}, "test": …}."""
    for part, labels in counts.items():
        for label, count in labels.items():
            target = folder / part / label
            target.mkdir(parents=True)
            # As many of each photograph, whatever the order of the names.
            files = sorted((DATA / "nsfw-detection" / part / label).iterdir(), key=lambda file: file.stem[::-1])
            for file in files[:count]:
                shutil.copy(file, target)
    return folder
