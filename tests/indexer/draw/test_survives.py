"""Test the map over the registered image."""

import numpy as np

from indexer.draw.overlay import TINTS, survives
from tests.assets.drawn import DATA, PICTURE


def test_each_cell_shows_what_survives_of_it() -> None:
    drawn = survives(DATA, ("21", "0-"))
    height, width = drawn.shape[0] // 2, drawn.shape[1] // 2
    kept, structure, nothing, plain = (
        drawn[row * height : (row + 1) * height, column * width : (column + 1) * width].astype(float)
        for row in (0, 1)
        for column in (0, 1)
    )
    whole = np.asarray(PICTURE.resize(drawn.shape[1::-1])).astype(float)
    assert np.abs(kept - whole[:height, :width]).mean() < 5
    assert np.ptp(plain.mean(axis=(0, 1))) == 0
    for tinted, sign in ((structure, "1"), (nothing, "0")):
        away = tinted.mean(axis=(0, 1)) - np.array(TINTS[sign]) / 2
        assert np.ptp(away) < 1  # the same grey remains in each channel
