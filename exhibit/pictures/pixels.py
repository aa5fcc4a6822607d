"""From any of Pillow's modes to 8-bit RGB on one ground, strip by strip so that large pictures need little memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from exhibit.pictures.colours import Conversion

_STRIP_PIXELS = 1 << 20
_FLAT = 2
_FIELDS = 32
_SAMPLED_ROWS = 512
_PHOTOMETRIC, _LARGEST_SAMPLE, _WHITE_IS_ZERO = 262, 281, 0
_OF_FLOATS = (1.0, 255.0, 65535.0)
_OF_INTEGERS = (255, 1023, 4095, 16383, 65535)
_RARE, _SLACK = 0.5, 0.01
"""Per cent of the values at either end that may lie beyond a range; share of it by which black may be missed."""
_LAB, _SRGB = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
WIDE_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes of grey with more than 8 bits."""


def rgb_pixels(
    picture: Image.Image, reduction: int = 1, ground: int = 255, colours: Conversion | None = None
) -> NDArray[np.uint8]:
    """The current frame as RGB, (⌈h / reduction⌉, ⌈w / reduction⌉, 3) uint8: averages of blocks of so many a side.

    What is transparent lets the ``ground`` through, a grey level. ``colours`` make the levels sRGB.
    """
    picture.load()
    width, height = picture.size
    out = np.empty((-(-height // reduction), -(-width // reduction), 3), np.uint8)
    late = colours if _may_wait(colours, picture) and reduction > 1 else None  # fewer pixels to convert
    start = 0
    for strip in _strips(picture, reduction, ground, None if late else colours):
        reduced = strip.reduce(reduction) if reduction > 1 else strip
        if late:
            reduced = late.shown(reduced)
        out[start : start + reduced.height] = np.asarray(reduced)
        start += reduced.height
    return out


def _strips(picture: Image.Image, reduction: int, ground: int, colours: Conversion | None) -> Iterator[Image.Image]:
    """The picture as RGB in full size, from above: in strips, of which all but the last can be reduced so much."""
    levels, (width, height) = _levels(picture), picture.size
    rows = max(1, _STRIP_PIXELS // width // reduction) * reduction
    for top in range(0, height, rows):
        strip = picture if rows >= height else picture.crop((0, top, width, min(height, top + rows)))
        yield _rgb(strip, ground, levels, colours)


def _may_wait(colours: Conversion | None, picture: Image.Image) -> bool:
    """Whether levels can be converted after pixels were averaged, with much the same result."""
    return colours is not None and colours.smooth and colours.mode == "RGB" and not picture.has_transparency_data


def fields(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The mean colours of 32 by 32 fields, shape (32, 32, 3); levels."""
    height = len(pixels)
    means = np.empty((_FIELDS, _FIELDS, 3), np.float32)
    for row in range(_FIELDS):  # one by one: Pillow needs more memory for pixels than they have here
        top = row * height // _FIELDS
        band = Image.fromarray(np.ascontiguousarray(pixels[top : max(top + 1, (row + 1) * height // _FIELDS)]))
        means[row] = np.asarray(band.resize((_FIELDS, 1), Image.Resampling.BOX))[0]
    return means


def is_blank(pixels: NDArray[np.uint8]) -> bool:
    """Whether all pixels have one colour; seldom more than the first row has to be looked at."""
    first = pixels[:1, :1]
    return bool((pixels[:1] == first).all() and (pixels == first).all())


def is_flat(picture: Image.Image, ground: int = 255, colours: Conversion | None = None) -> bool:
    """Whether nothing can be seen of it on this ground: its levels deviate by less than 2 from their mean."""
    picture.load()
    of_each, number = np.zeros(256, np.int64), 3 * picture.width * picture.height
    for strip in _strips(picture, 1, ground, colours):
        of_each += np.array(strip.histogram(), np.int64).reshape(3, 256).sum(axis=0)
        if _deviating(of_each) >= _FLAT**2 * number:  # and what follows adds to it
            return False
    return True


def _deviating(of_each: NDArray[np.int64]) -> float:
    """The sum of squared deviations from the mean, of so many of each level."""
    levels = np.arange(len(of_each))
    number, total, squares = (int(of_each @ levels**power) for power in range(3))
    return squares - total**2 / number


def _rgb(strip: Image.Image, ground: int, levels: "Levels | None", colours: Conversion | None) -> Image.Image:
    if levels is not None:
        values = np.asarray(strip)
        grey = Image.fromarray(levels.shown(values))
        shown = grey.convert("RGB") if colours is None else colours.shown(grey)
        if levels.key is not None:
            shown.paste((ground,) * 3, mask=Image.fromarray(values == levels.key))
        return shown
    if strip.mode == "LAB":
        return ImageCms.profileToProfile(strip, _LAB, _SRGB, outputMode="RGB") or strip
    shown = strip if colours is None else colours.shown(strip)
    if not shown.has_transparency_data:
        return shown if shown.mode == "RGB" else shown.convert("RGB")
    behind = Image.new("RGBA", strip.size, (ground, ground, ground, 255))
    return Image.alpha_composite(behind, shown.convert("RGBA")).convert("RGB")


@dataclass(frozen=True, slots=True)
class Levels:
    """Which values of a grey picture with more than 8 bits are black and white."""

    black: float
    white: float
    steps: bool  # whether values are cut to whole levels, as 16 bits are to their upper 8
    key: int | None = None  # the value of transparent pixels

    def shown(self, values: NDArray[np.generic]) -> NDArray[np.uint8]:
        """8-bit grey."""
        if self.steps and (self.black, self.white) == (0, 0xFFFF):
            return (np.clip(values.astype(np.int64), 0, 0xFFFF) >> 8).astype(np.uint8)
        scaled = (values.astype(np.float64) - self.black) * (255 / ((self.white - self.black) or 1))
        return np.nan_to_num(np.clip(scaled, 0, 255)).astype(np.uint8)


def _levels(picture: Image.Image) -> Levels | None:
    """Those of a picture with more than 8 bits a pixel; ``None`` of others.

    A PNG's are all 16 bits, as browsers have it. A TIFF says by its photometric interpretation which end is white
    (TIFF 6.0, section 8), and seldom (``SMaxSampleValue``) how far its values go: else they show it.
    """
    if picture.mode not in WIDE_MODES:
        return None
    if picture.format != "TIFF":
        key = picture.info.get("transparency")
        return Levels(0, 0xFFFF, steps=True, key=key if isinstance(key, int) else None)
    tags = picture.tag_v2  # type: ignore[attr-defined]
    sample = np.asarray(picture)[:: max(1, picture.height // _SAMPLED_ROWS)].astype(np.float64).ravel()
    sample = sample[np.isfinite(sample)]
    stated = tags.get(_LARGEST_SAMPLE)
    stated = stated[0] if isinstance(stated, tuple) and stated else stated
    black, white = _range(sample, _OF_FLOATS if picture.mode == "F" else _OF_INTEGERS)
    if isinstance(stated, int | float) and stated > 1 and black == 0 and picture.mode != "F":
        white = float(stated)
    inverted = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    steps = picture.mode != "F"
    return Levels(white, black, steps=steps) if inverted else Levels(black, white, steps=steps)


def _range(sample: NDArray[np.float64], usual: Sequence[float]) -> tuple[float, float]:
    """The least of the usual ranges that holds nearly all values; their own where none does."""
    if not sample.size:
        return 0.0, 1.0
    low, high = np.percentile(sample, (_RARE, 100 - _RARE))
    if low >= -_SLACK * max(high, 1.0):
        for white in usual:
            if high <= white:
                return 0.0, float(white)
    return float(low), float(high)
