"""The processes that train one network together: as many as Azure ML started for a PyTorch distribution, or this one."""

import os

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import Dataset, DistributedSampler


class Workers:
    """
    RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT say who is there; without WORLD_SIZE this process is alone.
    The first worker evaluates, tracks and exports; each worker trains on its share of the images.
    """

    def __init__(self):
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0")) if self.count > 1 else 0
        has_gpu = torch.cuda.is_available()
        self.device = torch.device("cpu")
        if has_gpu:
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) if self.count > 1 else 0)
            torch.cuda.set_device(self.device)
        if self.count > 1:
            distributed.init_process_group("nccl" if has_gpu else "gloo")

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def sampler(self, images: Dataset, seed: int):
        """Each worker's share of the images, another one in each epoch; None for a worker that is alone."""
        if self.count == 1:
            return None
        return DistributedSampler(images, self.count, self.rank, shuffle=True, seed=seed)

    def shared(self, model: nn.Module) -> nn.Module:
        """The network whose gradients are the mean of all workers'."""
        if self.count == 1:
            return model
        return DistributedDataParallel(model, device_ids=[self.device] if self.device.type == "cuda" else None)

    def sum(self, *numbers: float):
        """Over all workers."""
        if self.count == 1:
            return numbers
        total = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        return tuple(total.tolist())

    def as_first_says(self, answer: bool) -> bool:
        """The first worker's answer, in all of them; waits for it."""
        if self.count == 1:
            return answer
        said = torch.tensor([int(answer)], device=self.device)
        distributed.broadcast(said, 0)
        return bool(said.item())

    def leave(self) -> None:
        if self.count > 1:
            distributed.destroy_process_group()
