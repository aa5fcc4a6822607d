"""Random copies: what is drawn is drawn again, and every pixel knows which place of the work it shows."""

import io

import numpy as np
import pytest
from PIL import Image

from bench.primitives import FAMILIES, PRIMITIVES, Primitive, composed
from bench.primitives.canvas import Chance, begun
from tests.assets.rows import photograph

OTHERS = [np.asarray(Image.open(io.BytesIO(photograph(seed))).convert("RGB")) for seed in (2, 3)]
WORK = np.asarray(Image.open(io.BytesIO(photograph(1))).convert("RGB").resize((320, 240)))
EVERY = [
    pytest.param(primitive, marks=() if primitive.held_out else pytest.mark.long, id=primitive.name)
    for primitive in PRIMITIVES.values()
]
PLACED = [parameter for parameter in EVERY if str(parameter.id).startswith(("geometry.", "displacement."))]


def test_each_family_holds_a_third_of_its_primitives_back() -> None:
    assert len(PRIMITIVES) > 150
    for family in FAMILIES:
        held = [primitive.held_out for primitive in PRIMITIVES.values() if primitive.family == family]
        assert len(held) // 4 <= sum(held) <= len(held) // 2, family


@pytest.mark.parametrize("primitive", EVERY)
def test_one_seed_draws_one_copy(primitive: Primitive) -> None:
    first, second = (primitive.change(begun(WORK), Chance(np.random.default_rng(5), 0.6, OTHERS)) for _ in range(2))
    assert first.pixels.dtype == np.uint8
    assert first.pixels.shape[:2] == first.origin.shape[:2]
    assert (first.pixels == second.pixels).all()
    assert np.array_equal(first.origin, second.origin, equal_nan=True)


@pytest.mark.parametrize("primitive", PLACED)
def test_what_is_only_moved_shows_the_colours_of_where_it_comes_from(primitive: Primitive) -> None:
    y, x = np.mgrid[0:240, 0:320]
    smooth = np.stack([x * 0.79, y * 1.05, np.full_like(x, 128)], axis=2).astype(np.uint8)
    changed = primitive.change(begun(smooth), Chance(np.random.default_rng(5), 0.6, OTHERS))
    shown = ~np.isnan(changed.origin[..., 0])
    assert shown.mean() > 0.05
    expected = changed.origin[shown] * (0.79, 1.05)
    assert np.percentile(np.abs(changed.pixels[shown][:, :2] - expected), 95) < 4


def test_a_chain_names_what_was_drawn_and_leaves_the_work_to_be_seen() -> None:
    pool = list(PRIMITIVES.values())
    made = [composed(WORK, OTHERS, pool, seed) for seed in range(12)]
    copies = [copy for copy in made if copy is not None]
    assert len(copies) >= 6
    for copy in copies:
        assert 1 <= len(copy.names) <= 4
        assert copy.shown >= 0.12
        assert Image.open(io.BytesIO(copy.data)).size == copy.canvas.size
    again = composed(WORK, OTHERS, pool, 3)
    assert (again and again.data) == (made[3] and made[3].data)
