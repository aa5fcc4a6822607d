"""Generated images: varied, textured, and deterministic by seed on machines with the same libraries.

They represent the many images on the web that are unrelated to any registered work, and serve tests that need images
without shipping any.
"""

from collections.abc import Callable
from colorsys import hsv_to_rgb
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]
Random = np.random.Generator


def textured(seed: int, size: tuple[int, int] = (480, 360)) -> Image.Image:
    """Return a generated RGB image with much detail. Different seeds give dissimilar images.

    Args:
        seed: Determines everything, including the kind of scene.
        size: Width and height in pixels, at least 64 each.
    """
    random = np.random.default_rng([seed, 0x0E48])
    scene = SCENES[int(random.integers(len(SCENES)))]
    return _grained(scene(random, size), random)


def flat(colour: tuple[int, int, int] = (120, 150, 180), size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Return a single-colour image, which cannot be distinguished from other such images."""
    return Image.new("RGB", size, colour)


def noise(random: Random, size: tuple[int, int], octaves: int = 6, persistence: float = 0.55) -> Plane:
    """Sum random grids of doubling resolution; float32 of shape (height, width), scaled to 0–1."""
    width, height = size
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cells = 2 << octave
        grid = random.random((cells + 1, cells + 1), np.float32)
        total += persistence**octave * np.asarray(Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC))
    low, high = float(total.min()), float(total.max())
    return (total - low) / max(high - low, 1e-6)


def _coloured(plane: Plane, random: Random, colours: int = 5) -> Image.Image:
    """Map 0–1 to a gradient through random colours."""
    stops = np.array([_colour(random) for _ in range(colours)], np.float32)
    places = np.linspace(0.0, 1.0, colours)
    channels = [np.interp(plane, places, stops[:, channel]) for channel in range(3)]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))


def _colour(random: Random) -> tuple[int, int, int]:
    """Choose a muted colour, as most objects have."""
    hue, strength, light = random.random(), random.beta(2, 3), random.uniform(0.1, 0.97)
    red, green, blue = (int(255 * part) for part in hsv_to_rgb(hue, strength, light))
    return red, green, blue


def _grained(picture: Image.Image, random: Random) -> Image.Image:
    pixels = np.asarray(picture, np.float32)
    grain = random.normal(0.0, 5.0, (*pixels.shape[:2], 1)).astype(np.float32)
    return Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8))


def _clouds(random: Random, size: tuple[int, int]) -> Image.Image:
    return _coloured(noise(random, size, 7, float(random.uniform(0.5, 0.75))), random, int(random.integers(4, 9)))


def _ridges(random: Random, size: tuple[int, int]) -> Image.Image:
    """Draw a sky above several rows of hills, each with its own texture."""
    width, height = size
    picture = _coloured(np.sort(noise(random, size, 4), axis=0), random, 3)
    rows = int(random.integers(3, 7))
    for row in range(rows):
        base = height * (0.25 + 0.7 * row / rows)
        skyline = base + height * 0.25 * (noise(random, (width, 2), 6, 0.6)[0] - 0.5)
        hill = _coloured(noise(random, size, 7, 0.7), random, 4)
        mask = np.arange(height)[:, None] > skyline[None, :]
        picture.paste(hill, (0, 0), Image.fromarray(mask.astype(np.uint8) * 255))
    return picture


def _town(random: Random, size: tuple[int, int]) -> Image.Image:
    """Draw uneven house fronts with uneven windows under a cloudy sky."""
    width, height = size
    picture = _clouds(random, size).filter(ImageFilter.GaussianBlur(4))
    draw = ImageDraw.Draw(picture)
    left = 0
    while left < width:
        wide = int(random.integers(width // 12, width // 4))
        top = int(random.integers(height // 8, height * 2 // 3))
        draw.rectangle((left, top, left + wide, height), fill=_colour(random))
        draw.polygon(
            [(left, top), (left + wide, top), (left + wide * random.random(), top - wide * random.random())],
            fill=_colour(random),
        )
        _windows(random, draw, (left, top, left + wide, height))
        left += wide
    return Image.blend(picture, _clouds(random, size), 0.25)


def _windows(random: Random, draw: ImageDraw.ImageDraw, front: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = front
    across, down = int(random.integers(2, 5)), int(random.integers(2, 7))
    step_x, step_y = (right - left) / across, (bottom - top) / down
    for place in range(across * down):
        x, y = left + step_x * (place % across), top + step_y * (place // across)
        inset = random.uniform(0.1, 0.45, 4)
        corner = (x + step_x * inset[0], y + step_y * inset[1])
        opposite = (x + step_x * (1 - inset[2]), y + step_y * (1 - inset[3]))
        draw.rectangle((*corner, *opposite), fill=_colour(random), outline=_colour(random))


def _heap(random: Random, size: tuple[int, int]) -> Image.Image:
    """Draw a pile of textured round objects, like fruit in a crate."""
    width, height = size
    picture = _clouds(random, size)
    skins = [_coloured(noise(random, size, 7, 0.75), random, 4) for _ in range(3)]
    for _ in range(int(random.integers(18, 45))):
        radius_x, radius_y = (float(value) for value in random.uniform(0.04, 0.16, 2) * width)
        x, y = float(random.random() * width), float(random.random() * height)
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).ellipse((x - radius_x, y - radius_y, x + radius_x, y + radius_y), fill=255)
        picture.paste(skins[int(random.integers(3))], (0, 0), mask)
        ImageDraw.Draw(picture).arc(
            (x - radius_x, y - radius_y, x + radius_x, y + radius_y), 20, 200, _colour(random), 3
        )
    return picture


def _shards(random: Random, size: tuple[int, int]) -> Image.Image:
    """Draw many overlapping coloured triangles and strokes, like an abstract painting."""
    width, height = size
    picture = _clouds(random, size)
    draw = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(40, 120))):
        centre = random.random(2) * (width, height)
        points = [tuple(map(float, centre + random.normal(0, width / 9, 2))) for _ in range(3)]
        if random.random() < 0.6:
            draw.polygon(points, fill=_colour(random))
        else:
            draw.line(points, fill=_colour(random), width=int(random.integers(1, 9)))
    return Image.blend(picture, _clouds(random, size), 0.2)


def _waves(random: Random, size: tuple[int, int]) -> Image.Image:
    """Distort stripes of varying width with a field of noise, like wood or water."""
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = random.random() * np.pi
    along = (columns * np.cos(angle) + rows * np.sin(angle)) / width
    bent = along * random.uniform(4, 12) + 6 * noise(random, size, 6, 0.6)
    return _coloured((0.5 + 0.5 * np.sin(bent * 2.2)).astype(np.float32), random, int(random.integers(3, 7)))


SCENES: Final[tuple[Callable[[Random, tuple[int, int]], Image.Image], ...]] = (
    _clouds,
    _ridges,
    _town,
    _heap,
    _shards,
    _waves,
)
