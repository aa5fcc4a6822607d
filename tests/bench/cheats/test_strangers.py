"""Each way to craft gives the same picture for the same chance, and says truly how much of the work is there."""

import numpy as np
import pytest

from bench.cheats import ghosts
from bench.cheats.strangers import METHODS
from bench.cheats.truth import Kind
from tests.bench.cheats.scenes import OTHERS, STRANGER, WORK, chance

QUICK = [name for name in METHODS if "network" not in name]


@pytest.mark.parametrize("name", QUICK)
def test_one_chance_crafts_one_picture(name: str) -> None:
    method = METHODS[name]
    works = [WORK, *OTHERS][: method.works]
    first, second = (method.craft(STRANGER, works, chance()) for _ in range(2))
    assert first.pixels.dtype == np.uint8
    assert (first.pixels == second.pixels).all()
    assert first.shown == second.shown
    assert (first.registered is not None) == (first.kind == Kind.TEMPLATE)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("hash within 26 bits", Kind.STRANGER),
        ("4 patches in place", Kind.PIECES),
        ("16 patches in place", Kind.PARTIAL),
        ("corner of 5%", Kind.PIECES),
        ("ghost under details, ±8", Kind.STRANGER),
        ("ghost over a blurred picture, ±16", Kind.PARTIAL),  # faint, but whoever looks sees it
        ("hybrid of coarse and fine", Kind.PARTIAL),
        ("same frame", Kind.TEMPLATE),
    ],
)
def test_what_is_made_is_called_what_it_is(name: str, kind: Kind) -> None:
    assert METHODS[name].craft(STRANGER, [WORK], chance()).kind == kind


def test_what_was_pasted_is_counted_as_shown() -> None:
    crafted = METHODS["16 patches in place"].craft(STRANGER, [WORK], chance())
    changed = np.abs(crafted.pixels.astype(int) - STRANGER).max(axis=2) > 24
    assert crafted.shown.picture == pytest.approx(float(changed.mean()), abs=0.04)


def test_a_ghost_keeps_less_than_a_quarter_of_the_works_contrast() -> None:
    ground = ghosts.out_of_focus(STRANGER)
    change = ghosts.laid_under(ground, WORK, 12).pixels.astype(float) - ground
    assert np.abs(change).max() <= 12.5
    grey = WORK @ (0.299, 0.587, 0.114)
    wanted = (grey - grey.mean()).ravel()
    gain = float((change.mean(axis=2).ravel() @ wanted) / (wanted @ wanted))
    assert 0.02 < gain < 0.25


def test_two_strangers_share_their_template_and_nothing_else() -> None:
    crafted = METHODS["same ground, half"].craft(STRANGER, [WORK], chance())
    assert crafted.registered is not None
    same = (crafted.registered == crafted.pixels).all(axis=2).mean()
    assert same == pytest.approx(crafted.shown.picture, abs=0.03)
    assert same == pytest.approx(0.5, abs=0.05)
