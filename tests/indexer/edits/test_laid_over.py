import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from indexer.edits import laid_over
from indexer.edits.scene import Change
from tests.assets.scenes import PICTURE, SIZE, scene

WIDTH, HEIGHT = SIZE


def changed(made: Image.Image) -> NDArray[np.bool_]:
    """Return which pixels differ from the image's."""
    return np.asarray((np.asarray(made) != np.asarray(PICTURE)).any(axis=2))


@pytest.mark.parametrize(
    ("change", "least", "most"),
    [
        (laid_over.captioned, 0.01, 0.5),
        (laid_over.with_stickers, 0.01, 0.4),
        (laid_over.big_sticker, 0.05, 0.4),
        (laid_over.watermarked, 0.03, 0.6),
        (laid_over.lower_third, 0.2, 0.5),
        (laid_over.mosaicked, 0.05, 0.25),
    ],
)
def test_what_is_laid_over_covers_a_part_and_leaves_the_rest_as_it_was(
    change: Change, least: float, most: float
) -> None:
    for seed in range(4):
        assert least < changed(change(scene(seed))).mean() < most


def test_a_big_sticker_lies_in_the_middle_and_a_news_bar_below() -> None:
    middle = changed(laid_over.big_sticker(scene()))
    assert not middle[:, :30].any()
    assert middle[60:120, 90:150].mean() > 0.3
    news = changed(laid_over.lower_third(scene()))
    assert news[round(HEIGHT * 0.75) :].mean() > 0.99
    assert not news[round(HEIGHT * 0.3) : round(HEIGHT * 0.7)].any()


def test_a_meme_has_its_words_on_a_strip_above_the_whole_picture() -> None:
    made = laid_over.meme(scene())
    strip = made.height - HEIGHT
    assert made.crop((0, strip, WIDTH, made.height)) == PICTURE
    words = np.asarray(made.crop((0, 0, WIDTH, strip)).convert("L"))
    assert 0.01 < (words < 128).mean() < 0.5


def test_a_film_has_bars_and_a_banner_its_width() -> None:
    film = laid_over.subtitled(scene())
    assert film.size == (WIDTH, WIDTH * 9 // 16)
    assert film.crop((0, 0, WIDTH, 10)).getbbox() is None
    assert film.crop((0, 40, WIDTH, 80)) == PICTURE.crop((0, 63, WIDTH, 103))
    assert laid_over.advertised(scene()).size == (960, 420)
