import numpy as np
from PIL import Image, ImageOps

from exhibit.types import Piece
from indexer.draw.draw import View
from indexer.draw.pair import Pair
from indexer.draw.points import MAX_POINTS, find_matched_details
from tests.assets.drawing_pairs import DATA, IDENTITY, MIRRORED, PICTURE, build_pair, build_verification, drawing_pixels
from tests.assets.textured import encoded


def test_numbered_points_mark_same_details_in_both() -> None:
    details, registered = find_matched_details(build_pair(ImageOps.mirror(PICTURE), MIRRORED))
    assert 10 <= len(details) <= MAX_POINTS
    assert np.abs(np.stack([479 - details[:, 0], details[:, 1]], axis=1) - registered).max() < 4
    apart = np.linalg.norm(registered[:, None] - registered[None], axis=2) + 1000 * np.eye(len(registered))
    assert apart.min() > 30
    spread = registered.max(axis=0) - registered.min(axis=0)
    assert (spread > np.array([480, 360]) * 0.6).all()


def test_details_outside_all_pieces_have_no_number() -> None:
    piece = Piece((0, 0, 240, 360), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
    _, registered = find_matched_details(
        Pair.from_verification(encoded(PICTURE), DATA, build_verification(IDENTITY, pieces=[piece]))
    )
    assert len(registered) >= 10
    assert registered[:, 0].max() < 240


def test_pictures_without_common_details_are_drawn_plain() -> None:
    assert len(find_matched_details(build_pair(Image.new("RGB", (480, 360), "teal"), IDENTITY))[0]) == 0
    assert drawing_pixels(View.POINTS, build_pair(Image.new("RGB", (480, 360), "teal"), IDENTITY)).shape == (
        620,
        1600,
        3,
    )
