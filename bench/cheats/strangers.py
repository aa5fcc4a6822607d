"""Strangers crafted to match a work: by the hash, by the network, by details, by a ghost, and under one template."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import numpy as np

from bench.cheats import descriptors, ghosts, hashing, templates
from bench.cheats.keypoints import Points, pasted, points_of
from bench.cheats.truth import Kind, Shown, shown
from bench.primitives.canvas import Canvas, Chance, Pixels, nowhere
from indexer.layout.single_thread import cv2

SMALL, LARGE = 1 / 32, 1 / 10
"""Sides of pasted patches, as shares of the work's long side; all of a quick detail fits in a large one."""
OF_A_SHEET = 12
"""Works that a picture is made to match at once."""
SCRAPS, CONSTELLATION = 2, 4
"""Patches of each of them."""
SEWN = 4


@dataclass(frozen=True, slots=True, eq=False)
class Crafted:
    """A crafted picture.

    Attributes:
        pixels: RGB.
        shown: how much of the first work is really there.
        kind: what it is of that work.
        before: what the change is measured from, where that isn't the stranger itself.
        registered: what is registered in the place of the work, where both were changed.
    """

    pixels: Pixels
    shown: Shown
    kind: Kind
    before: Pixels | None = None
    registered: Pixels | None = None


Craft = Callable[[Pixels, Sequence[Pixels], Chance], Crafted]


@dataclass(frozen=True, slots=True)
class Method:
    """One way to craft; with several works one picture is made to match all of them."""

    name: str
    craft: Craft
    works: int = 1


def _told(canvas: Canvas, work: Pixels) -> Crafted:
    seen = shown(canvas, (work.shape[1], work.shape[0]))
    return Crafted(canvas.pixels, seen, seen.kind)


def _unseen(pixels: Pixels) -> Crafted:
    """Nothing of the work stands in it; only measures are moved."""
    return Crafted(pixels, Shown(0, 0, 0), Kind.STRANGER)


def _by_hash(within: int, stranger: Pixels, works: Sequence[Pixels], _: Chance) -> Crafted:
    return _unseen(hashing.colliding(stranger, works[0], within))


def _by_network(most: float, stranger: Pixels, works: Sequence[Pixels], _: Chance) -> Crafted:
    return _unseen(descriptors.colliding(stranger, works[0], most))


def _by_both(stranger: Pixels, works: Sequence[Pixels], _: Chance) -> Crafted:
    near = hashing.colliding(stranger, works[0], 24)
    return _unseen(descriptors.colliding(near, works[0], 8))


def _patches(count: int, size: float, alpha: float, stranger: Pixels, works: Sequence[Pixels], _: Chance) -> Crafted:
    """Patches at their places, as the work would lie on the stranger."""
    side = _side(works[0], size)
    places = _fullest(works[0], count, side)
    return _told(pasted(stranger, works[0], side, places, places, alpha), works[0])


def _shuffled(count: int, size: float, stranger: Pixels, works: Sequence[Pixels], chance: Chance) -> Crafted:
    side = _side(works[0], size)
    places = _fullest(works[0], count, side)
    landing = _anywhere(stranger, len(places), side, chance)
    return _told(pasted(stranger, works[0], side, places, landing, 1.0), works[0])


def _poisson(stranger: Pixels, works: Sequence[Pixels], _: Chance) -> Crafted:
    """Patches whose gradients are sewn in (Pérez, Gangnet and Blake, "Poisson Image Editing", 2003)."""
    size = stranger.shape[1], stranger.shape[0]
    work = cv2.resize(works[0], size, interpolation=cv2.INTER_AREA)
    mask = np.zeros(stranger.shape[:2], np.uint8)
    half = _side(work, LARGE) // 2
    for x, y in np.rint(_fullest(work, SEWN, 2 * half)).astype(int):
        mask[max(2, y - half) : min(size[1] - 2, y + half), max(2, x - half) : min(size[0] - 2, x + half)] = 255
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    middle = int(columns[0] + columns[-1]) // 2, int(rows[0] + rows[-1]) // 2
    made = np.asarray(cv2.seamlessClone(work, stranger, mask.copy(), middle, cv2.NORMAL_CLONE))
    canvas = Canvas(made, nowhere(stranger))
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float32)
    canvas.origin[mask > 0] = np.stack([x, y], axis=2)[mask > 0]
    return _told(canvas, work)


def _corner(area: float, patch: int, stranger: Pixels, works: Sequence[Pixels], _: Chance) -> Crafted:
    """A corner of the work in the opposite corner of the stranger: the two overlap in that corner alone.

    Of a share of the stranger's area; patches of it so many pixels wide, with gaps of half of that.
    """
    work = works[0]
    side = min(int(np.sqrt(area * stranger.shape[0] * stranger.shape[1])), *work.shape[:2])
    canvas = Canvas(stranger.copy(), nowhere(stranger))
    y, x = np.mgrid[0:side, 0:side]
    seen = (x % (1.5 * patch) < patch) & (y % (1.5 * patch) < patch)
    at = np.s_[stranger.shape[0] - side :, stranger.shape[1] - side :]
    canvas.pixels[at] = cv2.GaussianBlur(canvas.pixels[at], (0, 0), side / 8)
    canvas.pixels[at][seen] = work[:side, :side][seen]
    canvas.origin[at][seen] = np.stack([x, y], axis=2)[seen]
    return _told(canvas, work)


def _sheet(stranger: Pixels, works: Sequence[Pixels], chance: Chance) -> Crafted:
    """Scraps of many works, anywhere."""

    def laid(on: Pixels, work: Pixels, _: int) -> Canvas:
        side = _side(work, LARGE)
        places = _fullest(work, SCRAPS, side)
        return pasted(on, work, side, places, _anywhere(on, len(places), side, chance), 1.0)

    return _one_after_the_other(stranger, works, laid)


def _constellations(stranger: Pixels, works: Sequence[Pixels], _: Chance) -> Crafted:
    """The strongest details of many works, each work's in a cell of its own as they lie to one another."""
    columns = int(np.ceil(np.sqrt(len(works))))
    cell = np.array(stranger.shape[1::-1]) / (columns, -(-len(works) // columns))

    def laid(on: Pixels, work: Pixels, number: int) -> Canvas:
        factor = float((cell / work.shape[1::-1]).min())
        side = _side(work, LARGE)
        places = _fullest(work, CONSTELLATION, side)
        landing = np.asarray(places * factor + cell * (number % columns, number // columns), np.float32)
        return pasted(on, work, side, places, landing, 1.0, factor)

    return _one_after_the_other(stranger, works, laid)


def _one_after_the_other(
    stranger: Pixels, works: Sequence[Pixels], lay: Callable[[Pixels, Pixels, int], Canvas]
) -> Crafted:
    """Something of each work upon the stranger; what is told is told of the first work."""
    made, origin = stranger, nowhere(stranger)
    for number, work in enumerate(works):
        canvas = lay(made, work, number)
        made, origin = canvas.pixels, canvas.origin if number == 0 else origin
    return _told(Canvas(made, origin), works[0])


def _ghost(most: float, stranger: Pixels, works: Sequence[Pixels], _: Chance) -> Crafted:
    """Under the stranger's own details."""
    return _told(ghosts.laid_under(stranger, works[0], most), works[0])


def _ghost_over_blur(most: float, stranger: Pixels, works: Sequence[Pixels], _: Chance) -> Crafted:
    """Over the stranger out of focus, as grounds and skies are; only the ghost is the change."""
    ground = ghosts.out_of_focus(stranger)
    return replace(_told(ghosts.laid_under(ground, works[0], most), works[0]), before=ground)


def _ghost_and_hash(stranger: Pixels, works: Sequence[Pixels], _: Chance) -> Crafted:
    """The same with the hash bent first: near hashes need less precision."""
    ground = ghosts.out_of_focus(stranger)
    near = hashing.colliding(ground, works[0], 24)
    return replace(_told(ghosts.laid_under(near, works[0], 8), works[0]), before=ground)


def _ghost_and_patches(stranger: Pixels, works: Sequence[Pixels], _: Chance) -> Crafted:
    """A ghost for the pixels, patches for the details."""
    ground = ghosts.out_of_focus(stranger)
    ghost = ghosts.laid_under(ground, works[0], 8)
    work = np.asarray(cv2.resize(works[0], ghost.size, interpolation=cv2.INTER_AREA))
    side = _side(work, LARGE)
    places = _fullest(work, 4, side)
    patched = pasted(ghost.pixels, work, side, places, places, 1.0)
    seen = np.where(np.isnan(patched.origin), ghost.origin, patched.origin)
    return replace(_told(Canvas(patched.pixels, seen), works[0]), before=ground)


def _hybrid(stranger: Pixels, works: Sequence[Pixels], _: Chance) -> Crafted:
    return _told(ghosts.hybrid(stranger, works[0]), works[0])


def _template(name: str, strength: float, stranger: Pixels, works: Sequence[Pixels], chance: Chance) -> Crafted:
    pair = templates.under_one(name, strength, (works[0], stranger), chance)
    return Crafted(pair.found, pair.shared, Kind.TEMPLATE, registered=pair.registered)


def _fullest(work: Pixels, count: int, side: int) -> Points:
    """Centres of so many patches that hold the most details; they don't cover one another."""
    points = points_of(work)
    inside = np.abs(points[:, None] - points[None]).max(axis=2) <= side / 4
    kept: list[Points] = []
    for point in points[np.argsort(-inside.sum(axis=1), kind="stable")]:
        if all(np.abs(point - other).max() >= side for other in kept):
            kept.append(point)
        if len(kept) == count:
            break
    return np.array(kept, np.float32).reshape(-1, 2)


def _anywhere(picture: Pixels, count: int, side: int, chance: Chance) -> Points:
    high = np.array(picture.shape[1::-1]) - side
    return np.asarray(chance.rng.uniform(side, high, (count, 2)), np.float32)


def _side(work: Pixels, size: float) -> int:
    return int(max(work.shape) * size)


_EVERY = (
    *(Method(f"hash within {within} bits", partial(_by_hash, within)) for within in (80, 44, 26, 14)),
    *(Method(f"network, ±{most:g}", partial(_by_network, most)) for most in (4, 8, 16)),
    Method("hash within 24 bits and network, ±8", _by_both),
    Method("30 small patches in place", partial(_patches, 30, SMALL, 1.0)),
    Method("4 patches in place", partial(_patches, 4, LARGE, 1.0)),
    Method("4 patches in place, half seen through", partial(_patches, 4, LARGE, 0.5)),
    Method("16 patches in place", partial(_patches, 16, LARGE, 1.0)),
    Method(f"{SEWN} patches sewn in (Poisson)", _poisson),
    Method("30 small patches shuffled", partial(_shuffled, 30, SMALL)),
    Method("4 patches shuffled", partial(_shuffled, 4, LARGE)),
    Method("corner of 5%", partial(_corner, 0.05, 10_000)),
    Method("corner of 6%, in scraps", partial(_corner, 0.06, 26)),
    *(Method(f"ghost under details, ±{most:g}", partial(_ghost, most)) for most in (8, 16)),
    *(Method(f"ghost over a blurred picture, ±{most:g}", partial(_ghost_over_blur, most)) for most in (6, 8, 12, 16)),
    Method("ghost over a blurred picture, ±8, hash within 24 bits", _ghost_and_hash),
    Method("ghost over a blurred picture, ±8, and 4 patches", _ghost_and_patches),
    Method("hybrid of coarse and fine", _hybrid),
    Method("sheet of patches anywhere", _sheet, OF_A_SHEET),
    Method("sheet of patches as they lie", _constellations, OF_A_SHEET),
    *(
        Method(f"same {name}", partial(_template, name, strength))
        for name, strength in (
            ("logo", 1.0), ("words", 0.9), ("caption", 0.9), ("watermark", 0.9), ("frame", 1.0), ("pattern", 0.45),
            ("emblem of 6%, plain walls", 0.06), ("emblem of 15%, plain walls", 0.15),
            ("ground, a third", 0.33), ("ground, half", 0.5), ("ground, two thirds", 0.66),
        )
    ),
)  # fmt: skip
METHODS: Mapping[str, Method] = MappingProxyType({method.name: method for method in _EVERY})
