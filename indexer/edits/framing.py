"""Edits of size, crop and direction."""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from indexer.edits.scene import BLACK, WHITE, Change, Scene, choose_colour
from indexer.layout.single_thread import cv2

MIN_SIDE = 8


def keep_unchanged(scene: Scene) -> Image.Image:
    """Change nothing; the picture is only saved again."""
    return scene.picture


def resize(share: float) -> Change:
    """Scale both sides by a factor."""
    return lambda scene: scale(scene.picture, share)


def scale(picture: Image.Image, share: float) -> Image.Image:
    """Resize bicubically, both sides by a factor."""
    size = (max(MIN_SIDE, int(picture.width * share)), max(MIN_SIDE, int(picture.height * share)))
    return picture.resize(size, Image.Resampling.BICUBIC)


def crop(area: float) -> Change:
    """Crop to a share of the area at a random position, with nearly the same proportions."""

    def change(scene: Scene) -> Image.Image:
        across = min(1.0, math.sqrt(area) * scene.chance.uniform(0.9, 1.1))
        down = min(1.0, area / across)
        x, y = scene.chance.random(), scene.chance.random()
        picture = scene.picture
        width, height = max(1, int(picture.width * across)), max(1, int(picture.height * down))
        left, top = round((picture.width - width) * x), round((picture.height - height) * y)
        return picture.crop((left, top, left + width, top + height))

    return change


def pad(scene: Scene) -> Image.Image:
    """Add a fifth of each side at both ends, in one colour."""
    fill = scene.chance.choice([BLACK, WHITE, (128, 128, 128)])
    return ImageOps.expand(scene.picture, (int(scene.picture.width * 0.2), int(scene.picture.height * 0.2)), fill=fill)


def mirror(scene: Scene) -> Image.Image:
    """Mirror left to right."""
    return ImageOps.mirror(scene.picture)


def rotate(degrees: float) -> Change:
    """Rotate by any angle on black, without cropping."""
    return lambda scene: scene.picture.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=BLACK)


def transpose(method: Image.Transpose) -> Change:
    """Rotate or flip by right angles."""
    return lambda scene: scene.picture.transpose(method)


def add_border(scene: Scene) -> Image.Image:
    """Add two frames, each in one colour."""
    width = int(min(scene.picture.size) * 0.06)
    inner = ImageOps.expand(scene.picture, width, fill=choose_colour(scene))
    return ImageOps.expand(inner, width // 2, fill=choose_colour(scene))


def perspective(max_offset: float) -> Change:
    """Move each corner inwards by up to a share of the sides; black outside."""

    def change(scene: Scene) -> Image.Image:
        width, height = scene.picture.size
        offsets = [(scene.chance.uniform(0, max_offset), scene.chance.uniform(0, max_offset)) for _ in range(4)]
        corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
        to = [(abs(x - dx) * width, abs(y - dy) * height) for (x, y), (dx, dy) in zip(corners, offsets, strict=True)]
        return warp(scene.picture, to, scene.picture.size)

    return change


def warp(picture: Image.Image, corners: list[tuple[float, float]], size: tuple[int, int]) -> Image.Image:
    """Map a picture's corners (top left first, clockwise) to four points of a black canvas."""
    width, height = picture.size
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(source, np.array(corners, np.float32))
    return Image.fromarray(cv2.warpPerspective(np.asarray(picture), matrix, size, borderValue=BLACK))


def straighten(scene: Scene) -> Image.Image:
    """Rotate by up to 9 degrees and crop the corners, like the straighten tool of a phone."""
    degrees = scene.chance.choice([-1, 1]) * scene.chance.uniform(4, 9)
    picture = scene.picture.rotate(degrees, Image.Resampling.BICUBIC, expand=False)
    width, height = picture.size
    tangent = abs(math.tan(math.radians(degrees)))
    left, top = int(height * tangent / 2), int(width * tangent / 2)
    left, top = min(left, width // 3), min(top, height // 3)
    return picture.crop((left, top, width - left, height - top))


def stretch(scene: Scene) -> Image.Image:
    """Stretch 4:3 to 16:9, in either direction."""
    across, down = scene.chance.choice([(4 / 3, 1.0), (1.0, 4 / 3)])
    size = (round(scene.picture.width * across), round(scene.picture.height * down))
    return scene.picture.resize(size, Image.Resampling.BICUBIC)


def square(scene: Scene) -> Image.Image:
    """Crop the centre to a square of 480 pixels, as in profiles and feeds."""
    return ImageOps.fit(scene.picture, (480, 480), Image.Resampling.LANCZOS)


def banner(scene: Scene) -> Image.Image:
    """Crop to a strip of 2.4 : 1, as at the top of a page."""
    centring = (0.5, scene.chance.uniform(0.3, 0.6))
    return ImageOps.fit(scene.picture, (960, 400), Image.Resampling.LANCZOS, centering=centring)


def avatar(scene: Scene) -> Image.Image:
    """Crop to a circle of 320 pixels on white."""
    return _apply_mask(
        ImageOps.fit(scene.picture, (320, 320), Image.Resampling.LANCZOS),
        lambda draw, box: draw.ellipse(box, fill=255),
    )


def round_corners(scene: Scene) -> Image.Image:
    """Round the corners on white, like cards in applications."""
    radius = round(min(scene.picture.size) * 0.14)
    return _apply_mask(scene.picture, lambda draw, box: draw.rounded_rectangle(box, radius, fill=255))


Box = tuple[int, int, int, int]


def _apply_mask(picture: Image.Image, shape: Callable[[ImageDraw.ImageDraw, Box], None]) -> Image.Image:
    mask = Image.new("L", (picture.width * 2, picture.height * 2))
    shape(ImageDraw.Draw(mask), (0, 0, mask.width - 1, mask.height - 1))
    page = Image.new("RGB", picture.size, WHITE)
    page.paste(picture, (0, 0), mask.resize(picture.size, Image.Resampling.BILINEAR))
    return page


def thumbnail(scene: Scene) -> Image.Image:
    """Reduce the long side to 120 pixels."""
    small = scene.picture.copy()
    small.thumbnail((120, 120), Image.Resampling.LANCZOS)
    return small


def swap_halves(scene: Scene) -> Image.Image:
    """Swap the left and the right half."""
    picture, middle = scene.picture, scene.picture.width // 2
    page = Image.new("RGB", picture.size)
    page.paste(picture.crop((middle, 0, picture.width, picture.height)), (0, 0))
    page.paste(picture.crop((0, 0, middle, picture.height)), (picture.width - middle, 0))
    return page


def barrel(scene: Scene) -> Image.Image:
    """Apply the barrel distortion of a wide lens (Brown's model, first coefficient only)."""
    width, height = scene.picture.size
    strength = scene.chance.uniform(0.18, 0.3)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    radius = max(width, height) / 2
    across, down = (x - width / 2) / radius, (y - height / 2) / radius
    factor = (1 + strength * (across**2 + down**2)) / (1 + strength * 0.6)
    maps = (across * factor * radius + width / 2, down * factor * radius + height / 2)
    pixels = cv2.remap(np.asarray(scene.picture), *maps, cv2.INTER_LINEAR, borderValue=BLACK)
    return Image.fromarray(pixels)
