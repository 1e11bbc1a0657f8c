"""How good predictions are."""

from typing import Dict, Sequence


def accuracy(truth: Sequence[int], predicted: Sequence[int]) -> float:
    return sum(a == b for a, b in zip(truth, predicted)) / len(truth)


def label_metrics(truth: Sequence[int], predicted: Sequence[int], labels: Sequence[str]) -> Dict[str, float]:
    """Precision, recall and F1 of every label; 0 where a label was never predicted."""
    metrics = {}
    for index, label in enumerate(labels):
        hits = sum(a == b == index for a, b in zip(truth, predicted))
        guesses = sum(b == index for b in predicted)
        actual = sum(a == index for a in truth)
        metrics[f"precision_{label}"] = hits / guesses if guesses else 0.0
        metrics[f"recall_{label}"] = hits / actual if actual else 0.0
        metrics[f"f1_{label}"] = 2 * hits / (guesses + actual) if guesses + actual else 0.0
    return metrics
