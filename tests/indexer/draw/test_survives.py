"""Test the map over the registered image."""

import numpy as np

from indexer.draw.overlay import CELL_COLOURS, draw_survival
from tests.assets.drawing_pairs import DATA, PICTURE


def test_each_cell_shows_surviving_share() -> None:
    drawing = draw_survival(DATA, ("21", "0-"))
    height, width = drawing.shape[0] // 2, drawing.shape[1] // 2
    preserved, structure, nothing, plain = (
        drawing[row * height : (row + 1) * height, column * width : (column + 1) * width].astype(float)
        for row in (0, 1)
        for column in (0, 1)
    )
    whole = np.asarray(PICTURE.resize(drawing.shape[1::-1])).astype(float)
    assert np.abs(preserved - whole[:height, :width]).mean() < 5
    assert np.ptp(plain.mean(axis=(0, 1))) == 0
    for tinted, sign in ((structure, "1"), (nothing, "0")):
        away = tinted.mean(axis=(0, 1)) - np.array(CELL_COLOURS[sign]) / 2
        assert np.ptp(away) < 1  # the same grey remains in each channel
