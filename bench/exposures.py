"""Simulated exposures of the scene of a photograph, taken shortly afterwards or from a slightly different position.

They are not copies of each other: between two exposures, the camera or an object moved, and light and noise differ.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from bench.primitives import shapes
from bench.primitives.canvas import Pixels, Plane, RandomSource, canvas_from_pixels, create_grid
from bench.queries import open_photo
from indexer.layout.single_thread import cv2

LAYER_COUNT = 5
"""Number of layers at different distances from the camera."""
SMALL_MOVES, LARGE_MOVES = (0.5, 1.5), (1.5, 8.0)
"""Displacement in pixels of the nearest objects of a photograph against the farthest ones."""
JPEG_QUALITY = 92
SHELF_COLUMNS, SHELF_ROWS, CARTON_SIZE = 6, 4, (150, 150)
"""Columns and rows of a shelf of identical cartons, and the size of a carton in pixels."""


def simulate_nearly_still_camera(pixels: Pixels, rng: RandomSource) -> Pixels:
    """Move the camera slightly, so that near and far objects are displaced by 0.5 to 1.5 pixels."""
    return _vary_exposure(_shift_layers(pixels, rng, SMALL_MOVES), rng)


def simulate_hand_held_camera(pixels: Pixels, rng: RandomSource) -> Pixels:
    """Move a hand-held camera, so that near and far objects are displaced by several pixels."""
    return _vary_exposure(_shift_layers(pixels, rng, LARGE_MOVES), rng)


def simulate_moved_object(pixels: Pixels, rng: RandomSource) -> Pixels:
    """Move a hand-held camera slightly, and an object in the picture."""
    return _vary_exposure(_shift_layers(_move_object(pixels, rng), rng, SMALL_MOVES), rng)


def simulate_fixed_camera(pixels: Pixels, rng: RandomSource) -> Pixels:
    """Move only an object in the picture, with a fixed camera, which looks like a retouched copy."""
    return _vary_exposure(_move_object(pixels, rng), rng)


def simulate_shelf(pixels: Pixels, rng: RandomSource) -> Pixels:
    """Show a shelf of identical cartons with the photograph, some of them moved, with a hand-held camera."""
    carton = cv2.resize(pixels, CARTON_SIZE, interpolation=cv2.INTER_AREA)
    width, height = CARTON_SIZE[0] * SHELF_COLUMNS, CARTON_SIZE[1] * SHELF_ROWS
    shelf_pixels = np.tile(carton, (SHELF_ROWS, SHELF_COLUMNS, 1))
    x, y = create_grid((width, height))
    offsets_x, offsets_y = rng.generator.normal(0, 0.8, (2, SHELF_ROWS, SHELF_COLUMNS))
    for _ in range(2):
        row, column = rng.draw_integer(0, SHELF_ROWS - 1), rng.draw_integer(0, SHELF_COLUMNS - 1)
        offsets_x[row, column] += rng.draw_signed(4, 12)
    cells = (y // CARTON_SIZE[1]).astype(int), (x // CARTON_SIZE[0]).astype(int)
    warped = canvas_from_pixels(shelf_pixels).warp(
        x + offsets_x[cells].astype(np.float32), y + offsets_y[cells].astype(np.float32)
    )
    return _vary_exposure(_shift_layers(warped.pixels, rng, SMALL_MOVES), rng)


EXPOSURES: dict[str, Callable[[Pixels, RandomSource], Pixels]] = {
    "made: nearly still camera": simulate_nearly_still_camera,
    "made: camera in the hand": simulate_hand_held_camera,
    "made: camera in the hand, a thing moved": simulate_moved_object,
    "made: camera on a stand, a thing moved": simulate_fixed_camera,
    "made: shelf of equal cartons": simulate_shelf,
}
"""Functions that create another exposure of a photograph, by the kind of change."""


def _shift_layers(pixels: Pixels, rng: RandomSource, moves: tuple[float, float]) -> Pixels:
    """Displace layers of the picture against each other, and rotate and move the whole picture slightly."""
    size = pixels.shape[1], pixels.shape[0]
    proximity = _create_proximity(size)
    angle = rng.draw_uniform(0, 2 * np.pi)
    distance = np.exp(rng.draw_uniform(*np.log(moves)))
    rotation = cv2.getRotationMatrix2D(
        (size[0] / 2, size[1] / 2), rng.draw_signed(0, 0.4), rng.draw_uniform(0.995, 1.01)
    )
    x, y = create_grid(size)
    source_x = (
        rotation[0, 0] * x
        + rotation[0, 1] * y
        + rotation[0, 2]
        + rng.draw_signed(0, 4)
        + proximity * distance * np.cos(angle)
    )
    source_y = (
        rotation[1, 0] * x
        + rotation[1, 1] * y
        + rotation[1, 2]
        + rng.draw_signed(0, 4)
        + proximity * distance * np.sin(angle)
    )
    return canvas_from_pixels(pixels).warp(source_x, source_y, mirror_edges=True).pixels


def _create_proximity(size: tuple[int, int]) -> Plane:
    """Return the proximity of each pixel in steps from −0.5 to 0.5, the same for all pictures of one size."""
    size_source = RandomSource(np.random.default_rng(size), 0.5, ())
    proximity = size_source.draw_field(size, 4)
    steps = np.quantile(proximity, np.arange(1, LAYER_COUNT) / LAYER_COUNT)
    return np.asarray(np.digitize(proximity, steps) / (LAYER_COUNT - 1) - 0.5, np.float32)


def _move_object(pixels: Pixels, rng: RandomSource) -> Pixels:
    """Move a shape with 5% of the picture's area, and inpaint its previous position."""
    size = pixels.shape[1], pixels.shape[0]
    shape = shapes.draw_blob(size, rng, 0.05)
    hole = cv2.dilate(shape.astype(np.uint8), np.ones((5, 5), np.uint8))
    background = cv2.inpaint(pixels, hole, 5, cv2.INPAINT_TELEA)
    offset_x, offset_y = rng.draw_signed(0.01, 0.06) * size[0], rng.draw_signed(0.005, 0.03) * size[1]
    step = np.array([[1, 0, offset_x], [0, 1, offset_y]])
    mask = shapes.soften(np.asarray(cv2.warpAffine(shape, step, size)), 1.0)[..., None]
    moved_pixels = cv2.warpAffine(pixels, step, size)
    return np.asarray(background * (1 - mask) + moved_pixels * mask, np.uint8)


def _vary_exposure(pixels: Pixels, rng: RandomSource) -> Pixels:
    """Change the brightness, more so on one side, and add new noise."""
    height, width = pixels.shape[:2]
    gain = 1 + rng.draw_signed(0, 0.06) + rng.draw_signed(0, 0.06) * (np.linspace(-1, 1, width)[None, :, None])
    noise = rng.generator.normal(0, rng.draw_uniform(1.5, 4), (height, width, 3))
    return np.clip(pixels * gain + noise, 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Scene:
    """Exposures of one scene, which are not copies of each other, each with a name and a function for its bytes."""

    kind: str
    name: str
    exposures: tuple[tuple[str, Callable[[], bytes]], ...]


def make_scenes(photos: Sequence[Path], photo_count: int, seed: int) -> Iterator[Scene]:
    """Yield three exposures of some photographs for each kind. The first one is unchanged, except for shelves."""
    rng = np.random.default_rng(seed)
    for index in rng.permutation(len(photos))[:photo_count].tolist():
        path = photos[index]
        for kind in EXPOSURES:
            names = [f"{path.name} {number}" for number in range(3)]
            yield Scene(
                kind, path.name, tuple((name, partial(_create_exposure, path, kind, name, seed)) for name in names)
            )


def _create_exposure(path: Path, kind: str, name: str, seed: int) -> bytes:
    pixels = np.asarray(open_photo(path))
    rng = RandomSource(np.random.default_rng([seed, *f"{kind} {name}".encode()]), 0.5, ())
    is_unchanged = name.endswith(" 0") and "shelf" not in kind
    file = BytesIO()
    Image.fromarray(pixels if is_unchanged else EXPOSURES[kind](pixels, rng)).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()
