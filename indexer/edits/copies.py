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
    """Compress as JPEG ten times, resized a little each time, like pictures passed on repeatedly."""
    picture = scene.picture
    for _ in range(10):
        share = scene.chance.uniform(0.93, 1.05)
        picture = recompress(scale(picture, share), scene.chance.randint(45, 80))
    return picture


def photo_of_screen(scene: Scene) -> Image.Image:
    """Simulate a photo of a screen: moiré, a reflection, flat contrast, a slight perspective, a dark surround."""
    picture = _at_long_side(scene.picture, 720)
    width, height = picture.size
    values = np.asarray(picture, np.float32)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    turn = scene.chance.uniform(0.03, 0.12)
    lines = np.sin(2 * math.pi * (x * math.cos(turn) + y * math.sin(turn)) / 2.13)
    rows = np.sin(2 * math.pi * (y * math.cos(turn) - x * math.sin(turn)) / 3.07)
    values = values * (1 + 0.16 * lines + 0.1 * rows)[..., None]
    values = 255 * (np.clip(values, 0, 255) / 255) ** 0.8 * 0.82 + 18
    centre_x, centre_y = scene.chance.uniform(0.1, 0.9) * width, scene.chance.uniform(0, 0.4) * height
    glare = np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (0.03 * width * height))
    lit = to_picture((values + 90 * glare[..., None]) * np.array([0.96, 1.0, 1.06]))
    inset = [(scene.chance.uniform(0.02, 0.1), scene.chance.uniform(0.02, 0.1)) for _ in range(4)]
    (a, b), (c, d), (e, f), (g, h) = inset
    corners = [(a * width, b * height), ((1 - c) * width, d * height)]
    corners += [((1 - e) * width, (1 - f) * height), (g * width, (1 - h) * height)]
    return warp(lit, corners, picture.size).filter(ImageFilter.GaussianBlur(0.7))


def _at_long_side(picture: Image.Image, side: int) -> Image.Image:
    return scale(picture, side / max(picture.size))


def print_picture(scene: Scene) -> Image.Image:
    """Simulate four-colour printing and scanning: round dots, paper, a margin, rotation of 0.5 to 2 degrees."""
    picture = _at_long_side(scene.picture, 900)
    cyan = 255 - np.asarray(picture, np.float32)
    inks = np.stack([_dots(cyan[..., k], angle, 3.6) for k, angle in enumerate((15.0, 75.0, 45.0))], axis=2)
    paper = to_picture(np.array([246, 241, 229], np.float32) * (1 - 0.93 * inks))
    degrees = scene.chance.choice([-1, 1]) * scene.chance.uniform(0.5, 2)
    page = ImageOps.expand(paper, 50, fill=(246, 241, 229))
    rotated = page.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(238, 232, 220))
    return scale(rotated.filter(ImageFilter.GaussianBlur(1.1)), 0.75)


def newsprint(scene: Scene) -> Image.Image:
    """Simulate newsprint: coarse black dots on grey paper."""
    picture = ImageOps.autocontrast(ImageOps.grayscale(_at_long_side(scene.picture, 720)))
    ink = _dots(255 - np.asarray(picture, np.float32), 45.0, 5.0)
    page = np.array([222, 218, 206], np.float32) * (1 - 0.85 * ink[..., None])
    return to_picture(page).filter(ImageFilter.GaussianBlur(0.8))


def _dots(darkness: np.ndarray, degrees: float, pitch: float) -> np.ndarray:
    """Return the amount of ink, 0 to 1, for darkness 0 to 255: a halftone screen at an angle, pitch in pixels."""
    height, width = darkness.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    turn, factor = math.radians(degrees), 2 * math.pi / pitch
    along, across = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    screen = 0.5 + (np.cos(along * factor) + np.cos(across * factor)) / 4
    ink: np.ndarray = np.clip((darkness / 255 - 1 + screen) * 4 + 0.5, 0, 1)
    return ink


def crease(scene: Scene) -> Image.Image:
    """Simulate a folded print: two creases, uneven light, worn corners."""
    picture = scene.picture
    width, height = picture.size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    light = np.ones((height, width), np.float32)
    for position, reach, side in (
        (x, width, 0.4 + 0.2 * scene.chance.random()),
        (y, height, 0.4 + 0.2 * scene.chance.random()),
    ):
        away = (position - side * reach) / (0.006 * reach)
        light += 0.45 * np.exp(-(away**2)) - 0.12 * np.tanh(away / 6) * np.exp(-np.abs(away) / 30)
    chance = np.random.default_rng(scene.chance.getrandbits(32))
    worn = chance.standard_normal((height, width), np.float32) * 5
    return to_picture(np.asarray(picture, np.float32) * light[..., None] + worn[..., None] + 8)
