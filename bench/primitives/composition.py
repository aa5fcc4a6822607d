"""The work beside, on or within other pictures, large enough to be noticed."""

import numpy as np

from bench.primitives import shapes
from bench.primitives.canvas import Canvas, Chance, empty_origins, grid
from indexer.layout.single_thread import cv2


def _scale_to_fit(canvas: Canvas, width: float, height: float) -> Canvas:
    """Scale to the largest size that fits."""
    return canvas.scale(min(width / canvas.size[0], height / canvas.size[1]))


def beside_another(canvas: Canvas, chance: Chance) -> Canvas:
    """Place two pictures side by side, or one above the other."""
    across = chance.rng.random() < 0.5
    return shapes.sheet(canvas, chance, 2 if across else 1, 1 if across else 2, (400, 360), chance.integer(0, 10))


def gallery(canvas: Canvas, chance: Chance) -> Canvas:
    """Place the work on a sheet of several pictures."""
    columns, rows = chance.integer(2, round(chance.level(2, 4))), chance.integer(1, round(chance.level(2, 4)))
    return shapes.sheet(
        canvas, chance, columns, rows, (chance.integer(220, 360), chance.integer(180, 300)), chance.integer(0, 14)
    )


def scattered(canvas: Canvas, chance: Chance) -> Canvas:
    """Place the work on top of a pile of scattered photographs."""
    size = (1000, 760)
    back = chance.neighbour(size) // 3 + 100
    for _ in range(round(chance.level(2, 8))):
        tile = chance.neighbour((chance.integer(200, 340), chance.integer(160, 280)))
        back = _lay_print(Canvas(tile, empty_origins(tile)), back, chance).pixels
    return _lay_print(_scale_to_fit(canvas, chance.level(520, 300), 480), back, chance)


def _lay_print(canvas: Canvas, back: np.ndarray, chance: Chance) -> Canvas:
    """Place on a picture, slightly rotated, with a white border."""
    print_ = shapes.add_margins(canvas, 8, 8, 8, 8, np.full(3, 245.0))
    width, height = print_.size
    degrees = chance.uniform(-30, 30)
    turn = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1), [0, 0, 1]])
    at = np.eye(3)
    at[0, 2] = chance.uniform(0, max(1, back.shape[1] - width))
    at[1, 2] = chance.uniform(0, max(1, back.shape[0] - height))
    return _project(print_, back, at @ turn)


def _project(canvas: Canvas, back: np.ndarray, matrix: np.ndarray) -> Canvas:
    """Project onto another picture."""
    size = back.shape[1], back.shape[0]
    projection = canvas.transform(matrix, size)
    mask = cv2.warpPerspective(np.ones(canvas.pixels.shape[:2], np.float32), matrix, size)[..., None]
    return projection.with_pixels(back * (1 - mask) + projection.pixels * mask)


def web_page(canvas: Canvas, chance: Chance) -> Canvas:
    """Place among the text of a page."""
    size = (1000, 900)
    fitted = _scale_to_fit(canvas, size[0] * chance.level(0.85, 0.4), size[1] * 0.6)
    return fitted.paste_onto(
        shapes.page(size, chance), chance.uniform(0, size[0] - fitted.size[0]), chance.uniform(60, 300)
    )


def telephone(canvas: Canvas, chance: Chance) -> Canvas:
    """Place in a phone app, with bars above and below."""
    size = (540, 1100)
    back = shapes.page(size, chance)
    back[:70], back[-90:] = chance.colour(), chance.colour()
    fitted = _scale_to_fit(canvas, size[0] - chance.integer(0, 60), 760)
    return fitted.paste_onto(back, (size[0] - fitted.size[0]) / 2, chance.uniform(70, 1000 - fitted.size[1]))


def picture_in_picture(canvas: Canvas, chance: Chance) -> Canvas:
    """Place in a corner of another picture."""
    size = (900, 640)
    share = chance.level(0.6, 0.28)
    fitted = _scale_to_fit(canvas, size[0] * share, size[1] * share)
    margin = chance.integer(0, 40)
    x = margin if chance.rng.random() < 0.5 else size[0] - fitted.size[0] - margin
    y = margin if chance.rng.random() < 0.5 else size[1] - fitted.size[1] - margin
    return fitted.paste_onto(chance.neighbour(size), x, y)


def inset_on_it(canvas: Canvas, chance: Chance) -> Canvas:
    """Place another picture in a corner of the work."""
    share = chance.level(0.25, 0.6)
    width, height = round(canvas.size[0] * share), round(canvas.size[1] * share)
    x = 0 if chance.rng.random() < 0.5 else canvas.size[0] - width
    y = 0 if chance.rng.random() < 0.5 else canvas.size[1] - height
    pixels, origin = canvas.pixels.copy(), canvas.origin.copy()
    place = np.s_[y : y + height, x : x + width]
    pixels[place], origin[place] = chance.neighbour((width, height)), np.nan
    return Canvas(pixels, origin)


def poster_on_wall(canvas: Canvas, chance: Chance) -> Canvas:
    """Hang in a room, seen at an angle."""
    size = (960, 720)
    width, height = canvas.size
    share = chance.level(0.75, 0.4)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]]) - 0.5
    corners *= np.array([size[0], size[0] * height / width]) * share
    if np.ptp(corners[:, 1]) > 0.85 * size[1]:
        corners *= 0.85 * size[1] / np.ptp(corners[:, 1])
    corners += np.array(size) / 2 + chance.rng.uniform(-1, 1, (4, 2)) * chance.level(0.01, 0.08) * size[1]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = np.asarray(cv2.getPerspectiveTransform(source, corners.astype(np.float32)))
    return _project(canvas, chance.neighbour(size), matrix)


def over_its_blur(canvas: Canvas, chance: Chance) -> Canvas:
    """Centre on a tall or wide background of its own blur."""
    size = (560, 960) if chance.rng.random() < 0.7 else (960, 560)
    back = cv2.GaussianBlur(shapes.crop_to_fill(canvas, *size).pixels, (0, 0), 18)
    fitted = _scale_to_fit(canvas, size[0] * chance.level(1, 0.7), size[1] * chance.level(0.9, 0.6))
    return fitted.paste_onto(back, (size[0] - fitted.size[0]) / 2, (size[1] - fitted.size[1]) / 2)


def instant_print(canvas: Canvas, chance: Chance) -> Canvas:
    """Print with a broad white lower border, on another picture."""
    filled = shapes.crop_to_fill(canvas, 380, 380)
    printed = shapes.add_margins(filled, 26, 26, 26, 96, np.full(3, 246.0))
    turn = np.vstack([cv2.getRotationMatrix2D((216, 250), chance.signed(0, 20), chance.level(1, 0.7)), [0, 0, 1]])
    turn[:2, 2] += [chance.uniform(20, 320), chance.uniform(20, 180)]
    return _project(printed, chance.neighbour((820, 700)), turn)


def film_strip(canvas: Canvas, chance: Chance) -> Canvas:
    """Place among frames of a film strip, with perforation above and below."""
    strip = shapes.sheet(canvas, chance, chance.integer(3, 5), 1, (300, 210), 10)
    dark = shapes.add_margins(strip, 0, 40, 0, 40, np.full(3, 15.0))
    x, y = grid(dark.size)
    holes = ((y < 30) | (y > dark.size[1] - 30)) & (y > 10) & (y < dark.size[1] - 10) & (x % 36 < 18)
    return dark.with_pixels(np.where(holes[..., None], 240, dark.pixels))


def twice(canvas: Canvas, chance: Chance) -> Canvas:
    """Repeat the picture beside itself, in other colours or mirrored."""
    second = Canvas(canvas.pixels[:, ::-1], canvas.origin[:, ::-1]).with_pixels(
        canvas.pixels[:, ::-1] * chance.uniform(0.5, 1.5)
    )
    pixels = np.concatenate([canvas.pixels, second.pixels], axis=1)
    return Canvas(pixels, np.concatenate([canvas.origin, second.origin], axis=1))
