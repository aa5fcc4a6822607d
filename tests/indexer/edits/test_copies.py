import numpy as np
import pytest

from indexer.edits import copies
from indexer.edits.scene import Change
from tests.assets.scenes import PICTURE, SIZE, likeness, quarters, scene, shows_quarters


def test_saving_again_and_again_loses_more_than_saving_once() -> None:
    once, often = copies.recompressed(PICTURE, 60), copies.saved_often(scene())
    assert once.size == SIZE
    assert 0.8 < likeness(PICTURE, often) < likeness(PICTURE, once) < 1


@pytest.mark.parametrize("change", [copies.photo_of_screen, copies.printed, copies.newsprint, copies.creased])
def test_a_device_changes_much_and_the_picture_is_still_there(change: Change) -> None:
    made = change(scene())
    assert likeness(PICTURE, made) < 0.999
    assert shows_quarters(change(scene(picture=quarters())))
    assert change(scene()) == made


def test_newsprint_has_no_colour_and_a_print_lies_on_paper() -> None:
    assert np.ptp(np.asarray(copies.newsprint(scene()), np.int16), axis=2).max() < 30
    printed = copies.printed(scene())
    assert printed.size == (round(1000 * 0.75), round(775 * 0.75))
    margin = np.asarray(printed.crop((60, 8, 690, 20)), np.int16)
    assert np.abs(margin - (246, 241, 229)).mean() < 6
