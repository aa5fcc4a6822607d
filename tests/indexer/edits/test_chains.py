import numpy as np
from PIL import ImageOps

from indexer.edits import catalogue
from tests.assets.scenes import PICTURE, likeness, scene


def test_a_repost_shows_the_mirrored_picture() -> None:
    made = catalogue.repost(scene())
    assert likeness(ImageOps.mirror(PICTURE), made) > 0.2 + abs(likeness(PICTURE, made))


def test_a_mirrored_meme_has_its_strip_above() -> None:
    made = catalogue.mirrored_meme(scene())
    assert made.height / made.width > 1.1 * PICTURE.height / PICTURE.width
    assert np.asarray(made.crop((0, 0, made.width, made.height // 8))).max() > 245


def test_a_crop_ends_smaller_and_a_chain_of_four_is_another_with_each_seed() -> None:
    assert catalogue.captioned_crop(scene()).width < 0.6 * PICTURE.width
    made = [catalogue.any_four(scene(seed)) for seed in range(4)]
    assert len({one.tobytes() for one in made}) == 4
    assert catalogue.any_four(scene(2)) == made[2]
