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


def resize(factor: float) -> Change:
    """Scale both sides by a factor."""
    return lambda scene: scale(scene.picture, factor)


def scale(picture: Image.Image, factor: float) -> Image.Image:
    """Resize bicubically, both sides by a factor."""
    size = (max(MIN_SIDE, int(picture.width * factor)), max(MIN_SIDE, int(picture.height * factor)))
    return picture.resize(size, Image.Resampling.BICUBIC)


def crop(area: float) -> Change:
    """Crop to a fraction of the area at a random position, with nearly the same proportions."""

    def change(scene: Scene) -> Image.Image:
        across = min(1.0, math.sqrt(area) * scene.random_source.uniform(0.9, 1.1))
        down = min(1.0, area / across)
        x, y = scene.random_source.random(), scene.random_source.random()
        picture = scene.picture
        width, height = max(1, int(picture.width * across)), max(1, int(picture.height * down))
        left, top = round((picture.width - width) * x), round((picture.height - height) * y)
        return picture.crop((left, top, left + width, top + height))

    return change


def pad(scene: Scene) -> Image.Image:
    """Add a margin of a fifth of each side at both ends, in one colour."""
    fill = scene.random_source.choice([BLACK, WHITE, (128, 128, 128)])
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
    inner_picture = ImageOps.expand(scene.picture, width, fill=choose_colour(scene))
    return ImageOps.expand(inner_picture, width // 2, fill=choose_colour(scene))


def change_perspective(max_offset: float) -> Change:
    """Move each corner inwards by up to a fraction of the sides; black outside."""

    def change(scene: Scene) -> Image.Image:
        width, height = scene.picture.size
        offsets = [
            (scene.random_source.uniform(0, max_offset), scene.random_source.uniform(0, max_offset)) for _ in range(4)
        ]
        corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
        target_corners = [
            (abs(x - dx) * width, abs(y - dy) * height) for (x, y), (dx, dy) in zip(corners, offsets, strict=True)
        ]
        return warp(scene.picture, target_corners, scene.picture.size)

    return change


def warp(picture: Image.Image, corners: list[tuple[float, float]], size: tuple[int, int]) -> Image.Image:
    """Map a picture's corners (top left first, clockwise) to four points of a black canvas."""
    width, height = picture.size
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(source, np.array(corners, np.float32))
    return Image.fromarray(cv2.warpPerspective(np.asarray(picture), matrix, size, borderValue=BLACK))


def straighten(scene: Scene) -> Image.Image:
    """Rotate by up to 9 degrees and crop the corners, like the straighten tool of a phone."""
    degrees = scene.random_source.choice([-1, 1]) * scene.random_source.uniform(4, 9)
    picture = scene.picture.rotate(degrees, Image.Resampling.BICUBIC, expand=False)
    width, height = picture.size
    tangent = abs(math.tan(math.radians(degrees)))
    left, top = int(height * tangent / 2), int(width * tangent / 2)
    left, top = min(left, width // 3), min(top, height // 3)
    return picture.crop((left, top, width - left, height - top))


def stretch_side(scene: Scene) -> Image.Image:
    """Stretch 4:3 to 16:9, in either direction."""
    across, down = scene.random_source.choice([(4 / 3, 1.0), (1.0, 4 / 3)])
    size = (round(scene.picture.width * across), round(scene.picture.height * down))
    return scene.picture.resize(size, Image.Resampling.BICUBIC)


def crop_square(scene: Scene) -> Image.Image:
    """Crop the centre to a square of 480 pixels, as in profiles and feeds."""
    return ImageOps.fit(scene.picture, (480, 480), Image.Resampling.LANCZOS)


def crop_banner(scene: Scene) -> Image.Image:
    """Crop to a strip of 2.4 : 1, as at the top of a page."""
    centring = (0.5, scene.random_source.uniform(0.3, 0.6))
    return ImageOps.fit(scene.picture, (960, 400), Image.Resampling.LANCZOS, centering=centring)


def crop_avatar(scene: Scene) -> Image.Image:
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


def create_thumbnail(scene: Scene) -> Image.Image:
    """Reduce the long side to 120 pixels."""
    small = scene.picture.copy()
    small.thumbnail((120, 120), Image.Resampling.LANCZOS)
    return small


def swap_halves(scene: Scene) -> Image.Image:
    """Swap the left and the right half."""
    picture, half_width = scene.picture, scene.picture.width // 2
    page = Image.new("RGB", picture.size)
    page.paste(picture.crop((half_width, 0, picture.width, picture.height)), (0, 0))
    page.paste(picture.crop((0, 0, half_width, picture.height)), (picture.width - half_width, 0))
    return page


def distort_barrel(scene: Scene) -> Image.Image:
    """Apply the barrel distortion of a wide lens (Brown's model, first coefficient only)."""
    width, height = scene.picture.size
    strength = scene.random_source.uniform(0.18, 0.3)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    radius = max(width, height) / 2
    across, down = (x - width / 2) / radius, (y - height / 2) / radius
    factor = (1 + strength * (across**2 + down**2)) / (1 + strength * 0.6)
    maps = (across * factor * radius + width / 2, down * factor * radius + height / 2)
    pixels = cv2.remap(np.asarray(scene.picture), *maps, cv2.INTER_LINEAR, borderValue=BLACK)
    return Image.fromarray(pixels)
