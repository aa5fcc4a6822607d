"""Views of works: mild views, like registered works, and strong views, like copies."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from bench.primitives import PRIMITIVES, compose
from bench.primitives.canvas import canvas_from_pixels
from training import edits, overlays
from training.edits import Pixels, crop, crop_to_size, draw_chance, draw_colour, draw_strip, limit_side, paint, resize

CELL_PIXELS = 32
"""Input pixels per cell of the last map, in each direction."""
CELL_SAMPLES = 8
"""Sampled points per cell in each direction."""


def compute_overlaps(origin: NDArray[np.float32], work: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Compute the fraction of each cell of a view that shows each cell of a work.

    Args:
        origin: x and y in the picture shown by each pixel of the view, or NaN; shape (height, width, 2).
        work: The same for the view of the work itself, which is a rectangle of the picture.
        side: Side of the model's input in pixels.

    Returns:
        Fractions from 0 to 1, shape (cells of the view, cells of the work), with cells in row order.
    """
    count = side // CELL_PIXELS
    line = np.arange(count * CELL_SAMPLES)
    rows, columns = ((line * length + length // 2) // len(line) for length in origin.shape[:2])
    first, last = work[0, 0], work[-1, -1]
    with np.errstate(invalid="ignore"):
        cell_index = np.floor((origin[rows][:, columns] - first) / (last - first + 1) * count)
    is_inside = ((cell_index >= 0) & (cell_index < count)).all(2)
    cells = (line // CELL_SAMPLES)[:, None] * count + line // CELL_SAMPLES
    pairs = cells[is_inside] * count**2 + (cell_index[is_inside] @ [1, count]).astype(int)
    return (np.bincount(pairs, minlength=count**4) / CELL_SAMPLES**2).reshape(count**2, -1).astype(np.float32)


MAX_COPIED = 9
MAX_BACKGROUND = 3
NO_PICTURE = -1

COMPOSITE_EDITS: tuple[edits.Edit, ...] = (
    edits.change_tone, edits.rotate, edits.distort_perspective, overlays.add_text,
    edits.reduce_resolution, overlays.add_watermark, edits.to_grey, edits.blur,
)  # fmt: skip
"""Edits of views that contain other pictures."""

SINGLE_EDITS: tuple[tuple[float, edits.Edit], ...] = (
    (0.25, edits.mirror), (0.04, edits.flip), (0.27, edits.rotate), (0.14, edits.distort_perspective),
    (0.15, edits.change_aspect_ratio),
    (0.40, edits.change_tone), (0.10, edits.to_grey), (0.09, edits.apply_effect), (0.13, edits.blur),
    (0.08, edits.sharpen),
    (0.12, edits.add_noise), (0.14, edits.reduce_resolution), (0.20, overlays.add_text), (0.17, overlays.add_stickers),
    (0.10, overlays.add_watermark), (0.14, overlays.add_frame), (0.13, overlays.add_caption),
)  # fmt: skip
"""Edits of single pictures with their probabilities. At most five are applied."""
MAX_EDITS = 5
COMPOSITION_PRIMITIVES = tuple(primitive for primitive in PRIMITIVES.values() if not primitive.held_out)
"""Primitives from which compositions are drawn. The others are reserved for evaluation."""

SCREEN_SIZES = ((480, 300), (448, 280), (320, 400), (240, 420), (400, 400))
GRID_SIZES = ((2, 2), (2, 2), (2, 2), (2, 2), (1, 2), (2, 1), (1, 3), (2, 3), (3, 2), (3, 3))


@dataclass(frozen=True, slots=True)
class Recipe:
    """Probabilities of the kinds of strong views.

    Attributes:
        on_picture: The work is placed on another photograph.
        collage: The work is one of several in a grid.
        page: The work is on a page with text.
        small_part: For all other views: only a small part of the work remains.
        min_fraction: Smallest part, as a fraction of the area.
        composition: A random composition is used instead of any of these.
    """

    on_picture: float = 0.17
    collage: float = 0.20
    page: float = 0.10
    small_part: float = 0.30
    min_fraction: float = 0.035
    composition: float = 0.0


@dataclass(slots=True)
class View:
    """A view and its content.

    Attributes:
        pixels: uint8 RGB.
        copied_pictures: Pictures of which it is a copy.
        background_pictures: Other pictures that are visible in it.
        origin: x and y in the work shown by each pixel, or NaN; shape (height, width, 2). Known only for mild views and
            compositions.
    """

    pixels: Pixels
    copied_pictures: list[int]
    background_pictures: list[int] = field(default_factory=list)
    origin: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class ViewJob:
    """One work and its views.

    Attributes:
        picture: Index of the picture.
        partners: Pictures whose works are in the same batch; collages may contain them.
        views: Number of strong views.
        side: Side of the model's input in pixels.
        seed: Seed of all random choices in the batch.
    """

    picture: int
    partners: tuple[int, ...]
    views: int
    side: int
    seed: int


@dataclass(frozen=True, eq=False)
class ViewBatch:
    """Views as model input, the mild view first.

    Attributes:
        pixels: uint8, shape (1 + views, side, side, 3).
        copied_pictures: int64, shape (1 + views, 9), padded with -1.
        background_pictures: int64, shape (1 + views, 3), padded with -1.
        overlaps: float32, shape (1 + views, cells, cells): fraction of each cell of a view that shows each cell of the
            mild view; zero if unknown.
    """

    pixels: NDArray[np.uint8]
    copied_pictures: NDArray[np.int64]
    background_pictures: NDArray[np.int64]
    overlaps: NDArray[np.float32]


class ViewFactory:
    """Creates views of a collection.

    Args:
        pixels: Pixels of all pictures.
        distractors: Pictures that may be used next to or behind a work.
        recipe: Probabilities of the kinds of views.
    """

    def __init__(self, pixels: Sequence[Pixels], distractors: Sequence[int], recipe: Recipe) -> None:
        self._pixels = pixels
        self._distractors = distractors
        self._recipe = recipe

    def create_views(self, job: ViewJob) -> ViewBatch:
        """Return the views of a job. The result is deterministic."""
        work = self.create_work(job.picture, job.seed)
        rng = np.random.default_rng([job.seed, job.picture, 1])
        views = [self._create_mild_view(rng, work, job)]
        views += [self._create_strong_view(rng, work, job) for _ in range(job.views)]
        return _to_batch(views, job.side)

    def create_clean_views(self, job: ViewJob) -> ViewBatch:
        """Return the unchanged picture, and strong views of all of it, for evaluation."""
        rng = np.random.default_rng([job.seed, job.picture, 2])
        pixels = self._pixels[job.picture]
        return _to_batch(
            [View(pixels, [job.picture]), *(self._create_strong_view(rng, pixels, job) for _ in range(job.views))],
            job.side,
        )

    def create_work(self, picture: int, seed: int) -> Pixels:
        """Return the work for one batch: usually the whole picture, sometimes a part, a mirror image, or other colours.

        The variation gives more works than pictures.
        """
        rng, pixels = np.random.default_rng([seed, picture]), self._pixels[picture]
        if draw_chance(rng, 0.4):
            pixels = crop(rng, pixels, 0.25, 0.9)
        if draw_chance(rng, 0.4):
            pixels = pixels[:, ::-1]
        if draw_chance(rng, 0.08):
            pixels = pixels[..., rng.permutation(3)]
        return np.ascontiguousarray(pixels)

    def _create_mild_view(self, rng: Generator, pixels: Pixels, job: ViewJob) -> View:
        origin = canvas_from_pixels(pixels).origin
        if draw_chance(rng, 0.3):
            origin = crop(rng, origin, 0.9)
            x, y = origin[0, 0].astype(int)
            pixels = pixels[y : y + origin.shape[0], x : x + origin.shape[1]]
        if draw_chance(rng, 0.3):
            pixels = edits.change_tone(rng, pixels, 0.25)
        return View(edits.compress_jpeg(rng, pixels) if draw_chance(rng, 0.3) else pixels, [job.picture], origin=origin)

    def _create_strong_view(self, rng: Generator, pixels: Pixels, job: ViewJob) -> View:
        recipe, kind = self._recipe, rng.random()
        if recipe.composition and draw_chance(rng, recipe.composition):
            view = self._create_composition(rng, pixels, job)
            if view is not None:
                return view
        is_alone = kind >= recipe.on_picture + recipe.collage + recipe.page
        pixels = self._cut_work(rng, pixels, is_alone=is_alone)
        strength = 1.0 if is_alone else 0.45
        edit_list: list[edits.Edit] = [
            edit for probability, edit in SINGLE_EDITS if draw_chance(rng, probability * strength)
        ]
        for index in rng.permutation(len(edit_list))[:MAX_EDITS]:
            pixels = edit_list[index](rng, pixels)
        view = View(limit_side(pixels, 400), [job.picture])
        if not is_alone:
            self._select_placement(kind)(rng, view, job)
            if draw_chance(rng, 0.3):
                view.pixels = COMPOSITE_EDITS[int(rng.integers(len(COMPOSITE_EDITS)))](rng, view.pixels)
        if draw_chance(rng, 0.5):
            view.pixels = edits.compress_jpeg(rng, limit_side(view.pixels, 448))
        return view

    def _create_composition(self, rng: Generator, pixels: Pixels, job: ViewJob) -> View | None:
        """Apply several primitives in sequence; ``None`` if too little of the work remains."""
        background = [self._draw_distractor(rng) for _ in range(MAX_BACKGROUND)]
        other_pixels = [self._pixels[picture] for picture in background]
        copy = compose(pixels, other_pixels, COMPOSITION_PRIMITIVES, int(rng.integers(1 << 31)))
        if copy is None:
            return None
        return View(np.asarray(Image.open(io.BytesIO(copy.data))), [job.picture], background, copy.canvas.origin)

    def _cut_work(self, rng: Generator, pixels: Pixels, *, is_alone: bool) -> Pixels:
        if not is_alone:
            return limit_side(crop(rng, pixels, 0.3) if draw_chance(rng, 0.25) else pixels, 320)
        if draw_chance(rng, self._recipe.small_part):
            return crop(rng, pixels, self._recipe.min_fraction, 0.15)
        return limit_side(crop(rng, pixels, 0.12) if draw_chance(rng, 0.4) else pixels, 320)

    def _select_placement(self, kind: float) -> Callable[[Generator, View, ViewJob], None]:
        if kind < self._recipe.on_picture:
            return self._place_on_picture
        return self._place_in_collage if kind < self._recipe.on_picture + self._recipe.collage else self._place_on_page

    def _draw_distractor(self, rng: Generator) -> int:
        return int(self._distractors[int(rng.integers(len(self._distractors)))])

    def _place_on_picture(self, rng: Generator, view: View, job: ViewJob) -> None:  # noqa: ARG002 - one call for all three
        """Place the work on another photograph, at a third to most of its width or height, sometimes translucent."""
        background = self._draw_distractor(rng)
        width, height = ((400, 300), (300, 400), (380, 380), (420, 240))[int(rng.integers(4))]
        page = crop_to_size(crop(rng, self._pixels[background], 0.5), width, height).copy()
        work = _fit(view.pixels, int(width * rng.uniform(0.3, 0.85)), int(height * rng.uniform(0.45, 1)))
        x = int(rng.integers(max(1, width - work.shape[1] + 1)))
        y = int(rng.integers(max(1, height - work.shape[0] + 1)))
        target = page[y : y + work.shape[0], x : x + work.shape[1]]
        opacity = np.float32(rng.uniform(0.6, 0.9) if draw_chance(rng, 0.12) else 1)
        target[:] = (target * (1 - opacity) + work[: target.shape[0], : target.shape[1]] * opacity).astype(np.uint8)
        view.pixels = page
        view.background_pictures.append(background)

    def _place_in_collage(self, rng: Generator, view: View, job: ViewJob) -> None:
        """Place the work in a grid with or without gaps. Most other cells are works of the batch, counted as copied."""
        rows, columns = GRID_SIZES[int(rng.integers(len(GRID_SIZES)))]
        gap = int(rng.choice([0, 0, 3, 6, 10]))
        width, height = ((400, 300), (360, 360), (300, 400))[int(rng.integers(3))]
        cell_width, cell_height = width // columns, height // rows
        page = np.full(
            (rows * (cell_height + gap) + gap, columns * (cell_width + gap) + gap, 3), draw_colour(rng), np.uint8
        )
        own_cell = int(rng.integers(rows * columns))
        partners = list(rng.permutation(np.array(job.partners, np.int64))) if job.partners else []
        for cell in range(rows * columns):
            y, x = cell // columns * (cell_height + gap) + gap, cell % columns * (cell_width + gap) + gap
            pixels = view.pixels if cell == own_cell else self._draw_neighbour(rng, view, job, partners)
            is_distorted = draw_chance(rng, 0.2)
            page[y : y + cell_height, x : x + cell_width] = (
                resize(pixels, cell_width, cell_height)
                if is_distorted
                else crop_to_size(pixels, cell_width, cell_height)
            )
        view.pixels = page

    def _draw_neighbour(self, rng: Generator, view: View, job: ViewJob, partners: list[int]) -> Pixels:
        if partners and draw_chance(rng, 0.75):
            picture = int(partners.pop())
            view.copied_pictures.append(picture)
            return self.create_work(picture, job.seed)
        picture = self._draw_distractor(rng)
        view.copied_pictures.append(picture)
        return self._pixels[picture]

    def _place_on_page(self, rng: Generator, view: View, job: ViewJob) -> None:  # noqa: ARG002 - one call for all three
        """Place the work on a page with a bar, lines of text, and sometimes a second small picture."""
        width, height = SCREEN_SIZES[int(rng.integers(len(SCREEN_SIZES)))]
        page_colour = ((255, 255, 255), (255, 255, 255), (240, 242, 245), (24, 24, 28))[int(rng.integers(4))]
        text_colour = (230, 230, 230) if sum(page_colour) < 300 else (25, 25, 30)
        page = np.full((height, width, 3), page_colour, np.uint8)
        bar_height, line_height = int(rng.integers(14, 35)), int(rng.integers(6, 12))
        page[:bar_height] = draw_colour(rng)
        paint(page, draw_strip(rng, bar_height - 6)[:, : width // 2], (6, 3), draw_colour(rng))
        work = _fit(
            view.pixels, int(width * rng.uniform(0.3, 0.85)), int((height - bar_height) * rng.uniform(0.5, 0.95))
        )
        x = int(rng.integers(4, max(5, width - work.shape[1] - 4)))
        y = int(rng.integers(bar_height + 2, max(bar_height + 3, height - work.shape[0] - 4)))
        start = 6 if x > width / 4 or draw_chance(rng, 0.5) else min(width - 20, x + work.shape[1] + 6)
        for row in range(bar_height + 6, height - line_height, int(line_height * rng.uniform(1.2, 1.9))):
            paint(
                page, draw_strip(rng, line_height)[:, : int(width * rng.uniform(0.3, 0.9))], (start, row), text_colour
            )
        if draw_chance(rng, 0.3):
            background = self._draw_distractor(rng)
            page[-50:-5, -66:-6] = crop_to_size(self._pixels[background], 60, 45)
            view.background_pictures.append(background)
        target = page[y : y + work.shape[0], x : x + work.shape[1]]
        target[:] = work[: target.shape[0], : target.shape[1]]
        view.pixels = page


def _fit(pixels: Pixels, width: int, height: int) -> Pixels:
    """Scale the picture to fit into a rectangle."""
    factor = min(width / pixels.shape[1], height / pixels.shape[0])
    return resize(pixels, max(24, int(pixels.shape[1] * factor)), max(24, int(pixels.shape[0] * factor)))


def _to_batch(views: Sequence[View], side: int) -> ViewBatch:
    return ViewBatch(
        np.stack([resize(view.pixels, side, side) for view in views]),
        np.array([_pad(view.copied_pictures, MAX_COPIED) for view in views], np.int64),
        np.array([_pad(view.background_pictures, MAX_BACKGROUND) for view in views], np.int64),
        np.stack([_compute_view_overlaps(view, views[0], side) for view in views]),
    )


def _compute_view_overlaps(view: View, mild: View, side: int) -> NDArray[np.float32]:
    if view.origin is None or mild.origin is None:
        cells = (side // CELL_PIXELS) ** 2
        return np.zeros((cells, cells), np.float32)
    return compute_overlaps(view.origin, mild.origin, side)


def _pad(numbers: list[int], length: int) -> list[int]:
    return (numbers + [NO_PICTURE] * length)[:length]
