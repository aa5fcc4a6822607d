"""Training loss: pulls views to their works, and separates different works, above all nearest neighbours.

InfoNCE with several positives (van den Oord et al. 2018, arXiv:1807.03748; Khosla et al. 2020, arXiv:2004.11362), keys
of a moving average (He et al. 2020, arXiv:1911.05722), the entropy term of SSCD (Pizzi et al. 2022, arXiv:2202.10261),
and cells that show one place near each other, by how much they overlap (Lu et al. 2026, arXiv:2602.17484).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

TEMPERATURE = 0.05
PLACES_TEMPERATURE = 0.1
ENTROPY_WEIGHT = 3.0
FAR = -1e4


@dataclass(frozen=True, eq=False)
class Labels:
    """Works contained in views, as numbers; -1 is a placeholder.

    Attributes:
        shown: int64, shape (n, a): works that the view is a copy of.
        seen: int64, shape (n, b): all works visible in it.
    """

    copied: Tensor
    visible: Tensor

    def rows(self, selection: Tensor | slice) -> "Labels":
        """Return a selection of the views."""
        return Labels(self.copied[selection], self.visible[selection])

    def __len__(self) -> int:
        return len(self.copied)


def concatenate(first: Labels, second: Labels) -> Labels:
    """Concatenate the views of both."""
    return Labels(torch.cat([first.copied, second.copied]), torch.cat([first.visible, second.visible]))


def have_common_work(first: Tensor, second: Tensor) -> Tensor:
    """Return which views have a work in common: bool, shape (n, m), from numbers of shape (n, a) and (m, b)."""
    common = torch.zeros(len(first), len(second), dtype=torch.bool, device=first.device)
    for column in first.T:
        for other in second.T:
            common |= (column[:, None] == other[None]) & (column >= 0)[:, None]
    return common


@dataclass(frozen=True, eq=False)
class Loss:
    """Loss of a batch, with its components.

    Attributes:
        total: Value to minimise.
        search: Loss of strong views searching for their works.
        entropy: Proximity of nearest neighbours.
        found: Share of the strong views whose nearest work is one that they show.
    """

    total: Tensor
    search: float
    entropy: float
    recall: float


def compute_loss(vectors: Tensor, labels: Labels, mild: Tensor, bank: Tensor, banked: Labels) -> Loss:
    """Compute the loss of one batch.

    Args:
        vectors: Vectors of all views, shape (n, width), unit length.
        labels: Works contained in the views.
        mild: bool, shape (n): True for the works themselves.
        bank: Vectors of works by the moving average, those of this batch first, shape (m, width). Negatives older than
            the network need positives of the same age, or the network only moves away from its past.
        banked: Works contained in the vectors of the bank.
    """
    likeness = vectors @ vectors.T
    apart = ~have_common_work(labels.visible, labels.visible)
    own = have_common_work(labels.copied, labels.copied) & (mild[:, None] ^ mild[None])
    among = _contrast(likeness, own, apart)
    strong = labels.rows(~mild)
    similarities = vectors[~mild] @ bank.T
    shows, unlike = have_common_work(strong.copied, banked.copied), ~have_common_work(strong.visible, banked.visible)
    shows[:, int(mild.sum()) :] = False  # an older key of the same picture may be of another part of it
    search = _contrast(similarities, shows, unlike)
    nearest = torch.cat(
        [likeness.masked_fill(~apart, -1).amax(1, keepdim=True)[~mild], _hardest(similarities, unlike)], 1
    )
    alone = likeness[mild].masked_fill(~apart[mild], -1).amax(1)
    entropy = -0.5 * torch.log((2 - 2 * torch.cat([nearest.amax(1), alone])).clamp(min=1e-4)).mean()
    best = similarities.masked_fill(~shows, -1).amax(1)
    return Loss(
        total=0.5 * (among + search) + ENTROPY_WEIGHT * entropy,
        search=float(search.detach()),
        entropy=float(entropy.detach()),
        recall=float((best > _hardest(similarities, unlike)[:, 0]).float().mean()),
    )


def places_of(cells: Tensor, works: Tensor, overlaps: Tensor, own: Tensor, apart: Tensor) -> Tensor:
    """Compute the loss of cells identifying their place among all cells of all works of the batch.

    Args:
        cells: Cells of views with known positions, shape (n, cells, width), unit length.
        works: Cells of the works themselves, shape (m, cells, width).
        overlaps: Overlap of each cell with each cell of its work, shape (n, cells, cells).
        own: Index of that work, int64, shape (n).
        apart: bool, shape (n, m): works that are not visible in a view.
    """
    likeness = torch.einsum("ncw,mdw->ncmd", cells, works) / PLACES_TEMPERATURE
    rows = torch.arange(len(own), device=own.device)
    unlike = apart[:, None, :, None].expand_as(likeness).clone()
    unlike[rows, :, own] = overlaps == 0
    against = likeness.masked_fill(~unlike, FAR).flatten(2).logsumexp(2)[..., None]
    of_own = likeness[rows, :, own]
    surprise = torch.logaddexp(of_own, against) - of_own
    return (surprise * overlaps).sum() / overlaps.sum().clamp(min=1)


def _hardest(likeness: Tensor, unlike: Tensor) -> Tensor:
    return likeness.masked_fill(~unlike, -1).amax(1, keepdim=True)


def _contrast(likeness: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Return the mean loss of distinguishing each positive from all negatives, averaged by row, then over the rows."""
    scaled = likeness / TEMPERATURE
    against = scaled.masked_fill(~negative, FAR).logsumexp(1, keepdim=True)
    surprise = (torch.logaddexp(scaled, against) - scaled) * positive
    counts = positive.sum(1)
    return (surprise.sum(1) / counts.clamp(min=1))[counts > 0].mean()


DECAY = (0.9, 0.99)


class RelativeAdam(torch.optim.Optimizer):
    """Adam with relative steps.

    Args:
        groups: Parameter groups with their ``lr``, in PyTorch's format.
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
    """Return the root mean square of each output channel, or of the whole tensor if it has no channels."""
    if weight.dim() > 1:
        sizes: Tensor = weight.flatten(1).pow(2).mean(1).sqrt().view(-1, *[1] * (weight.dim() - 1))
        return sizes
    return weight.pow(2).mean().sqrt().expand_as(weight).clone()
