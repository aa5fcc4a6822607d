"""Adam whose step is a share of each output channel's own size.

Folding batch norms leaves channels of very different sizes (medians of .01 to .5 in one layer, dead ones at 1e-7): one
absolute step wrecks the small ones. After Kingma and Ba 2015 (arXiv:1412.6980) and You et al. 2020 (arXiv:1904.00962).
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

DECAY = (0.9, 0.99)


class RelativeAdam(torch.optim.Optimizer):
    """Adam with relative steps.

    Args:
        groups: parameters with their ``lr``, as PyTorch takes them.
    """

    def __init__(self, groups: Iterable[dict[str, Any]]) -> None:
        super().__init__(list(groups), {"lr": 1e-3})
        for group in self.param_groups:
            for weight in group["params"]:
                self.state[weight] = {
                    "mean": torch.zeros_like(weight),
                    "square": torch.zeros_like(weight),
                    "size": _size(weight.detach()),
                    "steps": 0,
                }

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Take one step."""
        del closure
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, group["lr"])

    def _move(self, weight: Tensor, rate: float) -> None:
        state = self.state[weight]
        state["steps"] += 1
        state["mean"].lerp_(weight.grad, 1 - DECAY[0])
        state["square"].mul_(DECAY[1]).addcmul_(weight.grad, weight.grad, value=1 - DECAY[1])
        mean = state["mean"] / (1 - DECAY[0] ** state["steps"])
        square = state["square"] / (1 - DECAY[1] ** state["steps"])
        weight.sub_(rate * state["size"] * mean / (square.sqrt() + 1e-12))


def _size(weight: Tensor) -> Tensor:
    """Root mean square of each output channel; of the whole, for what has no channels."""
    if weight.dim() > 1:
        sizes: Tensor = weight.flatten(1).pow(2).mean(1).sqrt().view(-1, *[1] * (weight.dim() - 1))
        return sizes
    return weight.pow(2).mean().sqrt().expand_as(weight).clone()
