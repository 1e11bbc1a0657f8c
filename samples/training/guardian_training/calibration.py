"""Probabilities that mean what they say: of the answers given with 0.9, nine in ten should be right."""

from typing import Sequence, Tuple

import torch
from torch import nn

# A network that makes no mistake on the validation images would be made ever surer by them: they say nothing of its limits.
TEMPERATURES = (1.0, 20.0)


class Calibrated(nn.Module):
    """A network whose scores are divided by a temperature: the same labels, with less sure probabilities."""

    def __init__(self, model: nn.Module, temperature: float):
        super().__init__()
        self.model = model
        self.temperature = temperature

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.model(images) / self.temperature


def find_temperature(scores: torch.Tensor, truth: Sequence[int]) -> float:
    """
    The temperature with the least log loss on (images, labels) scores before softmax, from 1 up. Guo et al., On
    Calibration of Modern Neural Networks, 2017. The loss has one minimum over 1/temperature, so halving finds it.
    """
    targets = torch.tensor(truth)
    low, high = (torch.tensor(value, dtype=torch.float64).log() for value in TEMPERATURES)
    for _ in range(40):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        losses = [nn.functional.cross_entropy(scores.double() / at.exp(), targets) for at in (left, right)]
        low, high = (low, right) if losses[0] <= losses[1] else (left, high)
    found = low.exp().item()
    return 1.0 if found < TEMPERATURES[0] + 0.01 else round(found, 4)


def calibration_error(scores: torch.Tensor, truth: Sequence[int], bins: int = 10) -> float:
    """Mean gap between how sure the answers are and how many of them are right, over bins of equal width (ECE), 0 to 1."""
    sure, predicted = torch.softmax(scores.double(), 1).max(1)
    right = (predicted == torch.tensor(truth)).double()
    error = 0.0
    for low, high in bin_edges(bins):
        inside = (sure > low) & (sure <= high)
        if inside.any():
            error += (inside.double().mean() * (sure[inside].mean() - right[inside].mean()).abs()).item()
    return error


def bin_edges(bins: int) -> Sequence[Tuple[float, float]]:
    return [(at / bins, (at + 1) / bins) for at in range(bins)]
