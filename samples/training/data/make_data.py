"""Cuts the demonstration data from photographs that ship inside the scikit-image and scikit-learn packages.

    pip install pillow scikit-image==0.26.0 scikit-learn==1.9.1 && python make_data.py

Positions and sizes of the patches come from seeded generators, so a second run writes the same files (to the last byte
with the same Pillow). README.md beside this file says what the data is and what it is not.

Other folders for the packages' files and for the result: python make_data.py --packages DIR --to DIR
"""

import argparse
import importlib.util
import json
import pathlib
import random
import shutil

from PIL import Image

HERE = pathlib.Path(__file__).parent
# Side in pixels of a patch as it is stored, and the smallest height that is cut.
STORED, SMALLEST = 96, 72
# A patch may be this much wider than high: whole photographs are too when they are stretched to the network's square.
WIDEST = 2.2

PHOTOGRAPHS = {
    "china": "sklearn/datasets/images/china.jpg",
    "flower": "sklearn/datasets/images/flower.jpg",
    "cat": "skimage/data/chelsea.png",
    "coffee": "skimage/data/coffee.png",
    "rocket": "skimage/data/rocket.jpg",
}
# Harmless stand-ins for the two classes of each classifier. The safe class has two subjects and twice the images: in
# practice, too, classes are uneven.
DATASETS = {
    "nsfw-detection": {"safe": ["china", "cat"], "nsfw": ["flower"]},
    "violence-detection": {"safe": ["cat", "coffee"], "violence": ["rocket"]},
}
# Which part of a photograph a patch may lie in, as shares of its width and height (left, top, right, bottom), and how
# many are cut. The parts do not touch, so no pixel is in two of them.
PARTS = {
    "train": ((0.0, 1 / 3, 1.0, 1.0), 44),
    "val": ((0.6, 0.0, 1.0, 1 / 3), 10),
    "test": ((0.0, 0.0, 0.6, 1 / 3), 20),
}


def photograph(name: str, packages) -> Image.Image:
    package, _, path = PHOTOGRAPHS[name].partition("/")
    if packages:
        return Image.open(packages / package / path).convert("RGB")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"The package {package} is not installed.")
    return Image.open(pathlib.Path(spec.origin).parent / path).convert("RGB")


def region(image: Image.Image, shares) -> Image.Image:
    left, top, right, bottom = shares
    return image.crop(
        (int(left * image.width), int(top * image.height), int(right * image.width), int(bottom * image.height))
    )


def cut_patches(image: Image.Image, count: int, rng: random.Random) -> list:
    patches = []
    for _ in range(count):
        height = rng.randint(SMALLEST, image.height)
        width = min(image.width, round(height * rng.uniform(1.0, WIDEST)))
        left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
        patch = image.crop((left, top, left + width, top + height))
        patches.append(patch.resize((STORED, STORED), Image.Resampling.BILINEAR))
    return patches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=pathlib.Path, help="folder that holds sklearn/ and skimage/, unpacked")
    parser.add_argument("--to", type=pathlib.Path, default=HERE)
    options = parser.parse_args()

    shown = options.to / "photographs"
    shutil.rmtree(shown, ignore_errors=True)
    shown.mkdir(parents=True)
    for name in PHOTOGRAPHS:
        image = photograph(name, options.packages)
        image.thumbnail((640, 640))
        image.save(shown / f"{name}.jpg", quality=88)
    expected = {
        f"{name}.jpg": {
            dataset: label for dataset, labels in DATASETS.items() for label, names in labels.items() if name in names
        }
        for name in PHOTOGRAPHS
    }
    (shown / "expected-labels.json").write_text(json.dumps(expected, indent=2) + "\n")

    for dataset, labels in DATASETS.items():
        shutil.rmtree(options.to / dataset, ignore_errors=True)
        for label, names in labels.items():
            for part, (shares, count) in PARTS.items():
                folder = options.to / dataset / part / label
                folder.mkdir(parents=True)
                for name in names:
                    part_of_it = region(photograph(name, options.packages), shares)
                    rng = random.Random(f"{dataset}/{part}/{name}")
                    for index, patch in enumerate(cut_patches(part_of_it, count, rng)):
                        patch.save(folder / f"{name}-{index:03}.jpg", quality=85)


if __name__ == "__main__":
    main()
