import numpy as np
import pytest
from PIL import Image, ImageChops, ImageOps

from indexer.edits import framing
from tests.assets.edit_scenes import PICTURE, SIZE, compose_scene, correlation

WIDTH, HEIGHT = SIZE


@pytest.mark.parametrize("area", [0.05, 0.5, 0.95])
def test_crop_keeps_its_area_share_inside_the_picture(area: float) -> None:
    cropped = framing.crop(area)(compose_scene())
    assert cropped.width * cropped.height / (WIDTH * HEIGHT) == pytest.approx(area, rel=0.1)
    assert cropped.width / cropped.height == pytest.approx(WIDTH / HEIGHT, rel=0.3)
    places = [
        (x, top)
        for top in range(HEIGHT - cropped.height + 1)
        for x in range(WIDTH - cropped.width + 1)
        if PICTURE.getpixel((x, top)) == cropped.getpixel((0, 0))
    ]
    same = (PICTURE.crop((x, top, x + cropped.width, top + cropped.height)) for x, top in places)
    assert any(ImageChops.difference(candidate, cropped).getbbox() is None for candidate in same)


def test_resized_cropped_and_padded_copies_have_the_expected_size() -> None:
    assert framing.resize(0.25)(compose_scene()).size == (60, 45)
    assert framing.resize(0.001)(compose_scene()).size == (framing.MIN_SIDE, framing.MIN_SIDE)
    assert framing.create_thumbnail(compose_scene()).size == (120, 90)
    assert framing.crop_square(compose_scene()).size == (480, 480)
    assert framing.crop_banner(compose_scene()).size == (960, 400)
    assert framing.pad(compose_scene()).size == (WIDTH * 14 // 10, HEIGHT * 14 // 10)
    assert framing.stretch_side(compose_scene()).size in ((320, 180), (240, 240))
    assert (
        framing.distort_barrel(compose_scene()).size == framing.change_perspective(0.18)(compose_scene()).size == SIZE
    )
    assert PICTURE.size == SIZE


def test_rotation_and_mirror_edits_are_reversible() -> None:
    assert ImageOps.mirror(framing.mirror(compose_scene())) == PICTURE
    turned = framing.transpose(Image.Transpose.ROTATE_90)(compose_scene())
    assert turned.transpose(Image.Transpose.ROTATE_270) == PICTURE
    swapped = framing.swap_halves(compose_scene())
    assert framing.swap_halves(compose_scene(picture=swapped)) == PICTURE
    assert swapped != PICTURE


def test_frame_is_even_around_the_whole_picture() -> None:
    framed = framing.add_border(compose_scene())
    width = (framed.width - WIDTH) // 2
    assert framed.crop((width, width, width + WIDTH, width + HEIGHT)) == PICTURE
    assert len(set(framed.crop((0, 0, framed.width, 3)).get_flattened_data())) == 1


def test_cut_out_copy_shows_the_page_background_only_at_corners() -> None:
    for edited in (framing.crop_avatar(compose_scene()), framing.round_corners(compose_scene())):
        assert edited.getpixel((0, 0)) == (255, 255, 255)
        middle = (edited.width // 2 - 9, edited.height // 2 - 9, edited.width // 2 + 9, edited.height // 2 + 9)
        assert np.asarray(edited.crop(middle)).min() < 255


def test_straightened_picture_has_no_black_corners() -> None:
    light = Image.new("RGB", SIZE, (200, 200, 200))
    assert np.asarray(framing.rotate(5)(compose_scene(picture=light))).min() == 0
    for seed in range(6):
        straightened = framing.straighten(compose_scene(seed, light))
        assert (straightened.width < WIDTH, np.asarray(straightened).min()) == (True, 200)


def test_corners_map_to_requested_points() -> None:
    moved = framing.warp(PICTURE, [(0, 0), (120, 0), (120, 90), (0, 90)], (240, 180))
    assert correlation(moved.crop((0, 0, 120, 90)), PICTURE.resize((120, 90))) > 0.95
    assert moved.crop((125, 0, 240, 180)).getbbox() is None
