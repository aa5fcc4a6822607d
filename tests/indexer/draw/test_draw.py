from collections.abc import Sequence
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageOps

from exhibit.errors import UnreadablePictureError, WrongUseError
from exhibit.pictures.thumbnails import THUMBNAIL_SIDE, thumbnail_of
from indexer.draw.difference import HIGHLIGHT, differing
from indexer.draw.draw import SUFFIXES, View, draw, draw_png
from indexer.draw.marks import CORNERS, OUTLINE
from indexer.draw.pair import Pair
from indexer.draw.points import MAX_POINTS, matched_details
from tests.assets.textured import encoded, textured

PICTURE = textured(1)
DATA = encoded(PICTURE)
IDENTITY = np.eye(3)
CROP = (100, 60, 300, 210)
CROPPED = np.array([[1.0, 0, 100], [0, 1, 60], [0, 0, 1]])
MIRRORED = np.array([[-1.0, 0, 479], [0, 1, 0], [0, 0, 1]])


def pair(found: Image.Image | bytes, *transforms: ArrayLike) -> Pair:
    return Pair.of(found if isinstance(found, bytes) else encoded(found), DATA, transforms)


def drawn(view: View, one: Pair) -> NDArray[np.uint8]:
    return np.asarray(Image.open(BytesIO(draw_png(view, one))))


def places(pixels: NDArray[np.uint8], colour: Sequence[int]) -> NDArray[np.float64]:
    """Columns and rows of the pixels of a colour."""
    rows, columns = np.nonzero((pixels == colour).all(axis=2))
    return np.stack([columns, rows], axis=1).astype(np.float64)


def around(points: NDArray[np.float64]) -> tuple[float, float, float, float]:
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def corners(half: NDArray[np.uint8]) -> str:
    """The letters in one picture of a pair: top left, top right, bottom right, bottom left."""
    middles = {letter: np.median(places(half, colour), axis=0) for letter, colour in CORNERS}
    centre = np.mean(list(middles.values()), axis=0)
    seen = {tuple((place > centre).tolist()): letter for letter, place in middles.items()}
    return "".join(seen[at] for at in ((False, False), (True, False), (True, True), (False, True)))


def test_an_overlay_shows_a_crop_where_it_belongs_and_fades_the_rest() -> None:
    pixels = drawn(View.OVERLAY, pair(Image.new("RGB", (200, 150), "teal"), CROPPED))
    factor = pixels.shape[1] / 480
    assert pixels.shape[:2] == (round(360 * factor), 1600)
    assert tuple(pixels[round(135 * factor), round(200 * factor)]) == (0, 128, 128)
    assert pixels[: round(50 * factor)].min() >= 150
    assert around(places(pixels, OUTLINE)) == pytest.approx([value * factor for value in CROP], abs=4)


def test_an_overlay_of_a_whole_copy_leaves_strips_of_the_registered_picture() -> None:
    pixels = drawn(View.OVERLAY, pair(Image.new("RGB", (480, 360), "teal"), IDENTITY))
    teal = (pixels[600, 10:-10] == (0, 128, 128)).all(axis=1)
    assert 0.4 < teal.mean() < 0.6
    assert np.abs(np.diff(teal.astype(int))).sum() == 5


def test_side_by_side_outlines_the_shared_part_in_both_and_magnifies_it_where_it_is_small() -> None:
    whole = drawn(View.SIDE_BY_SIDE, pair(PICTURE, IDENTITY))
    crop = drawn(View.SIDE_BY_SIDE, pair(PICTURE.crop(CROP), CROPPED))
    assert whole.shape == (620, 1600, 3)
    assert crop.shape[1] == 1600
    assert crop.shape[0] > 1100
    left, top, right, bottom = around(places(crop[:620, :800], OUTLINE))
    assert (left - 40) / 720 == pytest.approx(100 / 480, abs=0.01)
    assert (top - 40) / 540 == pytest.approx(60 / 360, abs=0.01)
    assert (right - left, bottom - top) == pytest.approx((300, 225), abs=4)
    left, top, right, bottom = around(places(crop[:620, 800:], OUTLINE))
    assert (right - left, bottom - top) == pytest.approx((720, 540), abs=4)


@pytest.mark.parametrize(
    ("found", "transform", "letters"),
    [
        (PICTURE, IDENTITY, "ABCD"),
        (ImageOps.mirror(PICTURE), MIRRORED, "BADC"),
        (ImageOps.flip(PICTURE), np.array([[1.0, 0, 0], [0, -1, 359], [0, 0, 1]]), "DCBA"),
        (PICTURE.rotate(180), np.array([[-1.0, 0, 479], [0, -1, 359], [0, 0, 1]]), "CDAB"),
        (PICTURE.rotate(90, expand=True), np.array([[0.0, -1, 479], [1, 0, 0], [0, 0, 1]]), "BCDA"),
        (ImageOps.mirror(PICTURE).crop((180, 60, 380, 210)), np.array([[-1.0, 0, 299], [0, 1, 60], [0, 0, 1]]), "BADC"),
    ],
    ids=["as it is", "mirrored", "upside down mirrored", "turned by 180", "turned by 90", "mirrored and cropped"],
)
def test_letters_at_corresponding_corners_tell_how_a_copy_was_turned(
    found: Image.Image, transform: NDArray[np.float64], letters: str
) -> None:
    pixels = drawn(View.SIDE_BY_SIDE, pair(found, transform))
    upper = pixels if letters == "ABCD" else pixels[:-620]
    assert corners(upper[:, :800]) == "ABCD"
    assert corners(upper[:, 800:]) == letters


def test_a_turned_copy_is_shown_below_as_it_was_before() -> None:
    found = ImageOps.mirror(PICTURE)
    pixels = drawn(View.SIDE_BY_SIDE, pair(found, MIRRORED))
    below = pixels[-620 + 60 : -60]
    left, right = below[:, 60:740].astype(int), below[:, 860:1540].astype(int)
    assert np.abs(left - right).mean() < 3
    assert corners(pixels[620:, 800:]) == "ABCD"


def test_several_copies_in_one_picture_are_each_outlined_and_shown() -> None:
    sheet = Image.new("RGB", (1000, 400), "white")
    sheet.paste(PICTURE, (0, 0))
    sheet.paste(ImageOps.mirror(PICTURE), (510, 20))
    second = MIRRORED @ np.array([[1.0, 0, -510], [0, 1, -20], [0, 0, 1]])
    pixels = drawn(View.SIDE_BY_SIDE, pair(sheet, IDENTITY, second))
    factor = 720 / 1000
    outlined = places(pixels[:560, 840:1560], OUTLINE)
    for left in (0, 510):
        inside = outlined[(outlined[:, 0] > left * factor + 20) & (outlined[:, 0] < (left + 480) * factor - 20)]
        assert len(inside) > 200
    *_, right, _ = around(places(pixels[pixels.shape[0] - 200 :], OUTLINE))
    assert right > 1500


def test_a_difference_marks_exactly_what_was_added() -> None:
    found = PICTURE.copy()
    ImageDraw.Draw(found).rectangle((200, 150, 279, 199), fill="white")
    one = pair(ImageOps.mirror(found), MIRRORED)
    changed, inside = differing(one, one.found.shown(one.found.frame, (480, 360)))
    assert inside.all()
    added = np.zeros((360, 480), bool)
    added[150:200, 200:280] = True
    added = added[:, ::-1]
    assert (changed & added).sum() > 0.97 * added.sum()
    near = np.zeros_like(added)
    near[145:205, 195:285] = True
    assert not (changed & ~near[:, ::-1]).any()
    pixels = drawn(View.DIFFERENCE, one).astype(int)
    orange = pixels[..., 0] - pixels[..., 2] > HIGHLIGHT[0] // 2
    assert orange.mean() == pytest.approx(80 * 50 / (480 * 360), rel=0.15)


def test_a_difference_forgives_light_colour_size_and_compression() -> None:
    brighter = Image.fromarray((255 * (np.asarray(PICTURE) / 255) ** 0.8).astype(np.uint8))
    smaller = np.diag([2.0, 2.0, 1.0])
    smaller[:2, 2] = 0.5
    for found, transform in (
        (encoded(brighter, "JPEG", 70), IDENTITY),
        (encoded(ImageOps.grayscale(PICTURE)), IDENTITY),
        (encoded(PICTURE.resize((240, 180), Image.Resampling.LANCZOS), "JPEG", 85), smaller),
    ):
        one = pair(found, transform)
        changed, _ = differing(one, one.found.shown(one.found.frame, (480, 360)))
        assert changed.mean() < 0.01


def test_a_difference_shows_a_small_copy_with_a_little_of_its_page() -> None:
    page = Image.new("RGB", (3000, 3000), "white")
    page.paste(PICTURE, (200, 100))
    pixels = drawn(View.DIFFERENCE, pair(page, np.array([[1.0, 0, -200], [0, 1, -100], [0, 0, 1]])))
    assert pixels.shape[1] == 1600
    left, _, right, _ = around(places(pixels, OUTLINE))
    assert (right - left) / 1600 == pytest.approx(480 / 576, abs=0.02)


def test_numbered_points_are_the_same_details_in_both() -> None:
    found, registered = matched_details(pair(ImageOps.mirror(PICTURE), MIRRORED))
    assert 10 <= len(found) <= MAX_POINTS
    assert np.abs(np.stack([479 - found[:, 0], found[:, 1]], axis=1) - registered).max() < 4
    apart = np.linalg.norm(registered[:, None] - registered[None], axis=2) + 1000 * np.eye(len(registered))
    assert apart.min() > 30
    spread = registered.max(axis=0) - registered.min(axis=0)
    assert (spread > np.array([480, 360]) * 0.6).all()


def test_points_of_pictures_without_common_details_are_just_the_pictures() -> None:
    assert len(matched_details(pair(Image.new("RGB", (480, 360), "teal"), IDENTITY))[0]) == 0
    assert drawn(View.POINTS, pair(Image.new("RGB", (480, 360), "teal"), IDENTITY)).shape == (620, 1600, 3)


@pytest.mark.parametrize("view", View)
def test_the_same_input_gives_the_same_bytes(view: View) -> None:
    small = encoded(PICTURE.crop(CROP))
    assert draw(view, Pair.of(small, small, [IDENTITY])) == draw(view, Pair.of(small, small, [IDENTITY]))


def test_drawings_of_large_pictures_are_at_most_1600_pixels_wide_and_high() -> None:
    large = encoded(PICTURE.resize((1500, 2000)), "JPEG")
    for view in (View.OVERLAY, View.SIDE_BY_SIDE):
        assert max(drawn(view, Pair.of(large, large, [IDENTITY, IDENTITY])).shape) <= 1600


@pytest.mark.parametrize("view", View)
def test_odd_transforms_are_drawn_too(view: View) -> None:
    small = encoded(PICTURE.crop(CROP).resize((80, 60)))
    horizon = np.array([[1, 0, 0], [0, 1, 0], [0.024, 0.0, 1]])
    behind = np.array([[1, 0, 0], [0, 1, 0], [-0.024, 0, 1]])
    apart = np.array([[1.0, 0, 5000], [0, 1, 0], [0, 0, 1]])
    for transform in (horizon, behind, apart):
        assert max(drawn(view, Pair.of(small, small, [transform])).shape) <= 1600


def test_files_are_written_as_their_names_end() -> None:
    one = pair(PICTURE, IDENTITY)
    assert SUFFIXES[".png"](View.OVERLAY, one).startswith(b"\x89PNG")
    assert SUFFIXES[".jpg"](View.OVERLAY, one).startswith(b"\xff\xd8")


def test_what_cannot_be_drawn_is_refused_with_a_sentence() -> None:
    with pytest.raises(UnreadablePictureError):
        pair(b"nothing", IDENTITY)
    with pytest.raises(UnreadablePictureError):
        Pair.of(DATA, b"nothing", [IDENTITY])
    with pytest.raises(WrongUseError):
        pair(PICTURE, np.zeros((3, 3)))


def test_a_drawing_brings_its_thumbnail_with_it() -> None:
    data = draw(View.OVERLAY, pair(PICTURE.crop(CROP), CROPPED))
    thumbnail = thumbnail_of(data)
    assert thumbnail is not None
    with Image.open(BytesIO(thumbnail)) as small, Image.open(BytesIO(data)) as whole:
        assert max(small.size) == THUMBNAIL_SIDE
        again = whole.resize(small.size, Image.Resampling.LANCZOS)
        assert np.abs(np.asarray(small, float) - np.asarray(again, float)).mean() < 4
