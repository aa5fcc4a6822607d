"""Sticker drawings: faces, hearts, stars, arrows. All are drawn by code."""

import math
import random

from PIL import Image, ImageDraw

Colours = tuple[int, int, int, int]
YELLOW: Colours = (255, 205, 50, 255)
DARK: Colours = (70, 40, 15, 255)
RED: Colours = (228, 40, 62, 255)
OPAQUE_WHITE: Colours = (255, 255, 255, 255)
BLUE: Colours = (52, 120, 246, 255)
STICKER_SIDE = 400
"""Side in pixels of the square in which stickers are drawn before they are resized."""


def draw_sticker(chance: random.Random, side: int) -> Image.Image:
    """Draw a random sticker, RGBA, as a square with this side in pixels."""
    canvas = Image.new("RGBA", (STICKER_SIDE, STICKER_SIDE))
    chance.choice(
        [
            _draw_smile,
            _draw_laugh,
            _draw_sunglasses,
            _draw_heart_eyes,
            _draw_heart,
            _draw_star,
            _draw_arrow,
            _draw_bubble,
        ]
    )(ImageDraw.Draw(canvas))
    return canvas.resize((max(1, side), max(1, side)), Image.Resampling.LANCZOS)


def _draw_face(draw: ImageDraw.ImageDraw) -> None:
    draw.ellipse((10, 10, 390, 390), fill=YELLOW, outline=(214, 150, 20, 255), width=8)


def _draw_smile(draw: ImageDraw.ImageDraw) -> None:
    _draw_face(draw)
    for x in (125, 245):
        draw.ellipse((x, 115, x + 38, 175), fill=DARK)
    draw.arc((100, 120, 300, 310), 20, 160, fill=DARK, width=18)


def _draw_laugh(draw: ImageDraw.ImageDraw) -> None:
    _draw_face(draw)
    for x in (95, 235):
        draw.arc((x, 120, x + 75, 190), 200, 340, fill=DARK, width=16)
    draw.pieslice((90, 120, 310, 330), 0, 180, fill=DARK)
    draw.pieslice((130, 250, 270, 330), 0, 180, fill=RED)
    for x, tilt in ((30, -1), (330, 1)):
        draw.ellipse((x, 170 + 5 * tilt, x + 44, 240), fill=(90, 180, 245, 255))


def _draw_sunglasses(draw: ImageDraw.ImageDraw) -> None:
    _draw_face(draw)
    draw.rectangle((30, 118, 370, 140), fill=(20, 20, 24, 255))
    for x in (70, 215):
        draw.rounded_rectangle((x, 118, x + 115, 200), 36, fill=(20, 20, 24, 255))
    draw.arc((130, 190, 290, 300), 10, 150, fill=DARK, width=16)


def _draw_heart_eyes(draw: ImageDraw.ImageDraw) -> None:
    _draw_face(draw)
    for x in (75, 225):
        draw.polygon(_compute_heart_outline(x + 50, 150, 50), fill=RED)
    draw.pieslice((120, 170, 280, 320), 0, 180, fill=DARK)


def _draw_heart(draw: ImageDraw.ImageDraw) -> None:
    draw.polygon(_compute_heart_outline(200, 195, 180), fill=RED, outline=OPAQUE_WHITE, width=10)


def _compute_heart_outline(x: float, y: float, size: float) -> list[tuple[float, float]]:
    angles = [number / 60 * 2 * math.pi for number in range(60)]
    return [
        (
            x + size * math.sin(t) ** 3,
            y - size * (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16,
        )
        for t in angles
    ]


def _draw_star(draw: ImageDraw.ImageDraw) -> None:
    points = [
        (200 + radius * math.sin(number * math.pi / 5), 210 - radius * math.cos(number * math.pi / 5))
        for number, radius in enumerate([190, 80] * 5)
    ]
    draw.polygon(points, fill=(255, 222, 60, 255), outline=(230, 140, 20, 255), width=10)


def _draw_arrow(draw: ImageDraw.ImageDraw) -> None:
    draw.polygon(
        [(20, 150), (220, 150), (220, 60), (385, 200), (220, 340), (220, 250), (20, 250)],
        fill=RED,
        outline=OPAQUE_WHITE,
        width=12,
    )


def _draw_bubble(draw: ImageDraw.ImageDraw) -> None:
    draw.rounded_rectangle((15, 40, 385, 290), 90, fill=OPAQUE_WHITE, outline=BLUE, width=12)
    draw.polygon([(90, 270), (60, 380), (190, 284)], fill=OPAQUE_WHITE)
    draw.line([(98, 290), (60, 380), (180, 290)], fill=BLUE, width=12)
    for x in (105, 180, 255):
        draw.ellipse((x, 145, x + 40, 185), fill=BLUE)
