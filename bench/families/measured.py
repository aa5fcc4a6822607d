"""What the comparison measures of a pair: all of its figures, whatever the rules would have asked for next."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from exhibit.types import Decision
from indexer.compare.dense import dense_agreement
from indexer.compare.fit import FAR, measure_fit
from indexer.compare.geometry import Alignment, Remembered, align, support
from indexer.compare.pieces import laid_in_pieces
from indexer.compare.rules import Measurements, decide
from indexer.compare.thresholds import THRESHOLDS
from indexer.compare.verify import nearest_hash
from indexer.picture.features import Features, extract
from indexer.search.search import compare_alone

ORDER = [Decision.NONE, Decision.REVIEW, Decision.CERTAIN]


@dataclass(frozen=True, slots=True)
class Laid:
    """What is measured of a picture that was laid in pieces; the names are those of the comparison."""

    agreeing: int
    cover: float
    roughness: float
    excess: float
    dense: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A found picture beside a registered one: what was measured, and what the shipped rules make of it."""

    kind: str  # the family of a copy, or what other picture it is
    registered: str  # name
    asked: str  # which picture was found, and how it was changed
    group: str = ""  # the work or the scene, all pairs of which are on one side of a split
    shipped: str = ""  # decision of the product once its search has named the work; empty where nothing was measured
    ruled: str = ""  # decision of its rules for one transform alone
    plain: Measurements | None = None  # under the transform where most agrees
    pieces: Laid | None = None  # where enough neighbours agree

    @property
    def question(self) -> tuple[str, str]:
        """Identity."""
        return self.registered, self.asked

    @property
    def half(self) -> int:
        """The side of the split, 0 or 1."""
        return hashlib.sha256(self.group.encode()).digest()[0] & 1


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """What is to be measured."""

    named: Measured
    files: Callable[[], tuple[bytes, Features] | None]  # the found one and the registered one; `None` without a pair

    @property
    def question(self) -> tuple[str, str]:
        """Identity."""
        return self.named.question


def measured_from(row: dict[str, Any]) -> Measured:
    """A measurement out of its line."""
    plain, pieces = row.pop("plain"), row.pop("pieces")
    return Measured(**row, plain=plain and Measurements(**plain), pieces=pieces and Laid(**pieces))


def measured(pair: Pair) -> Measured:
    """Measure a pair; nothing where the work is one of which only nearly exact copies are shown."""
    files = pair.files()
    if files is None or files[1].low_information:
        return pair.named
    data, registered = files
    found = extract(data)
    matches = Remembered(found, registered)
    ways = _under_transforms(found, registered, matches)
    return replace(
        pair.named,
        group=pair.named.group or registered.digest.hex,
        shipped=str(compare_alone(found, lambda: data, registered).decision),
        ruled=str(max((decide(way)[0] for way in ways), key=ORDER.index)),
        plain=max(ways, key=lambda way: way.dense + way.in_place),
        pieces=_in_pieces(found, registered, matches),
    )


def _under_transforms(found: Features, registered: Features, matches: Remembered) -> list[Measurements]:
    """The figures under each transform that the product would try; without any, those of the hash alone."""
    nearest = nearest_hash(found, registered)
    first = align(matches, found, registered)
    laid = [] if first is None else [first, *([] if first.stiff is None else [first.stiff])]
    if nearest.hamming <= THRESHOLDS.hash_reach:
        laid.append(support(matches, registered, nearest.transform))
    unknown = Measurements(nearest.hamming, 0, 0.0, 0, 0.0, FAR, FAR)
    return [_under(found, registered, way, nearest.hamming) for way in laid] or [unknown]


def _under(found: Features, registered: Features, laid: Alignment, hamming: int) -> Measurements:
    agreement = dense_agreement(found, registered, laid.transform, registered.masked)
    if agreement.textured < THRESHOLDS.min_textured or agreement.share < THRESHOLDS.promising_dense:
        return Measurements(hamming, laid.inliers, agreement.share, 0, 0.0, FAR, FAR)
    fit = measure_fit(found, registered, laid.transform)
    dense = dense_agreement(found, registered, fit.transform, registered.masked).share
    return Measurements(hamming, laid.inliers, dense, fit.patches, fit.in_place, fit.drift, fit.excess)


def _in_pieces(found: Features, registered: Features, matches: Remembered) -> Laid | None:
    laid = laid_in_pieces(found, registered, matches)
    if laid is None:
        return None
    seen = dense_agreement(found, registered, laid.fit.transform, registered.masked, pieces=laid.pieces)
    dense = seen.share if seen.textured >= THRESHOLDS.min_textured else 0.0
    return Laid(laid.agreeing, laid.cover, laid.roughness, laid.fit.excess, dense)
