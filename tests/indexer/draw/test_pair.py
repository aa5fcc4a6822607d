import numpy as np
import pytest

from exhibit.errors import InvalidRequestError, UnreadablePictureError
from exhibit.types import Piece
from indexer.draw.draw import View
from indexer.draw.pair import Pair
from tests.assets.drawing_pairs import DATA, IDENTITY, PICTURE, build_pair, build_verification, drawing_pixels


def test_undrawable_picture_is_refused_with_a_message() -> None:
    with pytest.raises(UnreadablePictureError):
        build_pair(b"nothing", IDENTITY)
    with pytest.raises(UnreadablePictureError):
        Pair.from_verification(DATA, b"nothing", build_verification(IDENTITY))
    with pytest.raises(InvalidRequestError):
        build_pair(PICTURE, np.zeros((3, 3)))


def test_view_of_a_picture_is_resized_only_once_per_size() -> None:
    source = build_pair(PICTURE, IDENTITY).found_source
    half = source.render(source.frame, (240, 180))
    assert half.pixels is source.render(source.frame, (240, 400)).pixels
    assert half.pixels is not source.render(source.frame, (120, 90)).pixels
    assert half.pixels.shape == (180, 240, 3)


@pytest.mark.parametrize("view", View)
def test_pieces_outside_found_picture_are_clipped(view: View) -> None:
    moved = [Piece((120 * n, 0, 120 * n + 120, 360), ((1, 0, 300 * (n - 1)), (0, 1, 0), (0, 0, 1))) for n in range(4)]
    drawn_pair = Pair.from_verification(DATA, DATA, build_verification(IDENTITY, pieces=moved))
    assert drawing_pixels(view, drawn_pair).size
    shown_view = drawn_pair.registered_source.render(drawn_pair.registered_source.frame, (480, 360))
    _, point = drawn_pair.warp_found_picture(drawn_pair.first_copy, shown_view)
    assert [bool(point[:, x].all()) for x in (60, 180, 270, 330, 420)] == [True, True, False, True, False]
