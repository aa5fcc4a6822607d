"""Each disguise gives the same copy for the same chance, and a copy it stays."""

import io

import numpy as np
import pytest
from PIL import Image

from bench.cheats.disguises import CHAIN, DARK, DISGUISES
from bench.cheats.questions import file_of
from bench.cheats.truth import psnr
from tests.bench.cheats.scenes import WORK, chance

QUICK = [name for name in DISGUISES if "network" not in name and name not in ("every stage at once", CHAIN)]


@pytest.mark.parametrize("name", QUICK)
def test_one_chance_makes_one_copy(name: str) -> None:
    first, second = (DISGUISES[name].change(WORK, chance()) for _ in range(2))
    assert first.dtype == np.uint8
    assert first.shape == second.shape
    assert (first == second).all()
    assert first.shape != WORK.shape or (first != WORK).any()


def test_what_bends_more_lies_less_precisely() -> None:
    changes = [
        psnr(DISGUISES[f"bent by {most}"].change(WORK, chance()), WORK) or 0 for most in ("0.5%", "1.0%", "3.0%")
    ]
    assert changes == sorted(changes, reverse=True)


def test_strips_of_negative_leave_half_of_the_rows() -> None:
    made = DISGUISES["strips of negative"].change(WORK, chance())
    rows = (made == WORK).all(axis=(1, 2))
    assert 0.4 < rows.mean() < 0.6
    assert ((made == 255 - WORK).all(axis=(1, 2)) | rows).all()


def test_what_is_for_dark_pages_is_the_work_before_black_and_nothing_before_white() -> None:
    with Image.open(io.BytesIO(file_of(DISGUISES[DARK].change(WORK, chance())))) as picture:
        assert picture.mode == "RGBA"
        black, white = (Image.new("RGBA", picture.size, colour) for colour in ("black", "white"))
        before = [np.asarray(Image.alpha_composite(page, picture).convert("L"), int) for page in (black, white)]
    assert np.abs(before[0] - np.asarray(Image.fromarray(WORK).convert("L"), int)).max() <= 2
    assert before[1].min() == 255


def test_a_chain_is_several_of_the_others() -> None:
    made = {seed: DISGUISES[CHAIN].change(WORK, chance(seed)) for seed in (4, 5)}
    assert made[4].shape != made[5].shape or (made[4] != made[5]).any()
