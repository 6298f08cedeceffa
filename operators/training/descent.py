"""One step of training."""

from collections.abc import Iterable

import torch


def descend(
    loss: torch.Tensor,
    weights: Iterable[torch.Tensor],
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> None:
    """One step down the gradient of `loss`, cut to a norm of 1. Raises FloatingPointError if it is not finite."""
    if not torch.isfinite(loss):
        raise FloatingPointError(f"the loss is not finite at step {schedule.last_epoch + 1}")
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(weights, 1.0)
    optimizer.step()
    schedule.step()
