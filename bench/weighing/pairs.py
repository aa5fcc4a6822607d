"""Stored data of a measured pair: the relation of the pictures, and all measurements."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bench.primitives import PRIMITIVES
from indexer.compare.figures import Figures

EDITS_FAMILY, CHAINS_FAMILY = "edits", "chains"
"""Families of copies in addition to :data:`bench.primitives.FAMILIES`: listed edits, and chains of primitives."""


class PairKind(StrEnum):
    """Relation of a found picture to a registered one."""

    COPY = "copy"
    UNRELATED = "stranger"
    EXPOSURE = "other exposure"  # Of the same scene, or a listed look-alike.
    SIMULATED = "made exposure"  # By bench.exposures.
    OVERLAY = "stranger under one overlay"


@dataclass(frozen=True, slots=True)
class Pair:
    """A found picture and a registered one.

    Attributes:
        kind: Relation of the found picture to the registered one.
        registered: Name of the registered picture.
        scene: Scene of the registered picture, or its name. Pairs of one scene are in the same half of a split.
        composed: True if the registered picture is a page or a collage, for which no match is certain.
        ways: Measurements of each alignment, with those of its pieces.
        family: Family of a copy.
        primitives: Primitives used to make a copy.
    """

    kind: PairKind
    registered: str
    scene: str
    composed: bool
    ways: tuple[Figures, ...]
    family: str = ""
    primitives: tuple[str, ...] = ()

    @property
    def held_out(self) -> bool:
        """True if it was made with primitives that must not be used for fitting."""
        return any(PRIMITIVES[name].held_out for name in self.primitives)

    @property
    def families(self) -> frozenset[str]:
        """Families of the copy and of the primitives with which it was made."""
        return frozenset({self.family, *(PRIMITIVES[name].family for name in self.primitives)})


@dataclass(frozen=True, slots=True)
class MeasuredQuery:
    """All pairs of one found picture."""

    photo: str
    edit: str
    pairs: tuple[Pair, ...]

    @property
    def question(self) -> tuple[str, str]:
        """Identity of the query."""
        return self.photo, self.edit


def parse_measured_query(row: Mapping[str, Any]) -> MeasuredQuery:
    """Parse a saved line."""
    return MeasuredQuery(row["photo"], row["edit"], tuple(_parse_pair(pair) for pair in row["pairs"]))


def _parse_pair(row: Mapping[str, Any]) -> Pair:
    values = {
        "kind": PairKind(row["kind"]),
        "ways": tuple(Figures.from_dict(alignment) for alignment in row["ways"]),
        "primitives": tuple(row["primitives"]),
    }
    return Pair(**{**row, **values})
