import pytest
from PIL import Image, ImageOps

from indexer.edits import placement
from indexer.edits.scene import Change
from tests.assets.edit_scenes import PICTURE, SIZE, compose_scene, correlation, has_ordered_quarters, quarters


def tile_likenesses(sheet: Image.Image, tile: tuple[int, int], places: list[tuple[int, int]]) -> list[float]:
    """Return the similarity of each tile of a sheet to the image."""
    fitted = ImageOps.fit(PICTURE, tile, Image.Resampling.LANCZOS)
    return [correlation(fitted, sheet.crop((x, y, x + tile[0], y + tile[1]))) for x, y in places]


def test_collage_has_picture_in_one_tile_and_others_elsewhere() -> None:
    sheet = placement.create_collage(2, 2, (100, 80), 10)(compose_scene())
    assert sheet.size == (210, 170)
    tiles = tile_likenesses(sheet, (100, 80), [(0, 0), (110, 0), (0, 90), (110, 90)])
    assert sorted(score > 0.99 for score in tiles) == [False, False, False, True]
    assert set(sheet.crop((0, 82, 210, 88)).get_flattened_data()) == {(255, 255, 255)}


def test_sheet_of_three_panels_shows_the_picture_once() -> None:
    tiles = tile_likenesses(placement.create_panels(compose_scene()), (480, 280), [(0, 0), (0, 330), (0, 660)])
    assert sorted(score > 0.99 for score in tiles) == [False, False, True]


def test_copy_placed_beside_other_picture_fills_one_half() -> None:
    sheet = placement.place_beside(compose_scene())
    assert sheet.size == (726, 540)
    assert sorted(score > 0.99 for score in tile_likenesses(sheet, (360, 540), [(0, 0), (366, 0)])) == [False, True]


@pytest.mark.long
@pytest.mark.parametrize("change", [placement.place_on_background(0.4), placement.place_as_inset])
def test_picture_in_picture_is_small_and_whole(change: Change) -> None:
    edited = change(compose_scene())
    assert edited.width == placement.BACKGROUND_WIDTH
    width = round(900 * (0.4 if change is not placement.place_as_inset else 0.36))
    small = PICTURE.resize((width, round(width * 0.75)), Image.Resampling.LANCZOS)
    corner = small.getpixel((0, 0))
    places = [(x, y) for y in range(edited.height - small.height + 1) for x in range(edited.width - width + 1)]
    matches = [
        edited.crop((x, y, x + width, y + small.height)) == small
        for x, y in places
        if edited.getpixel((x, y)) == corner and edited.getpixel((x + 9, y + 9)) == small.getpixel((9, 9))
    ]
    assert matches.count(True) == 1


def test_inset_in_a_corner_leaves_the_remainder_unchanged() -> None:
    edited = placement.add_inset(compose_scene())
    assert edited.size == SIZE
    quarters = [(0, 0, 120, 90), (120, 0, 240, 90), (0, 90, 120, 180), (120, 90, 240, 180)]
    same = [edited.crop(box) == PICTURE.crop(box) for box in quarters]
    assert same.count(True) >= 2
    assert same.count(False) >= 1


def test_cut_out_keeps_centre_and_wall_shows_poster() -> None:
    cut = placement.cut_out_outline(compose_scene())
    assert cut.crop((100, 75, 140, 105)) == PICTURE.crop((100, 75, 140, 105))
    assert len(set(cut.crop((0, 0, 6, 6)).get_flattened_data())) == 1
    wall = placement.place_on_wall(compose_scene(picture=quarters()))
    assert wall.size == (900, 640)
    assert has_ordered_quarters(wall.crop((220, 110, 700, 530)))
