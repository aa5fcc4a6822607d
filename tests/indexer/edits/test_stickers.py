from random import Random

import numpy as np
import pytest

from indexer.edits.stickers import draw_sticker


@pytest.mark.parametrize("side", [0, 1, 60, 400])
def test_sticker_is_a_square_of_requested_size(side: int) -> None:
    picture = draw_sticker(Random(1), side)
    assert (picture.mode, picture.size) == ("RGBA", (max(1, side), max(1, side)))


def test_random_stickers_differ_and_are_transparent() -> None:
    pictures = [np.asarray(draw_sticker(Random(seed), 80)) for seed in range(30)]
    assert len({picture.tobytes() for picture in pictures}) == 8
    assert (np.asarray(draw_sticker(Random(3), 80)) == pictures[3]).all()
    for picture in pictures:
        assert 0.2 < (picture[..., 3] > 128).mean() < 0.9
        assert picture[0, 0, 3] == picture[-1, -1, 3] == 0
