"""Recall of held-out works: strong views are searched for among held-out and training works."""

import numpy as np
import torch
from torch import Tensor

from training.data import Collection
from training.model import Descriptor, to_input
from training.views import ViewFactory, ViewJob

VIEWS = 4
DISTRACTORS = 300
SEED = 4711
SIDE = 224


@torch.no_grad()
def measure_recall(
    model: Descriptor, studio: ViewFactory, collection: Collection, device: torch.device
) -> dict[str, float]:
    """Measure the recall of held-out works.

    Returns:
        ``R@1``, ``R@10``, and ``R@0FP``, the fraction of views that are nearer to their work than any view is to a
        wrong work. Empty if no works are held out.
    """
    if not collection.held_out:
        return {}
    model.eval()
    held_out_views = [
        studio.create_clean_views(ViewJob(picture, (), VIEWS, SIDE, SEED)) for picture in collection.held_out
    ]
    other_works = [
        studio.create_clean_views(ViewJob(picture, (), 0, SIDE, SEED)).pixels
        for picture in collection.training[:: len(collection.training) // DISTRACTORS + 1]
    ]
    works = _compute_vectors(
        model, np.concatenate([picture.pixels[:1] for picture in held_out_views] + other_works), device
    )
    views = _compute_vectors(model, np.concatenate([picture.pixels[1:] for picture in held_out_views]), device)
    similarity = views @ works.T
    rows = torch.arange(len(views))
    own_similarity = similarity[rows, rows // VIEWS]
    numbers = torch.from_numpy(collection.works)
    visible_works = torch.from_numpy(
        np.concatenate(
            [
                np.concatenate([picture.copied_pictures[1:], picture.background_pictures[1:]], 1)
                for picture in held_out_views
            ]
        )
    )
    is_visible = torch.zeros_like(similarity, dtype=torch.bool)
    columns = torch.tensor([*collection.held_out, *collection.training[:: len(collection.training) // DISTRACTORS + 1]])
    for column in visible_works.T:
        is_visible |= (numbers[column][:, None] == numbers[columns][None]) & (column >= 0)[:, None]
    other_similarity = similarity.masked_fill(is_visible, -2)
    rank = (other_similarity > own_similarity[:, None]).sum(1)
    scores = {"R@1": rank < 1, "R@10": rank < 10, "R@0FP": own_similarity > other_similarity.max()}
    return {name: round(float(is_hit.float().mean()), 4) for name, is_hit in scores.items()}


def _compute_vectors(
    model: Descriptor, pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", device: torch.device
) -> Tensor:
    parts = [to_input(pixels[start : start + 16]).to(device) for start in range(0, len(pixels), 16)]
    return torch.cat([model(part).cpu() for part in parts])
