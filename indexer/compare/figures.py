"""All that is measured of a pair of pictures. It decides nothing: :mod:`indexer.compare.weighing` weighs it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from exhibit.comparison.odds import NOT_COMPARED
from exhibit.types import Piece
from indexer.compare.dense import Windows, agreeing_area, another_part, windows
from indexer.compare.fit import Fit, measure_fit
from indexer.compare.geometry import Alignment, Correspondences, Remembered, align, support
from indexer.compare.nearest_hash import HashMatch
from indexer.compare.pieces import laid_in_pieces
from indexer.picture.features import Features

HASH_REACH = 90
"""Bits within which two pictures are laid onto each other as their hashes say, too; a farther hash says nothing at a
glance of a picture without panels and inset. Of 620 copies among 467 works, and of 195 real ones, none is lost by that;
88 bits lose one.
"""
MIN_DENSE = 0.25
"""Share of windows that agree from which the fit is measured: it costs ten times as much."""
MIN_TEXTURED = 100
"""Windows in the overlap below which their agreement says nothing."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of a pair; ``None`` for what couldn't be, or wasn't worth it.

    Attributes:
        hamming: bits by which the nearest hashes differ, of 256; 256 where they say nothing.
        inliers: distinct keypoint correspondences that agree with one transform.
        dense: share of the textured windows of the overlap whose pixels agree, 0 to 1.
        matches: keypoint correspondences, one to one.
        agreeing: those of them that follow one similarity with their neighbours.
        patches: textured patches of the overlap that were looked for.
        in_place: share of them that lie within half a pixel of where the transform says.
        drift: pixels by which neighbouring patches are displaced together, four in five by less.
        excess: how many times farther than its noise explains the median patch is displaced.
        cover: share of the registered picture that pieces cover, each laid by a transform of its own.
        roughness: pixels by which a piece lies beside the middle of its neighbours, the median.
        pieces_in_place: as ``in_place``, by the pieces.
        pieces_excess: as ``excess``, by the pieces.
        pieces_dense: as ``dense``, by the pieces.
        another: share of the overlap that the largest part takes in which both have texture and nothing agrees.
        pieces_another: the same as the pieces lie.
        alike: share of the overlap that agrees, or is plain in both and, by one line, as bright.
    """

    hamming: int
    inliers: int = 0
    dense: float = 0.0
    matches: int = 0
    agreeing: int = 0
    patches: int | None = None
    in_place: float | None = None
    drift: float | None = None
    excess: float | None = None
    cover: float | None = None
    roughness: float | None = None
    pieces_in_place: float | None = None
    pieces_excess: float | None = None
    pieces_dense: float | None = None
    another: float | None = None
    pieces_another: float | None = None
    alike: float | None = None

    @classmethod
    def told(cls, figures: Mapping[str, float | None]) -> "Figures":
        """From what :func:`dataclasses.asdict` made of them."""
        return cls(**{name: cast("int", value) for name, value in figures.items()})


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The figures of a pair, and how the one lies on the other."""

    figures: Figures
    transform: NDArray[np.float64] | None  # 3×3, original found to original registered pixels
    fit: Fit | None  # of the whole, by that transform
    pieces: tuple[Piece, ...] = ()
    pieces_fit: Fit | None = None  # of the pieces; its transform is the one that comes nearest to all of them


def begun(nearest: HashMatch, registered: Features, matches: Iterable[Correspondences]) -> Figures:
    """What is known of a pair before the one is laid on the other.

    Of a work of which parts don't count, strangers' pictures have the same hash.
    """
    counts = not (registered.masked or registered.marked)
    made = list(matches)
    return Figures(
        nearest.hamming if counts else NOT_COMPARED,
        matches=max((len(way.found) for way in made), default=0),
        agreeing=max((int(way.agreeing[0].sum()) for way in made), default=0),
    )


def ways(found: Features, registered: Features, nearest: HashMatch, matches: Remembered) -> Iterator[Measured]:
    """Each way in which one picture can be laid on the other as a whole, with what is measured of it.

    What is dear is measured where enough of the windows agree.
    """
    known = begun(nearest, registered, matches)
    for laid in _alignments(found, registered, nearest, matches):
        dense = _share(windows(found, registered, laid.transform, registered.masked))
        figures = replace(known, inliers=laid.inliers, dense=dense)
        if dense < MIN_DENSE:
            yield Measured(figures, laid.transform, None)
            continue
        fit = measure_fit(found, registered, laid.transform)
        seen = windows(found, registered, fit.transform, registered.masked)
        figures = replace(
            figures,
            dense=_share(seen),
            another=another_part(seen, seen),
            alike=agreeing_area(seen, registered)[1],
            patches=fit.patches,
            in_place=fit.in_place,
            drift=fit.drift,
            excess=fit.excess,
        )
        yield Measured(figures, fit.transform, fit)


def in_pieces(found: Features, registered: Features, matches: Remembered, whole: Measured) -> Measured:
    """The same with what is measured of it laid in pieces, where enough of the matches agree with their neighbours."""
    laid = laid_in_pieces(found, registered, matches)
    if laid is None:
        return whole
    at, masked = laid.fit.transform, registered.masked
    seen, as_whole = windows(found, registered, at, masked, laid.pieces), windows(found, registered, at, masked)
    figures = replace(
        whole.figures,
        cover=laid.cover,
        roughness=laid.roughness,
        pieces_in_place=laid.fit.in_place,
        pieces_excess=laid.fit.excess,
        pieces_dense=_share(seen),
        pieces_another=another_part(as_whole, seen),
    )
    return replace(whole, figures=figures, pieces=laid.pieces, pieces_fit=laid.fit)


def _share(seen: Windows) -> float:
    """The share of the textured windows whose pixels agree; 0 where there are too few."""
    textured = int(seen.textured.sum())
    return int(seen.agreeing.sum()) / textured if textured >= MIN_TEXTURED else 0.0


def _alignments(found: Features, registered: Features, nearest: HashMatch, matches: Remembered) -> Iterator[Alignment]:
    geometric = align(matches, found, registered)
    if geometric is not None:
        yield geometric
        if geometric.stiff is not None:
            yield geometric.stiff
    if nearest.hamming <= HASH_REACH:
        yield support(matches, registered, nearest.transform)
