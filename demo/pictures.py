"""Generated images: varied, textured, and deterministic by seed on machines with the same libraries.

They represent images on the web that are unrelated to any registered work. Tests use them instead of image files.
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


def generate_textured(seed: int, size: tuple[int, int] = (480, 360)) -> Image.Image:
    """Return a generated RGB image with much detail. Different seeds give dissimilar images.

    Args:
        seed: Seed of all random choices, including the kind of scene.
        size: Width and height in pixels, at least 64 each.
    """
    random = np.random.default_rng([seed, 0x0E48])
    scene = SCENE_FUNCTIONS[int(random.integers(len(SCENE_FUNCTIONS)))]
    return _add_grain(scene(random, size), random)


def generate_flat(colour: tuple[int, int, int] = (120, 150, 180), size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Return a single-colour image, which cannot be distinguished from other such images."""
    return Image.new("RGB", size, colour)


def generate_noise(random: Random, size: tuple[int, int], octaves: int = 6, persistence: float = 0.55) -> Plane:
    """Generate fractal noise: a sum of grids of doubling resolution; float32, shape (height, width), scaled to 0–1."""
    width, height = size
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cells = 2 << octave
        grid = random.random((cells + 1, cells + 1), np.float32)
        total += persistence**octave * np.asarray(Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC))
    low, high = float(total.min()), float(total.max())
    return (total - low) / max(high - low, 1e-6)


def _apply_gradient(plane: Plane, random: Random, colours: int = 5) -> Image.Image:
    """Map values from 0 to 1 to a gradient through random colours."""
    stops = np.array([_choose_colour(random) for _ in range(colours)], np.float32)
    positions = np.linspace(0.0, 1.0, colours)
    channels = [np.interp(plane, positions, stops[:, channel]) for channel in range(3)]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))


def _choose_colour(random: Random) -> tuple[int, int, int]:
    """Choose a muted colour, as most objects have."""
    hue, saturation, lightness = random.random(), random.beta(2, 3), random.uniform(0.1, 0.97)
    red, green, blue = (int(255 * component) for component in hsv_to_rgb(hue, saturation, lightness))
    return red, green, blue


def _add_grain(picture: Image.Image, random: Random) -> Image.Image:
    pixels = np.asarray(picture, np.float32)
    grain = random.normal(0.0, 5.0, (*pixels.shape[:2], 1)).astype(np.float32)
    return Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8))


def _draw_clouds(random: Random, size: tuple[int, int]) -> Image.Image:
    return _apply_gradient(
        generate_noise(random, size, 7, float(random.uniform(0.5, 0.75))), random, int(random.integers(4, 9))
    )


def _draw_ridges(random: Random, size: tuple[int, int]) -> Image.Image:
    """Draw a sky above several rows of hills, each with its own texture."""
    width, height = size
    picture = _apply_gradient(np.sort(generate_noise(random, size, 4), axis=0), random, 3)
    rows = int(random.integers(3, 7))
    for row in range(rows):
        base = height * (0.25 + 0.7 * row / rows)
        skyline = base + height * 0.25 * (generate_noise(random, (width, 2), 6, 0.6)[0] - 0.5)
        hill = _apply_gradient(generate_noise(random, size, 7, 0.7), random, 4)
        mask = np.arange(height)[:, None] > skyline[None, :]
        picture.paste(hill, (0, 0), Image.fromarray(mask.astype(np.uint8) * 255))
    return picture


def _draw_town(random: Random, size: tuple[int, int]) -> Image.Image:
    """Draw uneven house fronts with uneven windows under a cloudy sky."""
    width, height = size
    picture = _draw_clouds(random, size).filter(ImageFilter.GaussianBlur(4))
    draw = ImageDraw.Draw(picture)
    left = 0
    while left < width:
        house_width = int(random.integers(width // 12, width // 4))
        top = int(random.integers(height // 8, height * 2 // 3))
        draw.rectangle((left, top, left + house_width, height), fill=_choose_colour(random))
        draw.polygon(
            [
                (left, top),
                (left + house_width, top),
                (left + house_width * random.random(), top - house_width * random.random()),
            ],
            fill=_choose_colour(random),
        )
        _draw_windows(random, draw, (left, top, left + house_width, height))
        left += house_width
    return Image.blend(picture, _draw_clouds(random, size), 0.25)


def _draw_windows(random: Random, draw: ImageDraw.ImageDraw, front: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = front
    columns, rows = int(random.integers(2, 5)), int(random.integers(2, 7))
    step_x, step_y = (right - left) / columns, (bottom - top) / rows
    for index in range(columns * rows):
        x, y = left + step_x * (index % columns), top + step_y * (index // columns)
        inset = random.uniform(0.1, 0.45, 4)
        corner = (x + step_x * inset[0], y + step_y * inset[1])
        opposite_corner = (x + step_x * (1 - inset[2]), y + step_y * (1 - inset[3]))
        draw.rectangle((*corner, *opposite_corner), fill=_choose_colour(random), outline=_choose_colour(random))


def _draw_heap(random: Random, size: tuple[int, int]) -> Image.Image:
    """Draw a pile of textured round objects, like fruit in a crate."""
    width, height = size
    picture = _draw_clouds(random, size)
    textures = [_apply_gradient(generate_noise(random, size, 7, 0.75), random, 4) for _ in range(3)]
    for _ in range(int(random.integers(18, 45))):
        radius_x, radius_y = (float(value) for value in random.uniform(0.04, 0.16, 2) * width)
        x, y = float(random.random() * width), float(random.random() * height)
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).ellipse((x - radius_x, y - radius_y, x + radius_x, y + radius_y), fill=255)
        picture.paste(textures[int(random.integers(3))], (0, 0), mask)
        ImageDraw.Draw(picture).arc(
            (x - radius_x, y - radius_y, x + radius_x, y + radius_y), 20, 200, _choose_colour(random), 3
        )
    return picture


def _draw_shards(random: Random, size: tuple[int, int]) -> Image.Image:
    """Draw many overlapping coloured triangles and strokes, like an abstract painting."""
    width, height = size
    picture = _draw_clouds(random, size)
    draw = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(40, 120))):
        centre = random.random(2) * (width, height)
        points = [tuple(map(float, centre + random.normal(0, width / 9, 2))) for _ in range(3)]
        if random.random() < 0.6:
            draw.polygon(points, fill=_choose_colour(random))
        else:
            draw.line(points, fill=_choose_colour(random), width=int(random.integers(1, 9)))
    return Image.blend(picture, _draw_clouds(random, size), 0.2)


def _draw_waves(random: Random, size: tuple[int, int]) -> Image.Image:
    """Distort stripes of varying width with a field of noise, like wood or water."""
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = random.random() * np.pi
    position = (columns * np.cos(angle) + rows * np.sin(angle)) / width
    phase = position * random.uniform(4, 12) + 6 * generate_noise(random, size, 6, 0.6)
    return _apply_gradient((0.5 + 0.5 * np.sin(phase * 2.2)).astype(np.float32), random, int(random.integers(3, 7)))


SCENE_FUNCTIONS: Final[tuple[Callable[[Random, tuple[int, int]], Image.Image], ...]] = (
    _draw_clouds,
    _draw_ridges,
    _draw_town,
    _draw_heap,
    _draw_shards,
    _draw_waves,
)
