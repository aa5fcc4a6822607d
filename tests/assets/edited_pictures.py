"""A generated image, edited copies of it as found on sites, and their features. Each is computed once per process."""

from collections.abc import Callable
from functools import cache, lru_cache

from PIL import Image, ImageDraw, ImageOps

from indexer.picture.features import Features, extract
from tests.assets.textured import collage_with, encoded, page_with, textured

PICTURE = textured(1)


def add_watermark(picture: Image.Image) -> Image.Image:
    """Cover the image with repeated lines of text."""
    layer = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    for place in range(0, picture.height, 60):
        draw.text((20 + place % 120, place), "SAMPLE  SAMPLE  SAMPLE", fill=(255, 255, 255, 120), font_size=26)
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


def add_caption(picture: Image.Image) -> Image.Image:
    """Add a line of text below the image."""
    higher = ImageOps.expand(picture, (0, 0, 0, 70), "white")
    ImageDraw.Draw(higher).text((10, picture.height + 15), "what a day it was", fill="black", font_size=36)
    return higher


def webp(picture: Image.Image) -> bytes:
    """Encode the image as WebP at low quality."""
    return encoded(picture, "WEBP", 45)


def jpeg(picture: Image.Image) -> bytes:
    """Encode the image as JPEG, as sites do."""
    return encoded(picture, "JPEG", 80)


EDITS: dict[str, Callable[[Image.Image], bytes]] = {
    "recompressed": lambda picture: encoded(picture, "JPEG", 35),
    "resized": lambda picture: jpeg(picture.resize((216, 162), Image.Resampling.LANCZOS)),
    "webp": webp,
    "mirrored": lambda picture: jpeg(ImageOps.mirror(picture)),
    "turned": lambda picture: jpeg(picture.transpose(Image.Transpose.ROTATE_90)),
    "cropped": lambda picture: jpeg(picture.crop((90, 40, 430, 295))),
    "captioned": lambda picture: jpeg(add_caption(picture)),
    "bordered": lambda picture: jpeg(ImageOps.expand(picture, 30, "teal")),
    "watermarked": lambda picture: jpeg(add_watermark(picture)),
    "grey": lambda picture: jpeg(ImageOps.grayscale(picture)),
    "page": lambda picture: jpeg(page_with(picture)),
    "collage": lambda picture: jpeg(collage_with(picture)),
}
ALL_ORIENTATIONS: list[Callable[[Image.Image], Image.Image]] = [
    lambda picture: picture,
    ImageOps.mirror,
    ImageOps.flip,
    lambda picture: ImageOps.flip(ImageOps.mirror(picture)),
    lambda picture: picture.transpose(Image.Transpose.TRANSPOSE),
    lambda picture: ImageOps.mirror(picture.transpose(Image.Transpose.TRANSPOSE)),
    lambda picture: ImageOps.flip(picture.transpose(Image.Transpose.TRANSPOSE)),
    lambda picture: ImageOps.flip(ImageOps.mirror(picture.transpose(Image.Transpose.TRANSPOSE))),
]
"""Transpositions that give an image each of the eight orientations."""


@cache
def edited_copy(name: str) -> bytes:
    """Return the copy of the image after one of the edits."""
    return EDITS[name](PICTURE)


@lru_cache(maxsize=200)
def cached_features(data: bytes) -> Features:
    """Return the features of an image file. The result is shared, so do not change it."""
    return extract(data)
