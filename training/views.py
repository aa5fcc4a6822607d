"""Views of works: mild ones, like a registered work, and strong ones, like copies."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from bench.primitives import PRIMITIVES, composed
from bench.primitives.canvas import canvas_from_pixels
from training import edits, overlays
from training.edits import Pixels, chance, colour, cover, crop, limit_side, paint, resize, strip

STRIDE = 32
"""Input pixels for one cell of the last map."""
POINTS = 8
"""Sampled points of a cell in each direction."""


def overlaps(origin: NDArray[np.float32], work: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Compute how much of each cell of a view shows each cell of a work.

    Args:
        origin: x and y in the picture shown by each pixel of the view, or NaN; shape (height, width, 2).
        work: Likewise for the work's own view, which is a rectangle of the picture.
        side: Side of the network's input in pixels.

    Returns:
        Shares of 0 to 1, shape (cells of the view, cells of the work), row by row.
    """
    count = side // STRIDE
    line = np.arange(count * POINTS)
    rows, columns = ((line * length + length // 2) // len(line) for length in origin.shape[:2])
    first, last = work[0, 0], work[-1, -1]
    with np.errstate(invalid="ignore"):
        cell_index = np.floor((origin[rows][:, columns] - first) / (last - first + 1) * count)
    is_inside = ((cell_index >= 0) & (cell_index < count)).all(2)
    cells = (line // POINTS)[:, None] * count + line // POINTS
    pairs = cells[is_inside] * count**2 + (cell_index[is_inside] @ [1, count]).astype(int)
    return (np.bincount(pairs, minlength=count**4) / POINTS**2).reshape(count**2, -1).astype(np.float32)


MAX_SHOWN = 9
MAX_BEHIND = 3
NO_PICTURE = -1

AFTERWARDS: tuple[edits.Edit, ...] = (
    edits.tone, edits.turn, edits.tilt, overlays.text, edits.coarsen, overlays.watermark, edits.grey, edits.blur,
)  # fmt: skip
"""Edits of a picture that contains others."""

SINGLE: tuple[tuple[float, edits.Edit], ...] = (
    (0.25, edits.mirror), (0.04, edits.flip), (0.27, edits.turn), (0.14, edits.tilt), (0.15, edits.squash),
    (0.40, edits.tone), (0.10, edits.grey), (0.09, edits.effect), (0.13, edits.blur), (0.08, edits.sharpen),
    (0.12, edits.noise), (0.14, edits.coarsen), (0.20, overlays.text), (0.17, overlays.stickers),
    (0.10, overlays.watermark), (0.14, overlays.frame), (0.13, overlays.caption),
)  # fmt: skip
"""Edits of one picture with their probabilities; at most five are applied."""
MAX_EDITS = 5
COMPOSED_OF = tuple(primitive for primitive in PRIMITIVES.values() if not primitive.held_out)
"""Primitives from which compositions are drawn. The others are reserved for evaluation."""

SCREENS = ((480, 300), (448, 280), (320, 400), (240, 420), (400, 400))
GRIDS = ((2, 2), (2, 2), (2, 2), (2, 2), (1, 2), (2, 1), (1, 3), (2, 3), (3, 2), (3, 3))


@dataclass(frozen=True, slots=True)
class Recipe:
    """Probabilities of the kinds of strong views.

    Attributes:
        on_picture: The work lies on another photograph.
        collage: The work is one of several in a grid.
        page: The work is on a page with text.
        tiny: Of the others, only a small part of the work remains.
        least: Smallest part, as a share of the area.
        composed: A random composition is used instead of any of these.
    """

    on_picture: float = 0.17
    collage: float = 0.20
    page: float = 0.10
    tiny: float = 0.30
    least: float = 0.035
    composed: float = 0.0


@dataclass(slots=True)
class View:
    """A view and its content.

    Attributes:
        pixels: uint8 RGB.
        shown: Pictures that it is a copy of.
        behind: Pictures that are visible in it, but that it is not a copy of.
        origin: x and y in the work shown by each pixel, or NaN; shape (height, width, 2). Known only for mild views and
            compositions.
    """

    pixels: Pixels
    copied_pictures: list[int]
    behind: list[int] = field(default_factory=list)
    origin: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One work and its views.

    Attributes:
        picture: Index of the picture.
        partners: Pictures whose works share the batch; they are placed beside it in collages.
        views: Number of strong views.
        side: Side of the network's input in pixels.
        seed: Seed of all random choices in the batch.
    """

    picture: int
    partners: tuple[int, ...]
    views: int
    side: int
    seed: int


@dataclass(frozen=True, eq=False)
class ViewBatch:
    """Views as network input, the mild one first.

    Attributes:
        pixels: uint8, shape (1 + views, side, side, 3).
        shown: int64, shape (1 + views, 9), padded with -1.
        behind: int64, shape (1 + views, 3), padded with -1.
        overlaps: float32, shape (1 + views, cells, cells): how much of each cell of a view shows each cell of the mild
            one; zero if unknown.
    """

    pixels: NDArray[np.uint8]
    copied_pictures: NDArray[np.int64]
    behind: NDArray[np.int64]
    overlaps: NDArray[np.float32]


class Studio:
    """Creates views of a collection.

    Args:
        pixels: Pixels of all pictures.
        distractors: Pictures that may be placed beside or behind a work.
        recipe: Probabilities of the kinds of views.
    """

    def __init__(self, pixels: Sequence[Pixels], distractors: Sequence[int], recipe: Recipe) -> None:
        self._pixels = pixels
        self._others = distractors
        self._recipe = recipe

    def make(self, job: Job) -> ViewBatch:
        """Return the views of a job. The result is deterministic."""
        work = self.work(job.picture, job.seed)
        rng = np.random.default_rng([job.seed, job.picture, 1])
        views = [self._mild(rng, work, job)]
        views += [self._strong(rng, work, job) for _ in range(job.views)]
        return _to_batch(views, job.side)

    def clean(self, job: Job) -> ViewBatch:
        """Return the unchanged picture, and strong views of all of it, for evaluation."""
        rng = np.random.default_rng([job.seed, job.picture, 2])
        whole = self._pixels[job.picture]
        return _to_batch(
            [View(whole, [job.picture]), *(self._strong(rng, whole, job) for _ in range(job.views))], job.side
        )

    def work(self, picture: int, seed: int) -> Pixels:
        """Return the work for one batch: usually the whole picture, sometimes a part, a mirror image, or other colours.

        This gives more works than pictures.
        """
        rng, pixels = np.random.default_rng([seed, picture]), self._pixels[picture]
        if chance(rng, 0.4):
            pixels = crop(rng, pixels, 0.25, 0.9)
        if chance(rng, 0.4):
            pixels = pixels[:, ::-1]
        if chance(rng, 0.08):
            pixels = pixels[..., rng.permutation(3)]
        return np.ascontiguousarray(pixels)

    def _mild(self, rng: Generator, pixels: Pixels, job: Job) -> View:
        origin = canvas_from_pixels(pixels).origin
        if chance(rng, 0.3):
            origin = crop(rng, origin, 0.9)
            x, y = origin[0, 0].astype(int)
            pixels = pixels[y : y + origin.shape[0], x : x + origin.shape[1]]
        if chance(rng, 0.3):
            pixels = edits.tone(rng, pixels, 0.25)
        return View(edits.jpeg(rng, pixels) if chance(rng, 0.3) else pixels, [job.picture], origin=origin)

    def _strong(self, rng: Generator, pixels: Pixels, job: Job) -> View:
        recipe, kind = self._recipe, rng.random()
        if recipe.composed and chance(rng, recipe.composed):
            view = self._composition(rng, pixels, job)
            if view is not None:
                return view
        alone = kind >= recipe.on_picture + recipe.collage + recipe.page
        pixels = self._cut(rng, pixels, alone=alone)
        strength = 1.0 if alone else 0.45
        edit_list: list[edits.Edit] = [edit for share, edit in SINGLE if chance(rng, share * strength)]
        for index in rng.permutation(len(edit_list))[:MAX_EDITS]:
            pixels = edit_list[index](rng, pixels)
        view = View(limit_side(pixels, 400), [job.picture])
        if not alone:
            self._place(kind)(rng, view, job)
            if chance(rng, 0.3):
                view.pixels = AFTERWARDS[int(rng.integers(len(AFTERWARDS)))](rng, view.pixels)
        if chance(rng, 0.5):
            view.pixels = edits.jpeg(rng, limit_side(view.pixels, 448))
        return view

    def _composition(self, rng: Generator, pixels: Pixels, job: Job) -> View | None:
        """Apply several primitives in sequence; ``None`` if too little of the work remains."""
        behind = [self._other(rng) for _ in range(MAX_BEHIND)]
        other_pixels = [self._pixels[picture] for picture in behind]
        copy = composed(pixels, other_pixels, COMPOSED_OF, int(rng.integers(1 << 31)))
        if copy is None:
            return None
        return View(np.asarray(Image.open(io.BytesIO(copy.data))), [job.picture], behind, copy.canvas.origin)

    def _cut(self, rng: Generator, pixels: Pixels, *, alone: bool) -> Pixels:
        if not alone:
            return limit_side(crop(rng, pixels, 0.3) if chance(rng, 0.25) else pixels, 320)
        if chance(rng, self._recipe.tiny):
            return crop(rng, pixels, self._recipe.least, 0.15)
        return limit_side(crop(rng, pixels, 0.12) if chance(rng, 0.4) else pixels, 320)

    def _place(self, kind: float) -> Callable[[Generator, View, Job], None]:
        if kind < self._recipe.on_picture:
            return self._on_picture
        return self._collage if kind < self._recipe.on_picture + self._recipe.collage else self._page

    def _other(self, rng: Generator) -> int:
        return int(self._others[int(rng.integers(len(self._others)))])

    def _on_picture(self, rng: Generator, view: View, job: Job) -> None:  # noqa: ARG002 - one call for all three
        """Place the work on another photograph, at a third to most of its width or height, sometimes translucent."""
        behind = self._other(rng)
        width, height = ((400, 300), (300, 400), (380, 380), (420, 240))[int(rng.integers(4))]
        page = cover(crop(rng, self._pixels[behind], 0.5), width, height).copy()
        part = _fit(view.pixels, int(width * rng.uniform(0.3, 0.85)), int(height * rng.uniform(0.45, 1)))
        x = int(rng.integers(max(1, width - part.shape[1] + 1)))
        y = int(rng.integers(max(1, height - part.shape[0] + 1)))
        target = page[y : y + part.shape[0], x : x + part.shape[1]]
        share = np.float32(rng.uniform(0.6, 0.9) if chance(rng, 0.12) else 1)
        target[:] = (target * (1 - share) + part[: target.shape[0], : target.shape[1]] * share).astype(np.uint8)
        view.pixels = page
        view.behind.append(behind)

    def _collage(self, rng: Generator, view: View, job: Job) -> None:
        """Place the work in a grid with or without gaps. Most others are works of the batch, and count as shown."""
        rows, columns = GRIDS[int(rng.integers(len(GRIDS)))]
        gap = int(rng.choice([0, 0, 3, 6, 10]))
        width, height = ((400, 300), (360, 360), (300, 400))[int(rng.integers(3))]
        wide, high = width // columns, height // rows
        page = np.full((rows * (high + gap) + gap, columns * (wide + gap) + gap, 3), colour(rng), np.uint8)
        own_cell = int(rng.integers(rows * columns))
        partners = list(rng.permutation(np.array(job.partners, np.int64))) if job.partners else []
        for cell in range(rows * columns):
            y, x = cell // columns * (high + gap) + gap, cell % columns * (wide + gap) + gap
            pixels = view.pixels if cell == own_cell else self._neighbour(rng, view, job, partners)
            squashed = chance(rng, 0.2)
            page[y : y + high, x : x + wide] = resize(pixels, wide, high) if squashed else cover(pixels, wide, high)
        view.pixels = page

    def _neighbour(self, rng: Generator, view: View, job: Job, partners: list[int]) -> Pixels:
        if partners and chance(rng, 0.75):
            picture = int(partners.pop())
            view.copied_pictures.append(picture)
            return self.work(picture, job.seed)
        picture = self._other(rng)
        view.copied_pictures.append(picture)
        return self._pixels[picture]

    def _page(self, rng: Generator, view: View, job: Job) -> None:  # noqa: ARG002 - one call for all three
        """Place the work on a page with a bar, lines of text, and sometimes a second small picture."""
        width, height = SCREENS[int(rng.integers(len(SCREENS)))]
        paper = ((255, 255, 255), (255, 255, 255), (240, 242, 245), (24, 24, 28))[int(rng.integers(4))]
        ink = (230, 230, 230) if sum(paper) < 300 else (25, 25, 30)
        page = np.full((height, width, 3), paper, np.uint8)
        bar, line = int(rng.integers(14, 35)), int(rng.integers(6, 12))
        page[:bar] = colour(rng)
        paint(page, strip(rng, bar - 6)[:, : width // 2], (6, 3), colour(rng))
        part = _fit(view.pixels, int(width * rng.uniform(0.3, 0.85)), int((height - bar) * rng.uniform(0.5, 0.95)))
        x = int(rng.integers(4, max(5, width - part.shape[1] - 4)))
        y = int(rng.integers(bar + 2, max(bar + 3, height - part.shape[0] - 4)))
        start = 6 if x > width / 4 or chance(rng, 0.5) else min(width - 20, x + part.shape[1] + 6)
        for row in range(bar + 6, height - line, int(line * rng.uniform(1.2, 1.9))):
            paint(page, strip(rng, line)[:, : int(width * rng.uniform(0.3, 0.9))], (start, row), ink)
        if chance(rng, 0.3):
            behind = self._other(rng)
            page[-50:-5, -66:-6] = cover(self._pixels[behind], 60, 45)
            view.behind.append(behind)
        target = page[y : y + part.shape[0], x : x + part.shape[1]]
        target[:] = part[: target.shape[0], : target.shape[1]]
        view.pixels = page


def _fit(pixels: Pixels, width: int, height: int) -> Pixels:
    """Fit the whole picture into a rectangle."""
    factor = min(width / pixels.shape[1], height / pixels.shape[0])
    return resize(pixels, max(24, int(pixels.shape[1] * factor)), max(24, int(pixels.shape[0] * factor)))


def _to_batch(views: Sequence[View], side: int) -> ViewBatch:
    return ViewBatch(
        np.stack([resize(view.pixels, side, side) for view in views]),
        np.array([_pad(view.copied_pictures, MAX_SHOWN) for view in views], np.int64),
        np.array([_pad(view.behind, MAX_BEHIND) for view in views], np.int64),
        np.stack([_overlaps(view, views[0], side) for view in views]),
    )


def _overlaps(view: View, mild: View, side: int) -> NDArray[np.float32]:
    if view.origin is None or mild.origin is None:
        cells = (side // STRIDE) ** 2
        return np.zeros((cells, cells), np.float32)
    return overlaps(view.origin, mild.origin, side)


def _pad(numbers: list[int], length: int) -> list[int]:
    return (numbers + [NO_PICTURE] * length)[:length]
