"""Conversion from any Pillow mode to 8-bit RGB, in strips so that large images need little memory."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from exhibit.pictures.colours import Conversion, get_base_mode

_STRIP_PIXELS = 1 << 20
_MAX_FLAT_DEVIATION = 2.0
_LAB, _SRGB = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
_GreyRange = tuple[float, float]


def render_rgb(
    picture: Image.Image, reduction: int = 1, background: int = 255, colours: Conversion | None = None
) -> NDArray[np.uint8]:
    """Return the current frame as RGB pixels.

    Args:
        picture: An opened image.
        reduction: Side of the blocks of pixels that are averaged into one.
        background: Grey level of the background behind transparent pixels.
        colours: Conversion to sRGB.

    Returns:
        uint8 array of shape (⌈height / reduction⌉, ⌈width / reduction⌉, 3).
    """
    picture.load()
    width, height = picture.size
    out = np.empty((-(-height // reduction), -(-width // reduction), 3), np.uint8)
    levels = _find_grey_range(picture)
    rows = max(1, _STRIP_PIXELS // width // reduction) * reduction
    for top in range(0, height, rows):
        strip = picture if rows >= height else picture.crop((0, top, width, min(height, top + rows)))
        strip = _flatten(strip, background) if levels is None else _to_8_bits(strip, levels)
        if reduction > 1:
            strip = strip.reduce(reduction)
        strip = _convert_mode(strip, "RGB") if colours is None else colours.to_srgb(strip)
        start = top // reduction
        out[start : start + strip.height] = np.asarray(strip)
    return out


def is_blank(pixels: NDArray[np.uint8]) -> bool:
    """Return True if all pixels have the same colour. Usually the first row is enough to decide."""
    first = pixels[:1, :1]
    return bool((pixels[:1] == first).all() and (pixels == first).all())


def is_flat(pixels: NDArray[np.uint8]) -> bool:
    """Return True if nothing is visible: the standard deviation of all levels is below 2."""
    counts = np.zeros(256, np.int64)
    rows = max(1, _STRIP_PIXELS // pixels.shape[1])
    for top in range(0, len(pixels), rows):
        counts += np.bincount(pixels[top : top + rows].ravel(), minlength=256)
    levels, total = np.arange(256), counts.sum()
    mean = counts @ levels / total
    return bool(counts @ (levels - mean) ** 2 / total < _MAX_FLAT_DEVIATION**2)


def _flatten(strip: Image.Image, background: int) -> Image.Image:
    """Return a strip as L, RGB or CMYK, with a grey background behind transparent pixels."""
    if strip.mode == "LAB":
        return ImageCms.profileToProfile(strip, _LAB, _SRGB, outputMode="RGB") or strip
    mode = get_base_mode(strip.mode)
    if strip.has_transparency_data:
        backdrop = Image.new("RGBA", strip.size, (background, background, background, 255))
        strip = Image.alpha_composite(backdrop, strip.convert("RGBA"))
    return _convert_mode(strip, mode)


def _convert_mode(strip: Image.Image, mode: str) -> Image.Image:
    return strip if strip.mode == mode else strip.convert(mode)  # a conversion would copy the strip


def _find_grey_range(picture: Image.Image) -> _GreyRange | None:
    """Return the values of black and white in a grey image of more than 8 bits; None for other images.

    A PNG uses its full 16 bits. The values of a TIFF often use fewer bits than are stored (12 from many sensors), so
    the number of bits is that of its largest value. Wider values have no standard range: black and white are the
    smallest and the largest value of the image.
    """
    if not picture.mode.startswith(("I", "F")):
        return None
    darkest, lightest = picture.getextrema()
    if not picture.mode.startswith("I;16"):
        return float(darkest), float(lightest)  # type: ignore[arg-type] # an image with one band has two numbers
    bits = int(lightest).bit_length() if picture.format == "TIFF" else 16  # type: ignore[arg-type] # as above
    return 0.0, float((1 << max(8, bits)) - 1)


def _to_8_bits(strip: Image.Image, levels: _GreyRange) -> Image.Image:
    black, white = levels
    with np.errstate(all="ignore"):  # values may be infinite or NaN
        scaled = (np.asarray(strip).astype(np.float64) - black) * (255 / ((white - black) or 1))
        return Image.fromarray(np.nan_to_num(np.clip(scaled, 0, 255)).astype(np.uint8))
