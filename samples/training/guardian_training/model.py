"""The networks to choose from, with a last layer for our labels."""

import pathlib
import pickle
from typing import Optional

import torch
from torch import nn
from torchvision import models

ARCHITECTURES = ("resnet50", "resnet18", "mobilenet_v3_small")


class WeightsError(Exception):
    """The file of pretrained weights cannot be used; the message says why."""


def build_model(architecture: str, label_count: int, pretrained_weights: Optional[pathlib.Path] = None) -> nn.Module:
    """
    A network with random weights, or with those of a file: a state_dict of torchvision (such as
    resnet50-11ad3fa6.pth) or one that an earlier training kept in outputs/checkpoint.
    """
    model = getattr(models, architecture)(weights=None)
    if architecture.startswith("resnet"):
        last = "fc"
        model.fc = nn.Linear(model.fc.in_features, label_count)
    else:
        last = f"classifier.{len(model.classifier) - 1}"
        model.classifier[-1] = nn.Linear(model.classifier[-1].in_features, label_count)
    if pretrained_weights is not None:
        load_weights(model, last, architecture, pretrained_weights)
    return model


def load_weights(model: nn.Module, last: str, architecture: str, file: pathlib.Path) -> None:
    """Everything but a last layer made for other labels must fit."""
    try:
        # weights_only: a file of weights must not be able to run code.
        weights = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise WeightsError(f"The weights {file} cannot be read: {error}") from error
    if not isinstance(weights, dict):
        raise WeightsError(f"The weights {file} are no state_dict: they hold a {type(weights).__name__}.")
    own = model.state_dict()
    for name in (f"{last}.weight", f"{last}.bias"):
        if name in weights and weights[name].shape != own[name].shape:
            del weights[name]
    missing = [name for name in own if name not in weights and not name.startswith(f"{last}.")]
    unknown = [name for name in weights if name not in own]
    unfit = [name for name in weights if name in own and weights[name].shape != own[name].shape]
    if missing or unknown or unfit:
        first = (missing + unknown + unfit)[0]
        raise WeightsError(
            f"The weights {file} are not those of a {architecture}: {len(missing)} are missing, "
            f"{len(unknown)} are unknown, {len(unfit)} are of another shape; {first} is the first of them."
        )
    model.load_state_dict(weights, strict=False)
