"""What is kept of a pair that was measured: what the two pictures are to each other, and every figure of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bench.primitives import PRIMITIVES
from indexer.compare.figures import Figures

EDITS, CHAINS = "edits", "chains"
"""Families of copies beside those of :data:`bench.primitives.FAMILIES`: of listed edits, and of several primitives."""


class Kind(StrEnum):
    """What a found picture is to a registered one."""

    COPY = "copy"
    STRANGER = "stranger"
    EXPOSURE = "other exposure"  # of the same scene, or a listed look-alike
    MADE = "made exposure"  # by bench.exposures
    OVERLAY = "stranger under one overlay"


@dataclass(frozen=True, slots=True)
class Pair:
    """A found picture beside a registered one.

    Attributes:
        kind: what the one is to the other.
        registered: name of the registered picture.
        scene: of the registered picture, or its name: pairs of one scene stand on one side of a split.
        composed: whether the registered picture is a page or a collage, of which no match is certain.
        ways: the figures of each way in which the one can be laid on the other, with those of its pieces.
        glance: the figures of each way by the quick features.
        family: of a copy.
        primitives: of which a copy was made.
    """

    kind: Kind
    registered: str
    scene: str
    composed: bool
    ways: tuple[Figures, ...]
    glance: tuple[Figures, ...]
    family: str = ""
    primitives: tuple[str, ...] = ()

    @property
    def held_out(self) -> bool:
        """Whether it was made by primitives with which nothing may be fitted."""
        return any(PRIMITIVES[name].held_out for name in self.primitives)

    @property
    def families(self) -> frozenset[str]:
        """Of everything that made a copy."""
        return frozenset({self.family, *(PRIMITIVES[name].family for name in self.primitives)})


@dataclass(frozen=True, slots=True)
class Measured:
    """All pairs of one picture that was found."""

    photo: str
    edit: str
    pairs: tuple[Pair, ...]

    @property
    def question(self) -> tuple[str, str]:
        """Identity."""
        return self.photo, self.edit


def measured_from(row: Mapping[str, Any]) -> Measured:
    """What was kept as a line."""
    return Measured(row["photo"], row["edit"], tuple(_pair(pair) for pair in row["pairs"]))


def _pair(row: Mapping[str, Any]) -> Pair:
    told = {
        "kind": Kind(row["kind"]),
        "ways": tuple(Figures.told(way) for way in row["ways"]),
        "glance": tuple(Figures.told(way) for way in row["glance"]),
        "primitives": tuple(row["primitives"]),
    }
    return Pair(**{**row, **told})
