"""The work next to, on or within other pictures, at a noticeable size."""

import numpy as np

from bench.primitives import shapes
from bench.primitives.canvas import Canvas, RandomSource, create_empty_origins, create_grid
from indexer.layout.single_thread import cv2


def _scale_to_fit(canvas: Canvas, width: float, height: float) -> Canvas:
    """Scale to the largest size that fits."""
    return canvas.scale(min(width / canvas.size[0], height / canvas.size[1]))


def beside_another(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Place two pictures side by side, or one above the other."""
    is_horizontal = rng.generator.random() < 0.5
    return shapes.make_sheet(
        canvas, rng, 2 if is_horizontal else 1, 1 if is_horizontal else 2, (400, 360), rng.draw_integer(0, 10)
    )


def gallery(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Place the work on a sheet of several pictures."""
    columns, rows = rng.draw_integer(2, round(rng.draw_level(2, 4))), rng.draw_integer(1, round(rng.draw_level(2, 4)))
    return shapes.make_sheet(
        canvas, rng, columns, rows, (rng.draw_integer(220, 360), rng.draw_integer(180, 300)), rng.draw_integer(0, 14)
    )


def scattered(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Place the work on top of a pile of scattered photographs."""
    size = (1000, 760)
    background = rng.draw_neighbour(size) // 3 + 100
    for _ in range(round(rng.draw_level(2, 8))):
        tile = rng.draw_neighbour((rng.draw_integer(200, 340), rng.draw_integer(160, 280)))
        background = _place_print(Canvas(tile, create_empty_origins(tile)), background, rng).pixels
    return _place_print(_scale_to_fit(canvas, rng.draw_level(520, 300), 480), background, rng)


def _place_print(canvas: Canvas, background: np.ndarray, rng: RandomSource) -> Canvas:
    """Place on a picture, slightly rotated, with a white border."""
    framed_canvas = shapes.add_margins(canvas, 8, 8, 8, 8, np.full(3, 245.0))
    width, height = framed_canvas.size
    degrees = rng.draw_uniform(-30, 30)
    rotation = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1), [0, 0, 1]])
    centre = np.eye(3)
    centre[0, 2] = rng.draw_uniform(0, max(1, background.shape[1] - width))
    centre[1, 2] = rng.draw_uniform(0, max(1, background.shape[0] - height))
    return _project(framed_canvas, background, centre @ rotation)


def _project(canvas: Canvas, background: np.ndarray, matrix: np.ndarray) -> Canvas:
    """Project onto another picture."""
    size = background.shape[1], background.shape[0]
    projection = canvas.transform(matrix, size)
    mask = cv2.warpPerspective(np.ones(canvas.pixels.shape[:2], np.float32), matrix, size)[..., None]
    return projection.with_pixels(background * (1 - mask) + projection.pixels * mask)


def web_page(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Place between the text of a page."""
    size = (1000, 900)
    fitted_canvas = _scale_to_fit(canvas, size[0] * rng.draw_level(0.85, 0.4), size[1] * 0.6)
    return fitted_canvas.paste_onto(
        shapes.draw_page(size, rng), rng.draw_uniform(0, size[0] - fitted_canvas.size[0]), rng.draw_uniform(60, 300)
    )


def telephone(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Place in a phone app, with bars above and below."""
    size = (540, 1100)
    background = shapes.draw_page(size, rng)
    background[:70], background[-90:] = rng.draw_colour(), rng.draw_colour()
    fitted_canvas = _scale_to_fit(canvas, size[0] - rng.draw_integer(0, 60), 760)
    return fitted_canvas.paste_onto(
        background, (size[0] - fitted_canvas.size[0]) / 2, rng.draw_uniform(70, 1000 - fitted_canvas.size[1])
    )


def picture_in_picture(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Place in a corner of another picture."""
    size = (900, 640)
    fraction = rng.draw_level(0.6, 0.28)
    fitted_canvas = _scale_to_fit(canvas, size[0] * fraction, size[1] * fraction)
    margin = rng.draw_integer(0, 40)
    x = margin if rng.generator.random() < 0.5 else size[0] - fitted_canvas.size[0] - margin
    y = margin if rng.generator.random() < 0.5 else size[1] - fitted_canvas.size[1] - margin
    return fitted_canvas.paste_onto(rng.draw_neighbour(size), x, y)


def inset_on_it(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Place another picture in a corner of the work."""
    fraction = rng.draw_level(0.25, 0.6)
    width, height = round(canvas.size[0] * fraction), round(canvas.size[1] * fraction)
    x = 0 if rng.generator.random() < 0.5 else canvas.size[0] - width
    y = 0 if rng.generator.random() < 0.5 else canvas.size[1] - height
    pixels, origin = canvas.pixels.copy(), canvas.origin.copy()
    position = np.s_[y : y + height, x : x + width]
    pixels[position], origin[position] = rng.draw_neighbour((width, height)), np.nan
    return Canvas(pixels, origin)


def poster_on_wall(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Show as a poster in a room, seen at an angle."""
    size = (960, 720)
    width, height = canvas.size
    fraction = rng.draw_level(0.75, 0.4)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]]) - 0.5
    corners *= np.array([size[0], size[0] * height / width]) * fraction
    if np.ptp(corners[:, 1]) > 0.85 * size[1]:
        corners *= 0.85 * size[1] / np.ptp(corners[:, 1])
    corners += np.array(size) / 2 + rng.generator.uniform(-1, 1, (4, 2)) * rng.draw_level(0.01, 0.08) * size[1]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = np.asarray(cv2.getPerspectiveTransform(source, corners.astype(np.float32)))
    return _project(canvas, rng.draw_neighbour(size), matrix)


def over_its_blur(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Centre on a tall or wide background of its own blur."""
    size = (560, 960) if rng.generator.random() < 0.7 else (960, 560)
    background = cv2.GaussianBlur(shapes.crop_to_fill(canvas, *size).pixels, (0, 0), 18)
    fitted_canvas = _scale_to_fit(canvas, size[0] * rng.draw_level(1, 0.7), size[1] * rng.draw_level(0.9, 0.6))
    return fitted_canvas.paste_onto(
        background, (size[0] - fitted_canvas.size[0]) / 2, (size[1] - fitted_canvas.size[1]) / 2
    )


def instant_print(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Print with a broad white lower border, on another picture."""
    filled = shapes.crop_to_fill(canvas, 380, 380)
    printed = shapes.add_margins(filled, 26, 26, 26, 96, np.full(3, 246.0))
    rotation = np.vstack(
        [cv2.getRotationMatrix2D((216, 250), rng.draw_signed(0, 20), rng.draw_level(1, 0.7)), [0, 0, 1]]
    )
    rotation[:2, 2] += [rng.draw_uniform(20, 320), rng.draw_uniform(20, 180)]
    return _project(printed, rng.draw_neighbour((820, 700)), rotation)


def film_strip(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Place among frames of a film strip, with perforation above and below."""
    strip = shapes.make_sheet(canvas, rng, rng.draw_integer(3, 5), 1, (300, 210), 10)
    dark = shapes.add_margins(strip, 0, 40, 0, 40, np.full(3, 15.0))
    x, y = create_grid(dark.size)
    holes = ((y < 30) | (y > dark.size[1] - 30)) & (y > 10) & (y < dark.size[1] - 10) & (x % 36 < 18)
    return dark.with_pixels(np.where(holes[..., None], 240, dark.pixels))


def twice(canvas: Canvas, rng: RandomSource) -> Canvas:
    """Place the picture next to a copy in other colours or mirrored."""
    second = Canvas(canvas.pixels[:, ::-1], canvas.origin[:, ::-1]).with_pixels(
        canvas.pixels[:, ::-1] * rng.draw_uniform(0.5, 1.5)
    )
    pixels = np.concatenate([canvas.pixels, second.pixels], axis=1)
    return Canvas(pixels, np.concatenate([canvas.origin, second.origin], axis=1))
