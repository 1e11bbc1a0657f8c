"""The networks to choose from, with a classifier for our labels."""

import torch
from torch import nn
from torchvision import models

ARCHITECTURES = ("resnet50", "resnet18", "mobilenet_v3_small")


def build_network(architecture: str, label_count: int, weights_file: str = "") -> nn.Module:
    """A network with random weights, or with those of a torchvision state file, whose last layer is made anew."""
    network = getattr(models, architecture)(weights=None)
    if weights_file:
        network.load_state_dict(torch.load(weights_file, map_location="cpu"))
    if architecture.startswith("resnet"):
        network.fc = nn.Linear(network.fc.in_features, label_count)
    else:
        network.classifier[-1] = nn.Linear(network.classifier[-1].in_features, label_count)
    return network
