"""Generated images with structure at several scales, like photographs. Each seed gives another image."""

import io
import random
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageOps


def textured(seed: int, size: tuple[int, int] = (480, 360)) -> Image.Image:
    """Return soft noise of four octaves under shapes of many sizes. The caller may change the image."""
    return _textured(seed, size).copy()


@lru_cache(maxsize=256)
def _textured(seed: int, size: tuple[int, int]) -> Image.Image:
    noise = np.random.default_rng(seed)
    values = np.zeros((size[1], size[0], 3))
    for octave in (4, 12, 40, 120):
        small = noise.integers(0, 256, (octave, octave, 3), np.uint8)
        values += np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)) / 4
    picture = Image.fromarray(values.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    chance = random.Random(seed)
    for _ in range(60):
        x, y, side = chance.randrange(size[0]), chance.randrange(size[1]), chance.choice([6, 10, 16, 30, 60])
        colour = tuple(chance.randrange(256) for _ in range(3))
        shape = draw.ellipse if chance.random() < 0.5 else draw.rectangle
        shape((x, y, x + side, y + chance.randrange(4, side + 4)), fill=colour)
    return picture


def encoded(picture: Image.Image, name: str = "PNG", quality: int = 85) -> bytes:
    """Encode an image."""
    file = io.BytesIO()
    picture.save(file, name, quality=quality)
    return file.getvalue()


def page_with(picture: Image.Image, size: tuple[int, int] = (1280, 800)) -> Image.Image:
    """Return a page of text with the image, reduced."""
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    words = random.Random(1)
    for line in range(40):
        text = " ".join("".join(words.choice("abdegmnorstu") for _ in range(words.randint(2, 9))) for _ in range(16))
        draw.text((660, 40 + 18 * line), text, fill="black", font_size=14)
    page.paste(picture.resize((512, 384), Image.Resampling.LANCZOS), (60, 180))
    return page


def collage_with(picture: Image.Image, place: int = 3) -> Image.Image:
    """Return four images, two by two, each cropped to the same shape."""
    sheet = Image.new("RGB", (810, 610), "white")
    for cell in range(4):
        tile = picture if cell == place else textured(900 + cell)
        sheet.paste(ImageOps.fit(tile, (400, 300), Image.Resampling.LANCZOS), (cell % 2 * 410, cell // 2 * 310))
    return sheet


def text_page(seed: int) -> Image.Image:
    """Return a page of black letters on white."""
    page = Image.new("RGB", (480, 640), "white")
    draw = ImageDraw.Draw(page)
    letters = random.Random(seed)
    for line in range(30):
        text = "".join(letters.choice("abcdefghij   ") for _ in range(60))
        draw.text((20, 20 + 20 * line), text, fill="black", font_size=13)
    return page


SMALL = textured(5, (300, 225))


PLACE = (560, 40)


def with_inset(seed: int, inset: Image.Image = SMALL, colour: str = "white") -> Image.Image:
    """Return another image with a small one inset in its corner, inside a thin border."""
    edge, picture = 4, textured(seed, (900, 675))
    framed = Image.new("RGB", (inset.width + 2 * edge, inset.height + 2 * edge), colour)
    framed.paste(inset, (edge, edge))
    picture.paste(framed, (PLACE[0] - edge, PLACE[1] - edge))
    return picture
