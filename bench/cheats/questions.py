"""What is asked: which method on which pictures. The picture itself is made by whoever answers: that takes long."""

import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from bench.cheats.disguises import DISGUISES
from bench.cheats.strangers import METHODS, Crafted
from bench.edited import opened
from bench.matching.questions import Roles
from bench.primitives.canvas import Chance, Pixels

LONG_SIDE = 1024
QUALITY = 95
AROUND = 8
"""Pictures that grounds, frames and textures are taken of."""


@dataclass(frozen=True, slots=True)
class Craft:
    """A stranger that is to be crafted.

    Attributes:
        method: its name.
        stranger: what is changed.
        works: what it is made to match.
        others: what grounds and patterns are taken of.
        seed: of this one.
    """

    method: str
    stranger: Path
    works: tuple[Path, ...]
    others: tuple[Path, ...]
    seed: int

    @property
    def question(self) -> tuple[str, str]:
        """Identity."""
        return str(self.stranger), f"{self.method}: {', '.join(work.name for work in self.works)}"

    def made(self) -> Crafted:
        """The picture."""
        works = [picture(work) for work in self.works]
        return METHODS[self.method].craft(picture(self.stranger), works, _chance(self.others, self.seed))


@dataclass(frozen=True, slots=True)
class Disguise:
    """A work that is to be disguised; with the attributes of :class:`Craft`."""

    method: str
    work: Path
    others: tuple[Path, ...]
    seed: int

    @property
    def question(self) -> tuple[str, str]:
        """Identity."""
        return str(self.work), f"{self.method}, {self.seed}"

    def made(self) -> Pixels:
        """The picture."""
        return DISGUISES[self.method].change(picture(self.work), _chance(self.others, self.seed))


def crafts(parts: Roles, count: int, seed: int) -> Iterator[Craft]:
    """So many strangers, methods, works and strangers in turns."""
    methods = list(METHODS.values())
    for number in range(count):
        method = methods[number % len(methods)]
        turn = number // len(methods) + number
        works = [parts.works[(turn + step) % len(parts.works)] for step in range(min(method.works, len(parts.works)))]
        stranger = parts.unrelated[turn % len(parts.unrelated)]
        yield Craft(method.name, stranger, tuple(works), _others(parts, turn), _seed(seed, method.name, number))


def disguised(parts: Roles, count: int, seed: int) -> Iterator[Disguise]:
    """So many copies, methods and works in turns."""
    methods = list(DISGUISES)
    for number in range(count):
        turn = number // len(methods) + number
        work, name = parts.works[turn % len(parts.works)], methods[number % len(methods)]
        yield Disguise(name, work, _others(parts, turn), _seed(seed, name, number))


@lru_cache(maxsize=64)
def picture(path: Path) -> Pixels:
    """A photo as cheats begin with it: RGB, at most 1,024 pixels."""
    image = opened(path)
    image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)


def file_of(pixels: Pixels) -> bytes:
    """As a site would hold it: a JPEG that keeps small changes; what one sees through is a PNG."""
    out = io.BytesIO()
    if pixels.shape[2] == 4:
        Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    else:
        Image.fromarray(pixels).save(out, "JPEG", quality=QUALITY, subsampling=0)
    return out.getvalue()


def _others(parts: Roles, turn: int) -> tuple[Path, ...]:
    return tuple(parts.others[(turn + step) % len(parts.others)] for step in range(min(AROUND, len(parts.others))))


def _chance(others: Sequence[Path], seed: int) -> Chance:
    return Chance(np.random.default_rng(seed), 0.5, [picture(path) for path in others])


def _seed(seed: int, name: str, number: int) -> int:
    return zlib.crc32(f"{seed}:{name}:{number}".encode())
