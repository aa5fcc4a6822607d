import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from indexer.edits import overlays
from indexer.edits.scene import Change
from tests.assets.edit_scenes import PICTURE, SIZE, compose_scene

WIDTH, HEIGHT = SIZE


def changed_pixels(edited: Image.Image) -> NDArray[np.bool_]:
    """Return which pixels differ from the image's."""
    return np.asarray((np.asarray(edited) != np.asarray(PICTURE)).any(axis=2))


@pytest.mark.parametrize(
    ("change", "least", "most"),
    [
        (overlays.add_captions, 0.01, 0.5),
        (overlays.add_stickers, 0.01, 0.4),
        (overlays.add_big_sticker, 0.05, 0.4),
        (overlays.add_watermark, 0.03, 0.6),
        (overlays.add_lower_third, 0.2, 0.5),
        (overlays.add_mosaic, 0.05, 0.25),
    ],
)
def test_overlay_covers_a_part_and_leaves_remainder_unchanged(change: Change, least: float, most: float) -> None:
    for seed in range(4):
        assert least < changed_pixels(change(compose_scene(seed))).mean() < most


def test_big_sticker_is_centred_and_news_bar_is_at_bottom() -> None:
    middle = changed_pixels(overlays.add_big_sticker(compose_scene()))
    assert not middle[:, :30].any()
    assert middle[60:120, 90:150].mean() > 0.3
    news = changed_pixels(overlays.add_lower_third(compose_scene()))
    assert news[round(HEIGHT * 0.75) :].mean() > 0.99
    assert not news[round(HEIGHT * 0.3) : round(HEIGHT * 0.7)].any()


def test_meme_has_text_strip_above_whole_picture() -> None:
    meme = overlays.add_meme_text(compose_scene())
    strip = meme.height - HEIGHT
    assert meme.crop((0, strip, WIDTH, meme.height)) == PICTURE
    words = np.asarray(meme.crop((0, 0, WIDTH, strip)).convert("L"))
    assert 0.01 < (words < 128).mean() < 0.5


def test_film_still_has_bars_and_full_width_banner() -> None:
    film = overlays.add_subtitles(compose_scene())
    assert film.size == (WIDTH, WIDTH * 9 // 16)
    assert film.crop((0, 0, WIDTH, 10)).getbbox() is None
    assert film.crop((0, 40, WIDTH, 80)) == PICTURE.crop((0, 63, WIDTH, 103))
    assert overlays.create_advert(compose_scene()).size == (960, 420)
