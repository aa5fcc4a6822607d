import numpy as np
import pytest
from PIL import Image, ImageChops, ImageOps

from indexer.edits import framing
from tests.assets.scenes import PICTURE, SIZE, likeness, scene

WIDTH, HEIGHT = SIZE


@pytest.mark.parametrize("area", [0.05, 0.5, 0.95])
def test_a_crop_keeps_its_share_of_the_area_and_lies_in_the_picture(area: float) -> None:
    made = framing.cropped(area)(scene())
    assert made.width * made.height / (WIDTH * HEIGHT) == pytest.approx(area, rel=0.1)
    assert made.width / made.height == pytest.approx(WIDTH / HEIGHT, rel=0.3)
    places = [
        (left, top)
        for top in range(HEIGHT - made.height + 1)
        for left in range(WIDTH - made.width + 1)
        if PICTURE.getpixel((left, top)) == made.getpixel((0, 0))
    ]
    same = (PICTURE.crop((left, top, left + made.width, top + made.height)) for left, top in places)
    assert any(ImageChops.difference(one, made).getbbox() is None for one in same)


def test_sizes_are_as_they_are_called() -> None:
    assert framing.resized(0.25)(scene()).size == (60, 45)
    assert framing.resized(0.001)(scene()).size == (framing.MIN_SIDE, framing.MIN_SIDE)
    assert framing.thumbnail(scene()).size == (120, 90)
    assert framing.square(scene()).size == (480, 480)
    assert framing.banner(scene()).size == (960, 400)
    assert framing.padded(scene()).size == (WIDTH * 14 // 10, HEIGHT * 14 // 10)
    assert framing.stretched(scene()).size in ((320, 180), (240, 240))
    assert framing.barrel(scene()).size == framing.perspective(0.18)(scene()).size == SIZE
    assert PICTURE.size == SIZE


def test_turns_and_mirrors_can_be_undone() -> None:
    assert ImageOps.mirror(framing.mirrored(scene())) == PICTURE
    turned = framing.transposed(Image.Transpose.ROTATE_90)(scene())
    assert turned.transpose(Image.Transpose.ROTATE_270) == PICTURE
    swapped = framing.halves_swapped(scene())
    assert framing.halves_swapped(scene(picture=swapped)) == PICTURE
    assert swapped != PICTURE


def test_a_frame_is_even_and_the_picture_whole_within_it() -> None:
    made = framing.bordered(scene())
    width = (made.width - WIDTH) // 2
    assert made.crop((width, width, width + WIDTH, width + HEIGHT)) == PICTURE
    assert len(set(made.crop((0, 0, made.width, 3)).get_flattened_data())) == 1


def test_what_is_cut_round_shows_the_page_at_its_corners_alone() -> None:
    for made in (framing.avatar(scene()), framing.rounded(scene())):
        assert made.getpixel((0, 0)) == (255, 255, 255)
        middle = (made.width // 2 - 9, made.height // 2 - 9, made.width // 2 + 9, made.height // 2 + 9)
        assert np.asarray(made.crop(middle)).min() < 255


def test_a_straightened_picture_has_lost_its_black_corners() -> None:
    light = Image.new("RGB", SIZE, (200, 200, 200))
    assert np.asarray(framing.turned(5)(scene(picture=light))).min() == 0
    for seed in range(6):
        made = framing.straightened(scene(seed, light))
        assert (made.width < WIDTH, np.asarray(made).min()) == (True, 200)


def test_corners_are_laid_onto_the_points_that_were_named() -> None:
    moved = framing.warped(PICTURE, [(0, 0), (120, 0), (120, 90), (0, 90)], (240, 180))
    assert likeness(moved.crop((0, 0, 120, 90)), PICTURE.resize((120, 90))) > 0.95
    assert moved.crop((125, 0, 240, 180)).getbbox() is None
