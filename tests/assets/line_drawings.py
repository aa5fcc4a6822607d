"""A generated image, and a line drawing of the same scene without its colours."""

import random

from PIL import Image, ImageDraw

SIZE = (480, 360)


def draw_scene(seed: int, *, as_outline: bool = False) -> Image.Image:
    """Draw about a hundred overlapping coloured shapes, or only their dark outlines on white."""
    chance = random.Random(seed)
    picture = Image.new("RGB", SIZE, "white" if as_outline else (120, 130, 140))
    draw = ImageDraw.Draw(picture)
    for _ in range(130):
        x, y, side = chance.randrange(-20, SIZE[0]), chance.randrange(-20, SIZE[1]), chance.randrange(20, 70)
        colour, box = tuple(chance.randrange(256) for _ in range(3)), (x, y, x + side, y + chance.randrange(20, 70))
        shape = draw.ellipse if chance.random() < 0.5 else draw.rectangle
        shape(box, fill="white" if as_outline else colour, outline="black" if as_outline else colour, width=2)
    return picture
