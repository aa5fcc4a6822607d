"""Text for edited pictures, in Pillow's built-in font."""

import random

from PIL import ImageDraw, ImageFont

from indexer.edits.scene import Colour

WORDS = (  # noqa: SIM905 - read as a text
    "breaking news exclusive offer shop now original photo travel best summer sale when you realise it is monday "
    "morning and coffee is gone copyright stock sample preview click here subscribe like share follow daily the of "
    "and a to in city life nature world"
).split()

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def create_sentence(chance: random.Random, count: int) -> str:
    """Return a number of random words."""
    return " ".join(chance.choice(WORDS) for _ in range(count))


def load_font(height: float) -> Font:
    """Return Pillow's built-in font, at least 5 pixels high."""
    return ImageFont.load_default(max(5.0, height))


def find_fitting_font(text: str, width: float, height: float) -> Font:
    """Return the largest font in which a line fits into a width and a height in pixels."""
    natural = load_font(height).getlength(text)
    return load_font(height * min(1.0, width / max(1.0, natural)))


def draw_paragraph(
    draw: ImageDraw.ImageDraw, chance: random.Random, box: tuple[int, int, int, int], height: int, fill: Colour
) -> None:
    """Fill a box (left, top, right, bottom) with lines of words."""
    left, top, right, bottom = box
    face = load_font(height)
    for number, y in enumerate(range(top, bottom - height, round(height * 1.35))):
        line = ""
        for word in create_sentence(chance, 24).split():
            if face.getlength(f"{line} {word}") > right - left:
                break
            line = f"{line} {word}".strip()
        if number % 6 != 5:
            draw.text((left, y), line, fill=fill, font=face)
