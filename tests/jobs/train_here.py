"""Ray Train in this process, with one worker: for tests that are about what is trained, and not about how it goes on.

Ray starts a controller and a worker, which load their libraries: of a few steps of a tiny model nearly all that takes.
What is here in its place is held to Ray's by test_training.py, loss by loss.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray.cloudpickle
import ray.train
import ray.train.torch
import torch


class Trainer:
    """Of TorchTrainer what jobs.finetune asks for: runs the loop, and gives its last checkpoint."""

    def __init__(
        self, loop: Callable[[dict[str, Any]], None], train_loop_config: dict[str, Any], **_: object
    ) -> None:
        # As it comes to a worker: what cannot be sent there fails here, too.
        self.loop, self.config = ray.cloudpickle.loads(ray.cloudpickle.dumps((loop, train_loop_config)))
        self.checkpoint: ray.train.Checkpoint | None = None

    def fit(self) -> "Trainer":
        alone = SimpleNamespace(get_world_rank=lambda: 0, get_world_size=lambda: 1)
        threads = torch.get_num_threads()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ray.train, "get_context", lambda: alone)
            patch.setattr(ray.train, "get_checkpoint", lambda: None)
            patch.setattr(ray.train, "report", self.report)
            patch.setattr(ray.train.torch, "get_device", lambda: torch.device("cpu"))
            patch.setattr(ray.train.torch, "prepare_model", lambda model: model)
            torch.set_num_threads(1)  # as a worker of Ray's begins: sums come out the same
            try:
                self.loop(self.config)
            finally:
                torch.set_num_threads(threads)
        return self

    def report(self, metrics: dict[str, Any], checkpoint: ray.train.Checkpoint) -> None:
        kept = Path(tempfile.mkdtemp()) / "checkpoint"
        shutil.copytree(checkpoint.path, kept)
        self.checkpoint = ray.train.Checkpoint.from_directory(kept)


@contextmanager
def train_here() -> Iterator[None]:
    """Within it Ray Train is what stands above."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray.train.torch, "TorchTrainer", Trainer)
        yield
