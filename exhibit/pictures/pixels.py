"""From any of Pillow's modes to 8-bit RGB on one ground, strip by strip so that large pictures need little memory."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_STRIP_PIXELS = 1 << 20
_SAMPLED, _FLAT = 256, 2.0
_WIDE_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def rgb_pixels(picture: Image.Image, reduction: int = 1, ground: int = 255) -> NDArray[np.uint8]:
    """The current frame as RGB, (⌈h / reduction⌉, ⌈w / reduction⌉, 3) uint8: averages of blocks of so many a side.

    What is transparent lets the ``ground`` through, a grey level.
    """
    picture.load()
    width, height = picture.size
    out = np.empty((-(-height // reduction), -(-width // reduction), 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // width // reduction) * reduction
    for top in range(0, height, rows):
        strip = _rgb(picture if rows >= height else picture.crop((0, top, width, min(height, top + rows))), ground)
        if reduction > 1:
            strip = strip.reduce(reduction)
        start = top // reduction
        out[start : start + strip.height] = np.asarray(strip)
    return out


def is_blank(pixels: NDArray[np.uint8]) -> bool:
    """Whether all pixels have one colour; seldom more than the first row has to be looked at."""
    first = pixels[:1, :1]
    return bool((pixels[:1] == first).all() and (pixels == first).all())


def is_flat(pixels: NDArray[np.uint8]) -> bool:
    """Whether nothing can be seen: of at most 256 pixels a side, the levels deviate by less than 2 from their mean."""
    step = max(1, max(pixels.shape) // _SAMPLED)
    return bool(pixels[::step, ::step].std() < _FLAT)


def _rgb(strip: Image.Image, ground: int) -> Image.Image:
    if strip.mode in _WIDE_MODES:
        return Image.fromarray(_eight_bits(np.asarray(strip), strip.mode)).convert("RGB")
    if not strip.has_transparency_data:
        return strip if strip.mode == "RGB" else strip.convert("RGB")
    behind = Image.new("RGBA", strip.size, (ground, ground, ground, 255))
    return Image.alpha_composite(behind, strip.convert("RGBA")).convert("RGB")


def _eight_bits(values: NDArray[np.generic], mode: str) -> NDArray[np.uint8]:
    """16-bit grey by its upper 8 bits; floats as they are from 0 to 255."""
    if mode == "F":
        return np.nan_to_num(np.clip(values.astype(np.float64), 0, 255)).astype(np.uint8)
    return (np.clip(values.astype(np.int64), 0, 0xFFFF) >> 8).astype(np.uint8)
