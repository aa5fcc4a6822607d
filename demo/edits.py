"""The twelve ways in which the demonstration's sites have changed the pictures that they copied."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from demo.words import words

EditName = Literal[
    "recompressed",
    "resized",
    "webp",
    "mirrored",
    "turned",
    "cropped",
    "captioned",
    "bordered",
    "watermarked",
    "grey",
    "screenshot",
    "collage",
]
EDITS: Final[tuple[EditName, ...]] = get_args(EditName)
LONG_SIDE: Final = 900


@dataclass(frozen=True, slots=True)
class EditedPicture:
    """A changed copy as a web site would hold it."""

    data: bytes
    suffix: Literal[".jpg", ".webp", ".png"]


@dataclass(frozen=True, slots=True)
class EditSource:
    """What an edit may use: the picture, what stands beside it in a collage, and seeded randomness."""

    picture: Image.Image
    neighbours: Sequence[Image.Image]
    random: np.random.Generator = field(repr=False)


def edited(name: EditName, picture: Image.Image, neighbours: Sequence[Image.Image], seed: int) -> EditedPicture:
    """Copy a picture as a web site would, changed by the edit of that name; equal arguments give equal bytes.

    Args:
        name: which edit.
        picture: what is copied; larger ones are first reduced to a long side of 900 px, as sites do.
        neighbours: at least three other pictures, for the collage.
        seed: decides where a crop lies, what a caption says, and the like.
    """
    reduced = picture.convert("RGB")
    reduced.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    random = np.random.default_rng([seed, EDITS.index(name)])
    changed = _CHANGES[name](EditSource(reduced, neighbours, random))
    if name == "webp":
        return EditedPicture(_encoded(changed, "WEBP", 78), ".webp")
    return EditedPicture(_encoded(changed, "JPEG", 40 if name == "recompressed" else 86), ".jpg")


def _encoded(picture: Image.Image, image_format: str, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, image_format, quality=quality)
    return out.getvalue()


def _unchanged(source: EditSource) -> Image.Image:
    return source.picture


def _resized(source: EditSource) -> Image.Image:
    return ImageOps.scale(source.picture, 0.5, Image.Resampling.BICUBIC)


def _mirrored(source: EditSource) -> Image.Image:
    return ImageOps.mirror(source.picture)


def _turned(source: EditSource) -> Image.Image:
    return source.picture.transpose(Image.Transpose.ROTATE_90)


def _cropped(source: EditSource) -> Image.Image:
    """Keep half of the area, somewhere in the picture."""
    width, height = source.picture.size
    keep_x, keep_y = round(width * 0.5**0.5), round(height * 0.5**0.5)
    left = int(source.random.integers(width - keep_x + 1))
    top = int(source.random.integers(height - keep_y + 1))
    return source.picture.crop((left, top, left + keep_x, top + keep_y))


def _captioned(source: EditSource) -> Image.Image:
    """Lay a line of text over a dark bar at the foot of the picture."""
    picture = source.picture.copy()
    width, height = picture.size
    bar = max(24, round(height * 0.14))
    draw = ImageDraw.Draw(picture, "RGBA")
    draw.rectangle((0, height - bar, width, height), fill=(0, 0, 0, 190))
    text = " ".join(words(source.random, 3)).upper()
    font = _fitting_font(text, width * 0.9, bar * 0.6)
    draw.text((width / 2, height - bar / 2), text, fill=(255, 255, 255, 255), font=font, anchor="mm")
    return picture


def _bordered(source: EditSource) -> Image.Image:
    edge = round(max(source.picture.size) * 0.06)
    return ImageOps.expand(source.picture, (edge, edge, edge, edge * 2), (250, 247, 240))


def _watermarked(source: EditSource) -> Image.Image:
    """Repeat a half-transparent line of text over the whole picture, slanted."""
    width, height = source.picture.size
    side = round((width**2 + height**2) ** 0.5)
    layer = Image.new("L", (side, side))
    draw = ImageDraw.Draw(layer)
    font = ImageFont.load_default(max(14, width // 22))
    text = "  ".join([f"{words(source.random, 1)[0]}-pictures"] * 12)
    for row, top in enumerate(range(0, side, max(40, height // 7))):
        draw.text((-60 * (row % 3), top), text, fill=95, font=font)
    tilted = layer.rotate(25, Image.Resampling.BICUBIC)
    left, top = (side - width) // 2, (side - height) // 2
    picture = source.picture.copy()
    picture.paste((255, 255, 255), (0, 0), tilted.crop((left, top, left + width, top + height)))
    return picture


def _grey(source: EditSource) -> Image.Image:
    return ImageOps.grayscale(source.picture).convert("RGB")


def _screenshot(source: EditSource) -> Image.Image:
    """Show the picture in an article on a page of 1280 × 800 px, as a browser draws it."""
    page = Image.new("RGB", (1280, 800), (252, 252, 250))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 1280, 64), fill=(36, 52, 71))
    draw.text((60, 32), "The " + words(source.random, 1)[0].title(), "white", ImageFont.load_default(28), "lm")
    draw.text((1220, 32), "News   Places   About", (200, 210, 220), ImageFont.load_default(16), "rm")
    draw.text((60, 92), " ".join(words(source.random, 5)).capitalize(), (20, 20, 20), ImageFont.load_default(34))
    shown = ImageOps.contain(source.picture, (620, 540), Image.Resampling.LANCZOS)
    page.paste(shown, (60, 160))
    _paragraphs(draw, source.random, (60 + shown.width + 40, 160, 1220, 780))
    _paragraphs(draw, source.random, (60, 160 + shown.height + 24, 60 + shown.width, 780))
    return page


def _collage(source: EditSource) -> Image.Image:
    """Put the picture into one of the four fields of a 2 × 2 collage."""
    field_size = (480, 360)
    place = int(source.random.integers(4))
    others = iter(source.neighbours[:3])
    sheet = Image.new("RGB", (field_size[0] * 2, field_size[1] * 2), "white")
    for number in range(4):
        shown = source.picture if number == place else next(others)
        tile = ImageOps.pad(shown.convert("RGB"), field_size, Image.Resampling.LANCZOS, (255, 255, 255))
        sheet.paste(tile, (number % 2 * field_size[0], number // 2 * field_size[1]))
    return sheet


_CHANGES: Final[dict[EditName, Callable[[EditSource], Image.Image]]] = {
    "recompressed": _unchanged,
    "resized": _resized,
    "webp": _unchanged,
    "mirrored": _mirrored,
    "turned": _turned,
    "cropped": _cropped,
    "captioned": _captioned,
    "bordered": _bordered,
    "watermarked": _watermarked,
    "grey": _grey,
    "screenshot": _screenshot,
    "collage": _collage,
}


def _fitting_font(text: str, width: float, height: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font in the largest size whose line stays within the width and height in pixels."""
    natural = ImageFont.load_default(height).getlength(text)
    return ImageFont.load_default(height * min(1.0, width / natural))


def _paragraphs(draw: ImageDraw.ImageDraw, random: np.random.Generator, box: tuple[int, int, int, int]) -> None:
    """Fill a box with lines of small text; nothing where it is too narrow or too low."""
    left, top, right, bottom = box
    font = ImageFont.load_default(15)
    for y in range(top, bottom - 20, 22):
        line = ""
        for word in words(random, 40):
            if font.getlength(f"{line} {word}") > right - left:
                break
            line = f"{line} {word}".strip()
        if (y - top) // 22 % 6 != 5:
            draw.text((left, y), line, fill=(70, 70, 70), font=font)
