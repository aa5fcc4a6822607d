import numpy as np
import pytest

from exhibit.errors import UnreadablePictureError, WrongUseError
from indexer.draw.pair import Pair
from tests.assets.drawn import DATA, IDENTITY, PICTURE, laid, pair


def test_what_cannot_be_drawn_is_refused_with_a_sentence() -> None:
    with pytest.raises(UnreadablePictureError):
        pair(b"nothing", IDENTITY)
    with pytest.raises(UnreadablePictureError):
        Pair.of(DATA, b"nothing", laid(IDENTITY))
    with pytest.raises(WrongUseError):
        pair(PICTURE, np.zeros((3, 3)))


def test_what_is_shown_twice_in_one_size_is_resized_once() -> None:
    source = pair(PICTURE, IDENTITY).found
    half = source.shown(source.frame, (240, 180))
    assert half.pixels is source.shown(source.frame, (240, 400)).pixels
    assert half.pixels is not source.shown(source.frame, (120, 90)).pixels
    assert half.pixels.shape == (180, 240, 3)
