"""Recall of held-out works, searched among training works by strong views."""

import numpy as np
import torch
from torch import Tensor

from training.data import Collection
from training.network import Descriptor, as_input
from training.views import Job, Studio

VIEWS = 4
DISTRACTORS = 300
SEED = 4711
SIDE = 224


@torch.no_grad()
def check(model: Descriptor, studio: Studio, collection: Collection, device: torch.device) -> dict[str, float]:
    """Measure the recall of held-out works.

    Returns:
        ``R@1``, ``R@10``, and ``R@0FP``: the share of views that are nearer to their work than any view is to another
        work. Empty if no works are held out.
    """
    if not collection.held_out:
        return {}
    model.eval()
    made = [studio.clean(Job(picture, (), VIEWS, SIDE, SEED)) for picture in collection.held_out]
    other_works = [
        studio.clean(Job(picture, (), 0, SIDE, SEED)).pixels
        for picture in collection.training[:: len(collection.training) // DISTRACTORS + 1]
    ]
    works = _vectors(model, np.concatenate([picture.pixels[:1] for picture in made] + other_works), device)
    views = _vectors(model, np.concatenate([picture.pixels[1:] for picture in made]), device)
    likeness = views @ works.T
    rows = torch.arange(len(views))
    own = likeness[rows, rows // VIEWS]
    numbers = torch.from_numpy(collection.works)
    shown_works = torch.from_numpy(
        np.concatenate([np.concatenate([picture.copied_pictures[1:], picture.behind[1:]], 1) for picture in made])
    )
    present = torch.zeros_like(likeness, dtype=torch.bool)
    columns = torch.tensor([*collection.held_out, *collection.training[:: len(collection.training) // DISTRACTORS + 1]])
    for column in shown_works.T:
        present |= (numbers[column][:, None] == numbers[columns][None]) & (column >= 0)[:, None]
    unlike = likeness.masked_fill(present, -2)
    rank = (unlike > own[:, None]).sum(1)
    scores = {"R@1": rank < 1, "R@10": rank < 10, "R@0FP": own > unlike.max()}
    return {name: round(float(hit.float().mean()), 4) for name, hit in scores.items()}


def _vectors(
    model: Descriptor, pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", device: torch.device
) -> Tensor:
    parts = [as_input(pixels[start : start + 16]).to(device) for start in range(0, len(pixels), 16)]
    return torch.cat([model(part).cpu() for part in parts])
