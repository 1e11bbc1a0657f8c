"""model-card.md: what a model is, how it came about and how good it is, for those who decide whether to use it."""

import pathlib
from typing import Dict, Sequence

CARD = """# {name}

{description}

| | |
|---|---|
| labels | {labels} |
| network | {network}, {start} |
| images | {images} |
| training | {epochs} epochs, batches of {batch_size}, AdamW with learning rate {learning_rate}, seed {seed} |
| kept | epoch {best_epoch}, the best on the validation images |
| export | ONNX {export} |
| made with | PyTorch {torch} |

## On the test images

{metrics}

## Use

Scores an image by itself; the answer is the label of the highest probability. The figures above hold for images like
the test images. Before it decides about people's content, measure it on your own, and choose the probability from which
on a person looks.
"""


def write_model_card(file: pathlib.Path, metrics: Dict[str, float], labels: Sequence[str], **facts) -> None:
    rows = ["| label | precision | recall | F1 |", "|---|---|---|---|"]
    for label in labels:
        figures = " | ".join(f"{metrics[f'{kind}_{label}']:.3f}" for kind in ("precision", "recall", "f1"))
        rows.append(f"| {label} | {figures} |")
    probability = (
        f"Probabilities are off by {metrics['calibration_error']:.3f} on average "
        f"({metrics['calibration_error_before']:.3f} before calibration, temperature {metrics['temperature']:g})."
    )
    text = "\n".join([f"Accuracy {metrics['test_accuracy']:.3f} on {metrics['test_samples']} images", "", *rows, "", probability])
    file.write_text(CARD.format(metrics=text, labels=", ".join(labels), **facts), encoding="utf-8")
