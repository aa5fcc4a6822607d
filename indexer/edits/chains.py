"""Edits one after the other, as in reposts."""

from collections.abc import Callable, Sequence

from PIL import Image

from indexer.edits.copies import recompressed
from indexer.edits.framing import cropped, mirrored, perspective, resized, turned
from indexer.edits.laid_over import captioned, meme, watermarked, with_stickers
from indexer.edits.placed import on_background
from indexer.edits.scene import Change, Scene
from indexer.edits.tones import blurred, filtered, grey, jittered, noisy


def captioned_crop(scene: Scene) -> Image.Image:
    """Crop, change colours, write, shrink, recompress."""
    return _through(scene, [cropped(0.6), jittered, captioned, resized(0.6), _jpeg(40)])


def mirrored_meme(scene: Scene) -> Image.Image:
    """Mirror, crop, write above, add stickers, recompress."""
    return _through(scene, [mirrored, cropped(0.7), meme, with_stickers, _jpeg(50)])


def any_four(scene: Scene) -> Image.Image:
    """Four of eleven edits by chance, then recompress."""
    chance = scene.chance
    pool: list[Change] = [
        cropped(chance.uniform(0.35, 0.8)),
        mirrored,
        turned(chance.uniform(-25, 25)),
        jittered,
        with_stickers,
        perspective(0.12),
        noisy(12),
        on_background(0.55),
        blurred(1.2),
        grey,
        watermarked,
    ]
    return _through(scene, [*chance.sample(pool, 4), _jpeg(chance.randint(25, 60))])


def repost(scene: Scene) -> Image.Image:
    """Mirror, zoom in a little, filter, write, recompress: what accounts do that evade simple checks."""
    return _through(scene, [mirrored, cropped(0.85), filtered, captioned, _jpeg(55)])


def _through(scene: Scene, changes: Sequence[Change]) -> Image.Image:
    for change in changes:
        scene = scene.showing(change(scene))
    return scene.picture


def _jpeg(quality: int) -> Callable[[Scene], Image.Image]:
    return lambda scene: recompressed(scene.picture, quality)
