"""Edits of light, colour and sharpness."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from indexer.edits.scene import Change, Colour, Scene
from indexer.layout.single_thread import cv2

Floats = NDArray[np.float32]


def jitter_colours(scene: Scene) -> Image.Image:
    """Change brightness, contrast, saturation and hue strongly."""
    chance = scene.random_source
    picture = ImageEnhance.Brightness(scene.picture).enhance(chance.choice([0.6, 1.4]) * chance.uniform(0.9, 1.1))
    picture = ImageEnhance.Contrast(picture).enhance(chance.choice([0.6, 1.5]))
    picture = ImageEnhance.Color(picture).enhance(chance.choice([0.3, 1.8]))
    hue, saturation, value = picture.convert("HSV").split()
    shift = chance.randint(10, 40)
    shifted_hue = hue.point([(level + shift) % 256 for level in range(256)])
    return Image.merge("HSV", (shifted_hue, saturation, value)).convert("RGB")


def to_grey(scene: Scene) -> Image.Image:
    """Remove the colour."""
    return ImageOps.grayscale(scene.picture).convert("RGB")


def blur(radius: float) -> Change:
    """Apply a Gaussian blur; the radius is its standard deviation in pixels."""
    return lambda scene: scene.picture.filter(ImageFilter.GaussianBlur(radius))


def sharpen(scene: Scene) -> Image.Image:
    """Apply a visible unsharp mask."""
    return scene.picture.filter(ImageFilter.UnsharpMask(2, 250, 2))


def add_noise(deviation: float) -> Change:
    """Add grain, the same in all channels."""

    def change(scene: Scene) -> Image.Image:
        values = np.asarray(scene.picture, np.float32)
        return to_picture(values + _create_grain(scene, values.shape[:2], deviation)[..., None])

    return change


def _create_grain(scene: Scene, shape: tuple[int, ...], deviation: float) -> Floats:
    normal = np.random.default_rng(scene.random_source.getrandbits(32)).standard_normal(shape, np.float32)
    return normal * np.float32(deviation)


def to_picture(values: NDArray[np.floating]) -> Image.Image:
    """Convert values from 0 to 255 to a picture, clipping others."""
    return Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))


def apply_duotone(scene: Scene) -> Image.Image:
    """Map dark tones to one colour, light ones to another."""
    pairs: list[tuple[Colour, Colour]] = [
        ((28, 16, 92), (252, 196, 84)),
        ((12, 40, 60), (240, 110, 120)),
        ((50, 10, 60), (90, 240, 200)),
    ]
    dark_colour, light_colour = scene.random_source.choice(pairs)
    return ImageOps.colorize(ImageOps.autocontrast(ImageOps.grayscale(scene.picture)), dark_colour, light_colour)


def apply_vintage_look(scene: Scene) -> Image.Image:
    """Apply a vintage look: sepia, faded, grainy, darker at the corners."""
    grey_values = np.asarray(ImageOps.grayscale(scene.picture), np.float32)
    faded_values = 40 + grey_values * 0.72 + _create_grain(scene, grey_values.shape, 9)
    tinted_values = faded_values[..., None] * np.array([1.07, 0.95, 0.76], np.float32)
    return to_picture(tinted_values * _compute_vignette(scene.picture.size, 0.45)[..., None])


def _compute_vignette(size: tuple[int, int], strength: float) -> Floats:
    width, height = size
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    return np.asarray(1 - strength * (x**2 + y**2) / 2, np.float32)


def apply_filter(scene: Scene) -> Image.Image:
    """Apply a photo application's filter: split tones, an S-curve and a vignette."""
    values = np.asarray(scene.picture, np.float32) / 255
    light = values.mean(axis=2, keepdims=True)
    cool_tint, warm_tint = np.array([-0.06, 0.01, 0.12], np.float32), np.array([0.12, 0.04, -0.08], np.float32)
    toned_values = values + cool_tint * (1 - light) + warm_tint * light
    curved_values = toned_values + 0.12 * np.sin((toned_values - 0.5) * np.pi * 2) / 2
    return to_picture(curved_values * 255 * _compute_vignette(scene.picture.size, 0.5)[..., None])


def invert(scene: Scene) -> Image.Image:
    """Invert to a negative."""
    return ImageOps.invert(scene.picture)


def posterise(scene: Scene) -> Image.Image:
    """Reduce smoothed areas to four levels per channel."""
    smoothed_picture = scene.picture.filter(ImageFilter.MedianFilter(5))
    return ImageOps.posterize(smoothed_picture, 2).point([min(255, level + 32) for level in range(256)] * 3)


def enhance_local_contrast(scene: Scene) -> Image.Image:
    """Apply an HDR look: CLAHE on lightness, and more saturation."""
    lab = cv2.cvtColor(np.asarray(scene.picture), cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(clipLimit=4.0, tileGridSize=(8, 8)).apply(lab[..., 0])
    return ImageEnhance.Color(Image.fromarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))).enhance(1.5)


def simulate_night(scene: Scene) -> Image.Image:
    """Darken strongly, with the noise of a small sensor."""
    values = (np.asarray(scene.picture, np.float32) / 255) ** 1.9 * 150
    chance = np.random.default_rng(scene.random_source.getrandbits(32))
    return to_picture(values + chance.standard_normal(values.shape, np.float32) * (5 + np.sqrt(values)))


def blur_motion(scene: Scene) -> Image.Image:
    """Simulate a camera that moves by 2.5% of the long side during the exposure."""
    length = max(5, round(max(scene.picture.size) * 0.025))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    centre = ((length - 1) / 2, (length - 1) / 2)
    turn = cv2.getRotationMatrix2D(centre, scene.random_source.uniform(0, 180), 1)
    rotated = cv2.warpAffine(kernel, turn, (length, length))
    return Image.fromarray(cv2.filter2D(np.asarray(scene.picture), -1, rotated / rotated.sum(), borderType=2))


def upscale(scene: Scene) -> Image.Image:
    """Shrink, smooth, enlarge and sharpen until edges ring, like cheap upscalers."""
    width, height = scene.picture.size
    small = scene.picture.resize((max(8, width // 3), max(8, height // 3)), Image.Resampling.BICUBIC)
    smoothed_picture = Image.fromarray(cv2.bilateralFilter(np.asarray(small), 5, 30, 3))
    return smoothed_picture.resize((width, height), Image.Resampling.LANCZOS).filter(ImageFilter.UnsharpMask(3, 220, 0))


def blur_surroundings(scene: Scene) -> Image.Image:
    """Keep only the centre sharp, like a portrait mode."""
    width, height = scene.picture.size
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    sharp_picture = np.clip((1.1 - np.hypot(x / 0.75, y / 0.85)) * 4, 0, 1)
    mask = Image.fromarray((sharp_picture * 255).astype(np.uint8))
    blurred_picture = scene.picture.filter(ImageFilter.GaussianBlur(max(width, height) * 0.012))
    return Image.composite(scene.picture, blurred_picture, mask)
