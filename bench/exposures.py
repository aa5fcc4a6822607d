"""Simulated other exposures of a scene, derived from a photograph: a moment later, or from slightly aside.

They are not copies of each other: between two of them the camera or an object moved, and light and noise differ. Each
kind's docstring states how much of that is visible to a comparison.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from bench.primitives import shapes
from bench.primitives.canvas import Chance, Pixels, Plane, canvas_from_pixels, grid
from bench.queries import open_photo
from indexer.layout.single_thread import cv2

LAYERS = 5
"""Number of distances from the camera in a simulated scene."""
SMALL_MOVES, MOVES = (0.5, 1.5), (1.5, 8.0)
"""Pixels by which the nearest objects of a photograph are displaced against the farthest ones."""
QUALITY = 92
COLUMNS, ROWS, CARTON = 6, 4, (150, 150)
"""A shelf of identical cartons, and the size of each in pixels."""


def nearly_still(pixels: Pixels, chance: Chance) -> Pixels:
    """Move the camera so little that near and far are displaced by half a pixel to one and a half."""
    return _vary_exposure(_shift_layers(pixels, chance, SMALL_MOVES), chance)


def hand_held(pixels: Pixels, chance: Chance) -> Pixels:
    """Move the camera in the hand, so that near and far are displaced by several pixels."""
    return _vary_exposure(_shift_layers(pixels, chance, MOVES), chance)


def moved_object(pixels: Pixels, chance: Chance) -> Pixels:
    """Move the camera in the hand, and an object in the picture."""
    return _vary_exposure(_shift_layers(_move_object(pixels, chance), chance, SMALL_MOVES), chance)


def fixed_camera(pixels: Pixels, chance: Chance) -> Pixels:
    """Keep the camera fixed, and move only an object in the picture, like in a copy with a retouched part."""
    return _vary_exposure(_move_object(pixels, chance), chance)


def shelf(pixels: Pixels, chance: Chance) -> Pixels:
    """Show a shelf of identical cartons printed with the photograph, some of them moved, with a hand-held camera."""
    carton = cv2.resize(pixels, CARTON, interpolation=cv2.INTER_AREA)
    width, height = CARTON[0] * COLUMNS, CARTON[1] * ROWS
    whole = np.tile(carton, (ROWS, COLUMNS, 1))
    x, y = grid((width, height))
    across, down = chance.rng.normal(0, 0.8, (2, ROWS, COLUMNS))
    for _ in range(2):
        row, column = chance.integer(0, ROWS - 1), chance.integer(0, COLUMNS - 1)
        across[row, column] += chance.signed(4, 12)
    cells = (y // CARTON[1]).astype(int), (x // CARTON[0]).astype(int)
    warped = canvas_from_pixels(whole).warp(x + across[cells].astype(np.float32), y + down[cells].astype(np.float32))
    return _vary_exposure(_shift_layers(warped.pixels, chance, SMALL_MOVES), chance)


EXPOSURES: dict[str, Callable[[Pixels, Chance], Pixels]] = {
    "made: nearly still camera": nearly_still,
    "made: camera in the hand": hand_held,
    "made: camera in the hand, a thing moved": moved_object,
    "made: camera on a stand, a thing moved": fixed_camera,
    "made: shelf of equal cartons": shelf,
}
"""Functions that create another exposure of a photograph, by what changed between the two."""


def _shift_layers(pixels: Pixels, chance: Chance, moves: tuple[float, float]) -> Pixels:
    """Displace layers of the picture against each other, and rotate and move all of it a little."""
    size = pixels.shape[1], pixels.shape[0]
    near = _layers(size)
    angle = chance.uniform(0, 2 * np.pi)
    reach = np.exp(chance.uniform(*np.log(moves)))
    turn = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), chance.signed(0, 0.4), chance.uniform(0.995, 1.01))
    x, y = grid(size)
    seen_x = turn[0, 0] * x + turn[0, 1] * y + turn[0, 2] + chance.signed(0, 4) + near * reach * np.cos(angle)
    seen_y = turn[1, 0] * x + turn[1, 1] * y + turn[1, 2] + chance.signed(0, 4) + near * reach * np.sin(angle)
    return canvas_from_pixels(pixels).warp(seen_x, seen_y, mirror_edges=True).pixels


def _layers(size: tuple[int, int]) -> Plane:
    """Return the proximity of each part, −.5 to .5 in steps, the same for all exposures of pictures of one size."""
    same = Chance(np.random.default_rng(size), 0.5, ())
    near = same.field(size, 4)
    steps = np.quantile(near, np.arange(1, LAYERS) / LAYERS)
    return np.asarray(np.digitize(near, steps) / (LAYERS - 1) - 0.5, np.float32)


def _move_object(pixels: Pixels, chance: Chance) -> Pixels:
    """Move a shape with a twentieth of the picture's area, and fill its previous place from the surroundings."""
    size = pixels.shape[1], pixels.shape[0]
    figure = shapes.blob(size, chance, 0.05)
    hole = cv2.dilate(figure.astype(np.uint8), np.ones((5, 5), np.uint8))
    behind = cv2.inpaint(pixels, hole, 5, cv2.INPAINT_TELEA)
    aside, down = chance.signed(0.01, 0.06) * size[0], chance.signed(0.005, 0.03) * size[1]
    step = np.array([[1, 0, aside], [0, 1, down]])
    mask = shapes.soft(np.asarray(cv2.warpAffine(figure, step, size)), 1.0)[..., None]
    moved = cv2.warpAffine(pixels, step, size)
    return np.asarray(behind * (1 - mask) + moved * mask, np.uint8)


def _vary_exposure(pixels: Pixels, chance: Chance) -> Pixels:
    """Change the brightness, more so on one side, and add new noise."""
    height, width = pixels.shape[:2]
    gain = 1 + chance.signed(0, 0.06) + chance.signed(0, 0.06) * (np.linspace(-1, 1, width)[None, :, None])
    noise = chance.rng.normal(0, chance.uniform(1.5, 4), (height, width, 3))
    return np.clip(pixels * gain + noise, 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Scene:
    """Exposures of one scene, none of which are copies of each other; each with a name and a function for its bytes."""

    kind: str
    name: str
    exposures: tuple[tuple[str, Callable[[], bytes]], ...]


def make_scenes(photos: Sequence[Path], bases: int, seed: int) -> Iterator[Scene]:
    """Yield three exposures of some photographs, for each kind. The first is unchanged, except for shelves."""
    rng = np.random.default_rng(seed)
    for place in rng.permutation(len(photos))[:bases].tolist():
        path = photos[place]
        for kind in EXPOSURES:
            names = [f"{path.name} {number}" for number in range(3)]
            yield Scene(kind, path.name, tuple((name, partial(_exposure, path, kind, name, seed)) for name in names))


def _exposure(path: Path, kind: str, name: str, seed: int) -> bytes:
    pixels = np.asarray(open_photo(path))
    chance = Chance(np.random.default_rng([seed, *f"{kind} {name}".encode()]), 0.5, ())
    first = name.endswith(" 0") and "shelf" not in kind
    file = BytesIO()
    Image.fromarray(pixels if first else EXPOSURES[kind](pixels, chance)).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
