"""Random strong edits that simulate copies. Input and output of all edits are uint8 RGB."""

import math
import string
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
Edit = Callable[[Generator, Pixels], Pixels]
Colour = tuple[int, int, int]
PixelType = TypeVar("PixelType", bound=np.generic)

STRIP_COUNT = 240
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
JPEG_QUALITIES = (8, 15, 25, 35, 50, 60, 75, 90)


def draw_chance(rng: Generator, probability: float) -> bool:
    """Return True with the given probability."""
    return bool(rng.random() < probability)


def draw_log_uniform(rng: Generator, low: float, high: float) -> float:
    """Return a random number with a log-uniform distribution."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def draw_colour(rng: Generator) -> Colour:
    """Return a random colour: in 75 % of cases black, white or a colour close to them."""
    plain_colours = ((255, 255, 255), (0, 0, 0), (20, 20, 24), (245, 245, 245))
    return plain_colours[int(rng.integers(4))] if draw_chance(rng, 0.75) else _draw_any_colour(rng)


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Resize to exactly this size, averaging if it shrinks."""
    is_smaller = width * height < pixels.shape[0] * pixels.shape[1]
    interpolation = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (max(1, width), max(1, height)), interpolation=interpolation), np.uint8)


def limit_side(pixels: Pixels, side: int) -> Pixels:
    """Shrink to at most this long side in pixels."""
    factor = side / max(pixels.shape[:2])
    return pixels if factor >= 1 else resize(pixels, round(pixels.shape[1] * factor), round(pixels.shape[0] * factor))


def crop_to_size(pixels: Pixels, width: int, height: int) -> Pixels:
    """Fill a rectangle, cropping the excess."""
    factor = max(width / pixels.shape[1], height / pixels.shape[0])
    scaled_width, scaled_height = (
        max(width, round(pixels.shape[1] * factor)),
        max(height, round(pixels.shape[0] * factor)),
    )
    x, y = (scaled_width - width) // 2, (scaled_height - height) // 2
    return resize(pixels, scaled_width, scaled_height)[y : y + height, x : x + width]


def crop(
    rng: Generator, pixels: NDArray[PixelType], min_fraction: float, max_fraction: float = 1.0
) -> NDArray[PixelType]:
    """Crop a random part whose fraction of the area is between two limits."""
    area_fraction, skew = draw_log_uniform(rng, min_fraction, max_fraction), math.exp(rng.uniform(-0.25, 0.25))
    height, width = pixels.shape[:2]
    crop_width = min(width, max(16, round(width * math.sqrt(area_fraction) * skew)))
    crop_height = min(height, max(16, round(height * math.sqrt(area_fraction) / skew)))
    x, y = int(rng.integers(width - crop_width + 1)), int(rng.integers(height - crop_height + 1))
    return pixels[y : y + crop_height, x : x + crop_width]


def mirror(_: Generator, pixels: Pixels) -> Pixels:
    """Mirror horizontally."""
    return np.ascontiguousarray(pixels[:, ::-1])


def flip(_: Generator, pixels: Pixels) -> Pixels:
    """Mirror vertically."""
    return np.ascontiguousarray(pixels[::-1])


def rotate(rng: Generator, pixels: Pixels) -> Pixels:
    """Rotate by quarter turns, slightly, or by any angle, either cropping the corners or enlarging the picture."""
    kind = rng.random()
    if kind < 0.45:
        return np.ascontiguousarray(np.rot90(pixels, int(rng.integers(1, 4))))
    angle = rng.uniform(-30, 30) if kind < 0.85 else rng.uniform(-180, 180)
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    out_width, out_height = width, height
    if draw_chance(rng, 0.7):
        cosine, sine = abs(matrix[0, 0]), abs(matrix[0, 1])
        out_width, out_height = int(cosine * width + sine * height), int(sine * width + cosine * height)
    matrix[:, 2] += (out_width / 2 - width / 2, out_height / 2 - height / 2)
    border = cv2.BORDER_REFLECT if draw_chance(rng, 0.25) else cv2.BORDER_CONSTANT
    rotated = cv2.warpAffine(pixels, matrix, (out_width, out_height), borderMode=border, borderValue=draw_colour(rng))
    return np.asarray(rotated, np.uint8)


def distort_perspective(rng: Generator, pixels: Pixels) -> Pixels:
    """Apply a perspective distortion, as in a photograph taken at an angle."""
    height, width = pixels.shape[:2]
    offsets = rng.uniform(0, rng.uniform(0.05, 0.28), (4, 2))
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
    directions = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)], np.float32)
    size = np.array([width, height], np.float32)
    outer, inner = corners * size, ((corners + directions * offsets) * size).astype(np.float32)
    pair = (outer, inner) if draw_chance(rng, 0.4) else (inner, outer)
    matrix = cv2.getPerspectiveTransform(*pair)
    return np.asarray(cv2.warpPerspective(pixels, matrix, (width, height), borderValue=draw_colour(rng)), np.uint8)


def change_aspect_ratio(rng: Generator, pixels: Pixels) -> Pixels:
    """Change the aspect ratio."""
    return resize(pixels, max(16, round(pixels.shape[1] * math.exp(rng.uniform(-0.6, 0.6)))), pixels.shape[0])


def change_tone(rng: Generator, pixels: Pixels, strength: float = 1.0) -> Pixels:
    """Change brightness, contrast and saturation, add a colour cast, and sometimes change the hue."""
    values = pixels.astype(np.float32) * math.exp(rng.uniform(-0.6, 0.6) * strength)
    if draw_chance(rng, 0.7):
        mean = values.mean()
        values = mean + (values - mean) * math.exp(rng.uniform(-0.7, 0.6) * strength)
    if draw_chance(rng, 0.6):
        grey = (values @ LUMA)[..., None]
        values = grey + (values - grey) * math.exp(rng.uniform(-1.4, 0.7) * strength)
    if draw_chance(rng, 0.3 * strength):
        values *= np.exp(rng.uniform(-0.35, 0.35, 3)).astype(np.float32)
    toned = values.clip(0, 255).astype(np.uint8)
    if draw_chance(rng, 0.25 * strength):
        hue = cv2.cvtColor(toned, cv2.COLOR_RGB2HSV)
        hue[..., 0] = (hue[..., 0].astype(np.int32) + int(rng.integers(-60, 61))) % 180
        toned = np.asarray(cv2.cvtColor(hue, cv2.COLOR_HSV2RGB))
    return toned


def to_grey(_: Generator, pixels: Pixels) -> Pixels:
    """Remove the colours."""
    return np.repeat(_compute_grey(pixels)[..., None], 3, 2)


def apply_effect(rng: Generator, pixels: Pixels) -> Pixels:
    """Apply a filter that is common in apps."""
    return _EFFECTS[int(rng.integers(len(_EFFECTS)))](rng, pixels)


def blur(rng: Generator, pixels: Pixels) -> Pixels:
    """Apply a Gaussian blur."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.6, 2.6) * max(pixels.shape[:2]) / 400), np.uint8)


def sharpen(rng: Generator, pixels: Pixels) -> Pixels:
    """Sharpen excessively."""
    amount = rng.uniform(0.8, 3)
    blurred = cv2.GaussianBlur(pixels, (0, 0), 1.5)
    return np.asarray(cv2.addWeighted(pixels, 1 + amount, blurred, -amount, 0), np.uint8)


def add_noise(rng: Generator, pixels: Pixels) -> Pixels:
    """Add grain, grey or coloured."""
    shape = (*pixels.shape[:2], 3 if draw_chance(rng, 0.5) else 1)
    grain = rng.standard_normal(shape, np.float32) * np.float32(rng.uniform(4, 28))
    return (pixels + grain).clip(0, 255).astype(np.uint8)


def reduce_resolution(rng: Generator, pixels: Pixels) -> Pixels:
    """Shrink and enlarge again."""
    height, width = pixels.shape[:2]
    factor = draw_log_uniform(rng, 0.15, 1)
    reduced = resize(pixels, max(24, round(width * factor)), max(24, round(height * factor)))
    return np.asarray(cv2.resize(reduced, (width, height), interpolation=int(rng.integers(3))), np.uint8)


def compress_jpeg(rng: Generator, pixels: Pixels) -> Pixels:
    """Apply lossy compression."""
    quality = JPEG_QUALITIES[int(rng.integers(len(JPEG_QUALITIES)))]
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1), np.uint8)


def paint(pixels: Pixels, mask: Pixels, position: tuple[int, int], ink: Colour, opacity: float = 1.0) -> None:
    """Paint a colour onto a picture in place, through a mask (uint8).

    Args:
        pixels: Picture to paint on.
        mask: Coverage.
        position: Left and top of the mask, which may extend beyond the picture.
        ink: Colour.
        opacity: 0 to 1.
    """
    x, y = position
    top_left, bottom_right = (max(0, y), max(0, x)), (y + mask.shape[0], x + mask.shape[1])
    region = (
        pixels[top_left[0] : bottom_right[0], top_left[1] : bottom_right[1]] if min(bottom_right) > 0 else pixels[:0]
    )
    if not region.size:
        return
    coverage = mask[top_left[0] - y :, top_left[1] - x :][: region.shape[0], : region.shape[1], None] * np.float32(
        opacity / 255
    )
    region[:] = (region + coverage * (np.array(ink, np.float32) - region)).astype(np.uint8)


def draw_strip(rng: Generator, height: int) -> Pixels:
    """Return a mask of a line of random letters, so that the model cannot learn words."""
    line = load_strips()[int(rng.integers(STRIP_COUNT))]
    return resize(line, max(2, line.shape[1] * height // line.shape[0]), height)


@cache
def load_strips() -> tuple[Pixels, ...]:
    """Return masks of text lines, drawn once; half with Pillow's own font, half with OpenCV's strokes."""
    rng = np.random.default_rng(1)
    return tuple(_render_text(rng) if number % 2 else _render_strokes(rng) for number in range(STRIP_COUNT))


def _draw_words(rng: Generator) -> str:
    letters = string.ascii_letters if draw_chance(rng, 0.3) else string.ascii_lowercase
    if draw_chance(rng, 0.2):
        letters = string.ascii_uppercase + string.digits
    lengths = rng.integers(1, 10, int(rng.integers(1, 10)))
    return " ".join("".join(rng.choice(list(letters), length)) for length in lengths)


def _render_text(rng: Generator) -> Pixels:
    text, font = _draw_words(rng), ImageFont.load_default(34)
    image = Image.new("L", (int(font.getlength(text)) + 8, 46))
    ImageDraw.Draw(image).text((4, 1), text, font=font, fill=255, stroke_width=int(rng.integers(3)))
    return np.asarray(image)


def _render_strokes(rng: Generator) -> Pixels:
    text, face, thickness = _draw_words(rng), int(rng.choice([0, 2, 3, 4, 6, 7])), int(rng.integers(1, 5))
    (width, height), baseline = cv2.getTextSize(text, face, 1, thickness)
    mask = np.zeros((height + baseline + 8, width + 8), np.uint8)
    cv2.putText(mask, text, (4, height + 3), face, 1, 255, thickness, cv2.LINE_AA)
    return mask


def _draw_any_colour(rng: Generator) -> Colour:
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    return red, green, blue


def _compute_grey(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def _invert(_: Generator, pixels: Pixels) -> Pixels:
    return 255 - pixels


def _posterise(rng: Generator, pixels: Pixels) -> Pixels:
    step = int(rng.choice([32, 48, 64]))
    return np.asarray(np.minimum(pixels.astype(np.int32) // step * step + step // 2, 255), np.uint8)


def _solarise(rng: Generator, pixels: Pixels) -> Pixels:
    return np.where(pixels > rng.integers(80, 200), 255 - pixels, pixels).astype(np.uint8)


def _swap_channels(rng: Generator, pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(pixels[..., rng.permutation(3)])


def _duotone(rng: Generator, pixels: Pixels) -> Pixels:
    dark, light = (np.array(_draw_any_colour(rng), np.float32) for _ in range(2))
    if np.abs(dark - light).sum() < 200:
        light = 255 - dark
    blend = (_compute_grey(pixels) / np.float32(255))[..., None]
    return (dark + (light - dark) * blend).clip(0, 255).astype(np.uint8)


def _equalise(_: Generator, pixels: Pixels) -> Pixels:
    return np.repeat(np.asarray(cv2.equalizeHist(_compute_grey(pixels)), np.uint8)[..., None], 3, 2)


def _apply_curve(rng: Generator, pixels: Pixels) -> Pixels:
    curve = np.interp(np.arange(256), np.linspace(0, 255, 5), np.sort(rng.uniform(0, 255, 5)))
    return np.asarray(curve, np.uint8)[pixels]


def _sepia(_: Generator, pixels: Pixels) -> Pixels:
    tinted = _compute_grey(pixels)[..., None] * np.array([1.1, 0.95, 0.75], np.float32)
    return np.asarray(tinted.clip(0, 255), np.uint8)


_EFFECTS: tuple[Edit, ...] = (_invert, _posterise, _solarise, _swap_channels, _duotone, _equalise, _apply_curve, _sepia)
