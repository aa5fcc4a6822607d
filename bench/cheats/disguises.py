"""Copies disguised so that they aren't found while a person still sees the work: each stage evaded, and all at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from PIL import Image

from bench.cheats import descriptors, hashing, keypoints
from bench.primitives import PRIMITIVES
from bench.primitives.canvas import Chance, Pixels, begun, grid

Disguise = Callable[[Pixels, Chance], Pixels]
IN_A_CHAIN = 3
"""Disguises of a chain, at most."""


def _by_hash(work: Pixels, _: Chance) -> Pixels:
    return hashing.evading(work)


def _by_network(most: float, work: Pixels, _: Chance) -> Pixels:
    return descriptors.evading(work, most)


def _removed(work: Pixels, _: Chance) -> Pixels:
    return keypoints.removed(work)


def _forged(contrast: float, work: Pixels, chance: Chance) -> Pixels:
    return keypoints.forged(work, chance, contrast)


def _removed_and_forged(work: Pixels, chance: Chance) -> Pixels:
    return keypoints.forged(keypoints.removed(work), chance, 40)


def _everything(work: Pixels, chance: Chance) -> Pixels:
    """No stage sees it any more: details first, then the hash, then what the network sees of that."""
    return descriptors.evading(hashing.evading(_removed_and_forged(work, chance)), 8)


def _noise(most: float, cells: int, work: Pixels, chance: Chance) -> Pixels:
    """Coarse noise, which saving and shrinking leave as it is."""
    size = work.shape[1], work.shape[0]
    planes = np.stack([chance.field(size, cells) for _ in range(3)], axis=2)
    change = np.clip(planes * 2, -1, 1) * most
    return np.asarray(np.clip(np.rint(work + change), 0, 255), np.uint8)


def _bent(most: float, work: Pixels, chance: Chance) -> Pixels:
    """Displaced by a smooth field, as printing and scanning does (StirMark: Petitcolas, Anderson and Kuhn, 1998).

    At most so large a share of the long side.
    """
    canvas = begun(work)
    x, y = grid(canvas.size)
    across, down = (chance.field(canvas.size, 5) * most * max(canvas.size) for _ in "xy")
    return canvas.warped(x + across, y + down, mirror_edges=True).pixels


def _for_dark_pages(work: Pixels, _: Chance) -> Pixels:
    """White that lets the page through: before black it is the work, before white there is nothing.

    Xia and Chen, "AlphaDog: No-Box Camouflage Attacks via Alpha Channel Oversight" (2025). With a fourth channel.
    """
    grey = np.asarray(Image.fromarray(work).convert("L"))
    return np.dstack([np.full_like(work, 255), grey])


def _stripes(work: Pixels, chance: Chance) -> Pixels:
    """Every second strip with its tones the other way round: gradients turn, what is shown can be read."""
    count = chance.integer(10, 24)
    along = np.arange(work.shape[0]) * count // work.shape[0]
    return np.where((along % 2 == 1)[:, None, None], 255 - work, work)


def _primitives(steps: Sequence[tuple[str, float]], work: Pixels, chance: Chance) -> Pixels:
    """Some of the operations of :mod:`bench.primitives`, one after the other, each in a strength."""
    canvas = begun(work)
    for name, strength in steps:
        canvas = PRIMITIVES[name].change(canvas, Chance(chance.rng, strength, chance.others))
    return canvas.pixels


def _chain(work: Pixels, chance: Chance) -> Pixels:
    """Two or three of the others, by chance."""
    names = [name for name in DISGUISES if name not in (CHAIN, "every stage at once", DARK)]
    for name in chance.rng.choice(names, chance.integer(2, IN_A_CHAIN), replace=False):
        work = DISGUISES[str(name)].change(work, chance)
    return work


@dataclass(frozen=True, slots=True)
class Method:
    """One way to disguise."""

    name: str
    change: Disguise


CHAIN, DARK = "chain of two or three", "seen on dark pages only"
_STEPS: Mapping[str, Sequence[tuple[str, float]]] = {
    "tiny turn, cut, smaller": (("geometry.turned_inside", 0.2), ("geometry.cut_sides", 0.3), ("geometry.shrunk", 0.3)),
    "wave, mirrored, framed": (("bending.waves_across", 0.15), ("geometry.mirrored", 0), ("overlay.framed", 0.5)),
    "slight lens, turned": (("bending.barrel", 0.2), ("geometry.turned_inside", 0.1)),
    "tiles jittered": (("displacement.blocks_jittered", 0.1),),
    "rows torn": (("displacement.rows_torn", 0.2),),
    "bars": (("occlusion.bars", 0.4),),
    "net": (("occlusion.mesh", 0.5),),
    "lines": (("overlay.grid_lines", 0.9),),
    "texture seen through": (("overlay.blended", 0.6),),
    "cloth": (("rephotography.woven", 0.6),),
    "halftone": (("rephotography.halftone", 0.6),),
    "dots of black and white": (("codec.dithered", 0.4),),
    "dead pixels": (("codec.dead_pixels", 0.6),),
    "few colours": (("codec.palette", 0.8),),
    "busy frame": (("overlay.textured_frame", 1.0),),
    "busy frame, tiny turn": (("geometry.turned_little", 0.7), ("overlay.textured_frame", 0.8)),
}
_EVERY = (
    Method("hash pushed aside", _by_hash),
    *(Method(f"network, ±{most:g}", partial(_by_network, most)) for most in (4, 8, 16)),
    *(Method(f"coarse noise, ±{most:g}", partial(_noise, most, 40)) for most in (8, 16)),
    Method("details smoothed away", _removed),
    *(Method(f"details forged, ±{contrast:g}", partial(_forged, contrast)) for contrast in (20, 40, 80)),
    Method("details smoothed and forged", _removed_and_forged),
    Method("every stage at once", _everything),
    *(Method(f"bent by {most:.1%}", partial(_bent, most)) for most in (0.005, 0.01, 0.02, 0.03)),
    Method(DARK, _for_dark_pages),
    Method("strips of negative", _stripes),
    *(Method(name, partial(_primitives, steps)) for name, steps in _STEPS.items()),
    Method(CHAIN, _chain),
)
DISGUISES: Mapping[str, Method] = MappingProxyType({method.name: method for method in _EVERY})
