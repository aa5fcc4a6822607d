"""Edits by copying devices: cameras in front of screens, printers, scanners, and repeated saving."""

import io
import math

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from indexer.edits.framing import scale, warp
from indexer.edits.scene import Scene
from indexer.edits.tones import to_picture


def recompress(picture: Image.Image, quality: int) -> Image.Image:
    """Compress as JPEG once, with colour at half resolution."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, subsampling=2)
    return Image.open(out).convert("RGB")


def save_repeatedly(scene: Scene) -> Image.Image:
    """Compress as JPEG ten times with slight resizing, like pictures that are reposted repeatedly."""
    picture = scene.picture
    for _ in range(10):
        factor = scene.random_source.uniform(0.93, 1.05)
        picture = recompress(scale(picture, factor), scene.random_source.randint(45, 80))
    return picture


def photograph_screen(scene: Scene) -> Image.Image:
    """Simulate a photo of a screen: moiré, a reflection, flat contrast, a slight perspective, a dark surround."""
    picture = _resize_to_long_side(scene.picture, 720)
    width, height = picture.size
    values = np.asarray(picture, np.float32)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = scene.random_source.uniform(0.03, 0.12)
    lines = np.sin(2 * math.pi * (x * math.cos(angle) + y * math.sin(angle)) / 2.13)
    rows = np.sin(2 * math.pi * (y * math.cos(angle) - x * math.sin(angle)) / 3.07)
    values = values * (1 + 0.16 * lines + 0.1 * rows)[..., None]
    values = 255 * (np.clip(values, 0, 255) / 255) ** 0.8 * 0.82 + 18
    centre_x, centre_y = scene.random_source.uniform(0.1, 0.9) * width, scene.random_source.uniform(0, 0.4) * height
    glare = np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (0.03 * width * height))
    lit_picture = to_picture((values + 90 * glare[..., None]) * np.array([0.96, 1.0, 1.06]))
    inset = [(scene.random_source.uniform(0.02, 0.1), scene.random_source.uniform(0.02, 0.1)) for _ in range(4)]
    (a, b), (c, d), (e, f), (g, h) = inset
    corners = [(a * width, b * height), ((1 - c) * width, d * height)]
    corners += [((1 - e) * width, (1 - f) * height), (g * width, (1 - h) * height)]
    return warp(lit_picture, corners, picture.size).filter(ImageFilter.GaussianBlur(0.7))


def _resize_to_long_side(picture: Image.Image, side: int) -> Image.Image:
    return scale(picture, side / max(picture.size))


def print_picture(scene: Scene) -> Image.Image:
    """Simulate four-colour printing and scanning: round dots, paper, a margin, rotation of 0.5 to 2 degrees."""
    picture = _resize_to_long_side(scene.picture, 900)
    cyan = 255 - np.asarray(picture, np.float32)
    inks = np.stack([_compute_dots(cyan[..., k], angle, 3.6) for k, angle in enumerate((15.0, 75.0, 45.0))], axis=2)
    paper = to_picture(np.array([246, 241, 229], np.float32) * (1 - 0.93 * inks))
    degrees = scene.random_source.choice([-1, 1]) * scene.random_source.uniform(0.5, 2)
    page = ImageOps.expand(paper, 50, fill=(246, 241, 229))
    rotated = page.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(238, 232, 220))
    return scale(rotated.filter(ImageFilter.GaussianBlur(1.1)), 0.75)


def print_newspaper(scene: Scene) -> Image.Image:
    """Simulate newsprint: coarse black dots on grey paper."""
    picture = ImageOps.autocontrast(ImageOps.grayscale(_resize_to_long_side(scene.picture, 720)))
    ink = _compute_dots(255 - np.asarray(picture, np.float32), 45.0, 5.0)
    page = np.array([222, 218, 206], np.float32) * (1 - 0.85 * ink[..., None])
    return to_picture(page).filter(ImageFilter.GaussianBlur(0.8))


def _compute_dots(darkness: np.ndarray, degrees: float, pitch: float) -> np.ndarray:
    """Compute a halftone screen: ink, 0 to 1, for darkness 0 to 255, at an angle and a pitch in pixels."""
    height, width = darkness.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, factor = math.radians(degrees), 2 * math.pi / pitch
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    screen = 0.5 + (np.cos(along * factor) + np.cos(across * factor)) / 4
    ink: np.ndarray = np.clip((darkness / 255 - 1 + screen) * 4 + 0.5, 0, 1)
    return ink


def add_creases(scene: Scene) -> Image.Image:
    """Simulate a folded print: two creases, uneven light, worn corners."""
    picture = scene.picture
    width, height = picture.size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    light = np.ones((height, width), np.float32)
    for position, reach, side in (
        (x, width, 0.4 + 0.2 * scene.random_source.random()),
        (y, height, 0.4 + 0.2 * scene.random_source.random()),
    ):
        crease_distance = (position - side * reach) / (0.006 * reach)
        light += 0.45 * np.exp(-(crease_distance**2)) - 0.12 * np.tanh(crease_distance / 6) * np.exp(
            -np.abs(crease_distance) / 30
        )
    chance = np.random.default_rng(scene.random_source.getrandbits(32))
    wear = chance.standard_normal((height, width), np.float32) * 5
    return to_picture(np.asarray(picture, np.float32) * light[..., None] + wear[..., None] + 8)
