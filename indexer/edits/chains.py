"""Edits one after the other, as in reposts."""

from PIL import Image

from indexer.edits.copies import recompressed
from indexer.edits.framing import cropped, mirrored, perspective, resized, turned
from indexer.edits.laid_over import captioned, meme, watermarked, with_stickers
from indexer.edits.placed import on_background
from indexer.edits.scene import Change, Scene
from indexer.edits.tones import blurred, filtered, grey, jittered, noisy


def _chain(*changes: Change, quality: int) -> Change:
    """Changes one after the other, then through JPEG."""

    def change(scene: Scene) -> Image.Image:
        for made in changes:
            scene = scene.showing(made(scene))
        return recompressed(scene.picture, quality)

    return change


captioned_crop = _chain(cropped(0.6), jittered, captioned, resized(0.6), quality=40)
mirrored_meme = _chain(mirrored, cropped(0.7), meme, with_stickers, quality=50)
repost = _chain(mirrored, cropped(0.85), filtered, captioned, quality=55)
"""Mirrored, zoomed in a little, filtered and captioned: what accounts do that evade simple checks."""


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
    chosen = chance.sample(pool, 4)
    return _chain(*chosen, quality=chance.randint(25, 60))(scene)
