"""How a changed picture is written: the bytes that a site would hold."""

import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

ORIENTATION_TAG = 0x0112


@dataclass(frozen=True, slots=True)
class Saving:
    """A way of writing a picture."""

    suffix: str  # of the file's name, with its dot
    encode: Callable[[Image.Image], bytes]  # makes the bytes


def jpeg(quality: int) -> Saving:
    """JPEG as Pillow writes it."""
    return Saving(".jpg", lambda picture: _written(picture, "JPEG", quality=quality))


def webp(quality: int) -> Saving:
    """Lossy WebP."""
    return Saving(".webp", lambda picture: _written(picture, "WEBP", quality=quality))


def gif(colours: int) -> Saving:
    """GIF with its own palette, dithered."""
    return Saving(".gif", lambda picture: _written(_palette(picture, colours), "GIF"))


def _palette(picture: Image.Image, colours: int) -> Image.Image:
    palette = picture.quantize(colours, Image.Quantize.MEDIANCUT)
    return picture.quantize(colours, palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


def exif_turned() -> Saving:
    """JPEG whose pixels lie on their side, and whose EXIF orientation says so."""

    def encode(picture: Image.Image) -> bytes:
        exif = Image.Exif()
        exif[ORIENTATION_TAG] = 6
        return _written(picture.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=85, exif=exif)

    return Saving(".jpg", encode)


def _written(picture: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()
