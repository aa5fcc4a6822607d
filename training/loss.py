"""What is minimised: views near their works, far from all others, and all works apart from their neighbours.

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
class Held:
    """What views hold, as numbers of works; -1 stands for nothing.

    Attributes:
        shown: int64, shape (n, a): works that the view is a copy of.
        seen: int64, shape (n, b): all works that can be seen in it.
    """

    shown: Tensor
    seen: Tensor

    def rows(self, chosen: Tensor | slice) -> "Held":
        """Some of the views."""
        return Held(self.shown[chosen], self.seen[chosen])

    def __len__(self) -> int:
        return len(self.shown)


def joined(first: Held, second: Held) -> Held:
    """The views of both."""
    return Held(torch.cat([first.shown, second.shown]), torch.cat([first.seen, second.seen]))


def shared(first: Tensor, second: Tensor) -> Tensor:
    """Where two views have a work in common: bool, shape (n, m), from numbers of shape (n, a) and (m, b)."""
    common = torch.zeros(len(first), len(second), dtype=torch.bool, device=first.device)
    for column in first.T:
        for other in second.T:
            common |= (column[:, None] == other[None]) & (column >= 0)[:, None]
    return common


@dataclass(frozen=True, eq=False)
class Loss:
    """The loss of a batch, and how it is made up.

    Attributes:
        total: to be minimised.
        search: how well strong views find their works.
        entropy: how near neighbours are.
        found: share of the strong views whose nearest work is one that they show.
    """

    total: Tensor
    search: float
    entropy: float
    found: float


def loss_of(vectors: Tensor, held: Held, mild: Tensor, bank: Tensor, banked: Held) -> Loss:
    """The loss of one batch.

    Args:
        vectors: of all views, shape (n, width), unit length.
        held: what they hold.
        mild: bool, shape (n): which are the works themselves.
        bank: vectors of works by the moving average, those of this batch first, shape (m, width). Negatives older than
            the network need positives of the same age, or the network just runs away from its past.
        banked: what they hold.
    """
    likeness = vectors @ vectors.T
    apart = ~shared(held.seen, held.seen)
    own = shared(held.shown, held.shown) & (mild[:, None] ^ mild[None])
    among = _contrast(likeness, own, apart)
    strong = held.rows(~mild)
    found = vectors[~mild] @ bank.T
    shows, unlike = shared(strong.shown, banked.shown), ~shared(strong.seen, banked.seen)
    shows[:, int(mild.sum()) :] = False  # an older key of the same picture may be of another part of it
    search = _contrast(found, shows, unlike)
    nearest = torch.cat([likeness.masked_fill(~apart, -1).amax(1, keepdim=True)[~mild], _hardest(found, unlike)], 1)
    alone = likeness[mild].masked_fill(~apart[mild], -1).amax(1)
    entropy = -0.5 * torch.log((2 - 2 * torch.cat([nearest.amax(1), alone])).clamp(min=1e-4)).mean()
    best = found.masked_fill(~shows, -1).amax(1)
    return Loss(
        total=0.5 * (among + search) + ENTROPY_WEIGHT * entropy,
        search=float(search.detach()),
        entropy=float(entropy.detach()),
        found=float((best > _hardest(found, unlike)[:, 0]).float().mean()),
    )


def places_of(cells: Tensor, works: Tensor, overlaps: Tensor, own: Tensor, apart: Tensor) -> Tensor:
    """How surely each cell of a view is told to show its place, among all cells of all works of the batch.

    Args:
        cells: of views whose places are known, shape (n, cells, width), unit length.
        works: the same of the works themselves, shape (m, cells, width).
        overlaps: how much of each cell shows each of its work's, shape (n, cells, cells).
        own: which work that is, int64, shape (n).
        apart: bool, shape (n, m): works of which nothing is seen in a view.
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
    """For each positive: how surely it is told from all negatives; the mean over the positives, then over the rows."""
    scaled = likeness / TEMPERATURE
    against = scaled.masked_fill(~negative, FAR).logsumexp(1, keepdim=True)
    surprise = (torch.logaddexp(scaled, against) - scaled) * positive
    counts = positive.sum(1)
    return (surprise.sum(1) / counts.clamp(min=1))[counts > 0].mean()


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
