"""Training loss, which pulls views to their works and separates different works, above all nearest neighbours.

InfoNCE with several positives (van den Oord et al. 2018, arXiv:1807.03748; Khosla et al. 2020, arXiv:2004.11362), keys
of a moving average (He et al. 2020, arXiv:1911.05722), the entropy term of SSCD (Pizzi et al. 2022, arXiv:2202.10261),
and a loss that matches overlapping cells (Lu et al. 2026, arXiv:2602.17484).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

TEMPERATURE = 0.05
CELL_TEMPERATURE = 0.1
ENTROPY_WEIGHT = 3.0
MASK_VALUE = -1e4


@dataclass(frozen=True, eq=False)
class Labels:
    """Works contained in views, as numbers; -1 is a placeholder.

    Attributes:
        copied: int64, shape (n, a): works of which the view is a copy.
        visible: int64, shape (n, b): all works that are visible in the view.
    """

    copied: Tensor
    visible: Tensor

    def select_views(self, selection: Tensor | slice) -> "Labels":
        """Return the labels of the selected views."""
        return Labels(self.copied[selection], self.visible[selection])

    def __len__(self) -> int:
        return len(self.copied)


def concatenate(first: Labels, second: Labels) -> Labels:
    """Concatenate the labels of two sets of views."""
    return Labels(torch.cat([first.copied, second.copied]), torch.cat([first.visible, second.visible]))


def have_common_work(first: Tensor, second: Tensor) -> Tensor:
    """Return which pairs of views share a work: bool, shape (n, m), from numbers of shape (n, a) and (m, b)."""
    common = torch.zeros(len(first), len(second), dtype=torch.bool, device=first.device)
    for column in first.T:
        for other in second.T:
            common |= (column[:, None] == other[None]) & (column >= 0)[:, None]
    return common


@dataclass(frozen=True, eq=False)
class Loss:
    """Loss of a batch, with its components.

    Attributes:
        total_loss: Value to minimise.
        search_loss: Loss of strong views that search for their works.
        entropy_loss: Proximity of nearest neighbours.
        recall: Fraction of strong views whose nearest work is one that they show.
    """

    total_loss: Tensor
    search_loss: float
    entropy_loss: float
    recall: float


def compute_loss(vectors: Tensor, labels: Labels, is_mild: Tensor, bank: Tensor, bank_labels: Labels) -> Loss:
    """Compute the loss of one batch.

    Args:
        vectors: Vectors of all views, shape (n, width), unit length.
        labels: Works contained in the views.
        is_mild: bool, shape (n): True for the works themselves.
        bank: Vectors of works by the moving-average model, those of this batch first, shape (m, width). Negatives from
            an older model need positives of the same age; otherwise the model only moves away from its past vectors.
        bank_labels: Works contained in the vectors of the bank.
    """
    similarity = vectors @ vectors.T
    is_different = ~have_common_work(labels.visible, labels.visible)
    is_positive = have_common_work(labels.copied, labels.copied) & (is_mild[:, None] ^ is_mild[None])
    view_loss = _compute_contrastive_loss(similarity, is_positive, is_different)
    strong_labels = labels.select_views(~is_mild)
    bank_similarity = vectors[~is_mild] @ bank.T
    is_match, is_negative = (
        have_common_work(strong_labels.copied, bank_labels.copied),
        ~have_common_work(strong_labels.visible, bank_labels.visible),
    )
    is_match[:, int(is_mild.sum()) :] = False  # An older vector of the same picture may be of another part.
    search = _compute_contrastive_loss(bank_similarity, is_match, is_negative)
    nearest = torch.cat(
        [
            similarity.masked_fill(~is_different, -1).amax(1, keepdim=True)[~is_mild],
            _find_hardest_negatives(bank_similarity, is_negative),
        ],
        1,
    )
    nearest_work = similarity[is_mild].masked_fill(~is_different[is_mild], -1).amax(1)
    entropy = -0.5 * torch.log((2 - 2 * torch.cat([nearest.amax(1), nearest_work])).clamp(min=1e-4)).mean()
    best_match = bank_similarity.masked_fill(~is_match, -1).amax(1)
    return Loss(
        total_loss=0.5 * (view_loss + search) + ENTROPY_WEIGHT * entropy,
        search_loss=float(search.detach()),
        entropy_loss=float(entropy.detach()),
        recall=float((best_match > _find_hardest_negatives(bank_similarity, is_negative)[:, 0]).float().mean()),
    )


def compute_cell_loss(
    cells: Tensor, works: Tensor, overlaps: Tensor, work_indices: Tensor, is_absent: Tensor
) -> Tensor:
    """Compute the loss of matching cells of views with cells of works, among all cells of all works of the batch.

    Args:
        cells: Cells of views with known positions, shape (n, cells, width), unit length.
        works: Cells of the works themselves, shape (m, cells, width).
        overlaps: Overlap of each cell with each cell of its work, shape (n, cells, cells).
        work_indices: Index of that work, int64, shape (n).
        is_absent: bool, shape (n, m): True for works that are not visible in a view.
    """
    similarity = torch.einsum("ncw,mdw->ncmd", cells, works) / CELL_TEMPERATURE
    rows = torch.arange(len(work_indices), device=work_indices.device)
    is_negative = is_absent[:, None, :, None].expand_as(similarity).clone()
    is_negative[rows, :, work_indices] = overlaps == 0
    negatives = similarity.masked_fill(~is_negative, MASK_VALUE).flatten(2).logsumexp(2)[..., None]
    own_similarity = similarity[rows, :, work_indices]
    losses = torch.logaddexp(own_similarity, negatives) - own_similarity
    return (losses * overlaps).sum() / overlaps.sum().clamp(min=1)


def _find_hardest_negatives(similarity: Tensor, is_negative: Tensor) -> Tensor:
    return similarity.masked_fill(~is_negative, -1).amax(1, keepdim=True)


def _compute_contrastive_loss(similarity: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Return the mean loss of distinguishing each positive from all negatives, averaged by row, then over the rows."""
    scaled = similarity / TEMPERATURE
    negatives = scaled.masked_fill(~negative, MASK_VALUE).logsumexp(1, keepdim=True)
    losses = (torch.logaddexp(scaled, negatives) - scaled) * positive
    counts = positive.sum(1)
    return (losses.sum(1) / counts.clamp(min=1))[counts > 0].mean()


DECAY = (0.9, 0.99)


class RelativeAdam(torch.optim.Optimizer):
    """Adam with steps relative to the size of the weights.

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
                    "size": _compute_size(weight.detach()),
                    "steps": 0,
                }

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Take one step."""
        del closure
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update_weight(weight, group["lr"])

    def _update_weight(self, weight: Tensor, rate: float) -> None:
        state = self.state[weight]
        state["steps"] += 1
        state["mean"].lerp_(weight.grad, 1 - DECAY[0])
        state["square"].mul_(DECAY[1]).addcmul_(weight.grad, weight.grad, value=1 - DECAY[1])
        mean = state["mean"] / (1 - DECAY[0] ** state["steps"])
        square = state["square"] / (1 - DECAY[1] ** state["steps"])
        weight.sub_(rate * state["size"] * mean / (square.sqrt() + 1e-12))


def _compute_size(weight: Tensor) -> Tensor:
    """Return the root mean square of each output channel, or of the whole tensor if it has no channels."""
    if weight.dim() > 1:
        sizes: Tensor = weight.flatten(1).pow(2).mean(1).sqrt().view(-1, *[1] * (weight.dim() - 1))
        return sizes
    return weight.pow(2).mean().sqrt().expand_as(weight).clone()
