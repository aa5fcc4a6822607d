import numpy as np
import pytest

from indexer.edits import copies
from indexer.edits.scene import Change
from tests.assets.edit_scenes import PICTURE, SIZE, compose_scene, correlation, has_ordered_quarters, quarters


def test_repeated_saving_loses_more_than_single_saving() -> None:
    once, often = copies.recompress(PICTURE, 60), copies.save_repeatedly(compose_scene())
    assert once.size == SIZE
    assert 0.8 < correlation(PICTURE, often) < correlation(PICTURE, once) < 1


@pytest.mark.parametrize(
    "change", [copies.photograph_screen, copies.print_picture, copies.print_newspaper, copies.add_creases]
)
def test_device_photo_changes_much_and_picture_stays_recognisable(change: Change) -> None:
    changed = change(compose_scene())
    assert correlation(PICTURE, changed) < 0.999
    assert has_ordered_quarters(change(compose_scene(picture=quarters())))
    assert change(compose_scene()) == changed


def test_newsprint_is_grey_and_print_is_on_paper() -> None:
    assert np.ptp(np.asarray(copies.print_newspaper(compose_scene()), np.int16), axis=2).max() < 30
    printed = copies.print_picture(compose_scene())
    assert printed.size == (round(1000 * 0.75), round(775 * 0.75))
    margin = np.asarray(printed.crop((60, 8, 690, 20)), np.int16)
    assert np.abs(margin - (246, 241, 229)).mean() < 6
