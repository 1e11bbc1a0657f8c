"""Cuts the demonstration data from photographs that ship inside the scikit-image and scikit-learn packages.

    pip install pillow scikit-image==0.26.0 scikit-learn==1.9.0 && python make_data.py

The same packages give the same files: positions and sizes come from a seeded generator. README.md beside this file
says what the data is and what it is not.
"""

import importlib.util
import pathlib
import random

from PIL import Image

HERE = pathlib.Path(__file__).parent
PATCH = 96
TRAIN_PATCHES, TEST_PATCHES = 64, 24
# The left part of a photograph is for training, the right part for testing: no pixel is in both.
TRAIN_SHARE = 0.7

PHOTOGRAPHS = {
    "china": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "cat": ("skimage", "data/chelsea.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
}
# Harmless stand-ins for the two classes of each classifier.
DATASETS = {
    "nsfw-detection": {"safe": "china", "nsfw": "flower"},
    "violence-detection": {"safe": "cat", "violence": "rocket"},
}


def photograph(name: str) -> Image.Image:
    package, path = PHOTOGRAPHS[name]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"The package {package} is not installed.")
    return Image.open(pathlib.Path(spec.origin).parent / path).convert("RGB")


def cut_patches(image: Image.Image, count: int, rng: random.Random) -> list[Image.Image]:
    patches = []
    for _ in range(count):
        side = rng.randint(PATCH, min(image.width, image.height, 2 * PATCH))
        left, top = rng.randint(0, image.width - side), rng.randint(0, image.height - side)
        patch = image.crop((left, top, left + side, top + side)).resize((PATCH, PATCH), Image.Resampling.BILINEAR)
        patches.append(patch.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else patch)
    return patches


def main() -> None:
    for name in PHOTOGRAPHS:
        image = photograph(name)
        image.thumbnail((640, 640))
        (HERE / "photographs").mkdir(exist_ok=True)
        image.save(HERE / "photographs" / f"{name}.jpg", quality=88)
    for dataset, labels in DATASETS.items():
        for label, name in labels.items():
            image = photograph(name)
            border = int(image.width * TRAIN_SHARE)
            parts = {
                "train": (image.crop((0, 0, border, image.height)), TRAIN_PATCHES),
                "test": (image.crop((border, 0, image.width, image.height)), TEST_PATCHES),
            }
            for part, (region, count) in parts.items():
                folder = HERE / dataset / part / label
                folder.mkdir(parents=True, exist_ok=True)
                rng = random.Random(f"{dataset}/{part}/{label}")
                for index, patch in enumerate(cut_patches(region, count, rng)):
                    patch.save(folder / f"{name}-{index:03}.jpg", quality=85)


if __name__ == "__main__":
    main()
