import numpy as np
from PIL import ImageOps

from indexer.edits import catalogue
from tests.assets.edit_scenes import PICTURE, compose_scene, correlation


def test_repost_shows_mirrored_picture() -> None:
    reposted = catalogue.repost(compose_scene())
    assert correlation(ImageOps.mirror(PICTURE), reposted) > 0.2 + abs(correlation(PICTURE, reposted))


def test_mirrored_meme_still_has_its_text_strip_on_top() -> None:
    meme = catalogue.mirrored_meme(compose_scene())
    assert meme.height / meme.width > 1.1 * PICTURE.height / PICTURE.width
    assert np.asarray(meme.crop((0, 0, meme.width, meme.height // 8))).max() > 245


def test_captioned_crop_is_smaller_and_chain_of_four_edits_varies_with_seed() -> None:
    assert catalogue.captioned_crop(compose_scene()).width < 0.6 * PICTURE.width
    chains = [catalogue.apply_four_edits(compose_scene(seed)) for seed in range(4)]
    assert len({picture.tobytes() for picture in chains}) == 4
    assert catalogue.apply_four_edits(compose_scene(2)) == chains[2]
