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
