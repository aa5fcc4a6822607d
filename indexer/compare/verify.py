"""The decision about one pair: hash, geometry and the dense check together; none of them decides alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from exhibit.comparison.warp import overlaps, turn
from exhibit.types import Decision, Matrix, Piece, Verification
from indexer.compare.dense import agreeing_area, another_part, dense_agreement, mean_difference, windows
from indexer.compare.fit import Fit, measure_fit
from indexer.compare.geometry import Alignment, Correspondences, Remembered, align, correspondences, support
from indexer.compare.pieces import MIN_AGREEING, hopeful_in_pieces, laid_in_pieces
from indexer.compare.rules import InWays, Measurements, decide, decide_pieces, ways_in_pieces
from indexer.compare.thresholds import THRESHOLDS
from indexer.layout.information import COMPOSED
from indexer.layout.masks import outside
from indexer.layout.orientation import Box, alignment
from indexer.layout.pages import COLLAGE, MIN_PANELS
from indexer.picture.features import Features, Lazy, negative
from indexer.picture.local_features import LocalFeatures
from indexer.picture.spaces import INSET, PIPELINE

NOT_COMPARED = 256
LOW_INFORMATION, NEGATIVE, PIECES, HASH, MARK = "low-information", "negative", "pieces", "hash", "mark"
OVERLAY = "shared-overlay"
PROMISING_INLIERS = 5
"""Quick features that agree, from which all features are measured, if the pixels agree as well."""
PROMISING_AGREEMENT = 0.6
"""Share of windows that agree where the glance lays the picture. Where fewer do, pieces have to leave something to hope
for: they did in all of eight copies that only all features saw, with .36 to .6, and in five of eleven strangers.
"""
GLANCED_DENSE = 0.35
"""Share of windows from which the fit is measured at a glance: with fewer nothing is promised but by pieces."""
MAX_COPIES = 8
MAX_COVERED = 0.7
"""Share of the found picture that one copy covers, from which no further one is looked for."""


@dataclass(frozen=True, eq=False)
class HashMatch:
    """The closest pair of hashes of two pictures."""

    hamming: int  # bits
    orientation: int  # of the found picture
    found: Box  # the part of it whose hash it is, original pixels
    registered: Box  # the same of the registered picture

    @cached_property
    def transform(self) -> NDArray[np.float64]:
        """3×3, original found to original registered pixels, as orientation and trims say."""
        return alignment(self.orientation, self.found, self.registered)


@dataclass(frozen=True, slots=True)
class Examined(Verification):
    """A verification with what isn't kept of it: for whoever asks why it was decided so."""

    measurements: Measurements | None = None  # what it was decided by; `None` where the pixels weren't worth measuring
    pieced: InWays | None = None  # the same of it in pieces; `None` where it wasn't so laid
    glance: bool = False  # whether it was made of the quick features only


@dataclass(frozen=True, slots=True, eq=False)
class _Finding:
    decision: Decision
    inliers: int
    dense: float
    transform: NDArray[np.float64] | None
    reasons: tuple[str, ...] = ()
    fit: Fit | None = None
    further: tuple[NDArray[np.float64], ...] = ()
    pieces: tuple[Piece, ...] = ()
    figures: Measurements | None = None
    pieced: InWays | None = None


Told = TypeVar("Told", bound=Verification)

_ORDER = [Decision.NONE, Decision.REVIEW, Decision.CERTAIN]
NOTHING = _Finding(Decision.NONE, 0, 0.0, None)


def verify(found: Features, registered: Features) -> Examined:
    """Compare a found picture with a registered one, and decide by ``compare.rules``.

    ``certain`` also for the same bytes; never where the work carries too little information or is a collage or a page,
    nor where only its mark agrees, nor for negatives: ``reasons`` says why.
    """
    nearest = nearest_hash(found, registered)
    if found.digest == registered.digest:
        finding = _same_bytes(registered)
    elif COMPOSED.issuperset(registered.low_information):
        finding = _held_back(_seen(found, registered, nearest), registered)
        finding = replace(finding, further=_further(found, registered, finding))
    else:
        finding = _low_information(found, registered, nearest)
    return _verification(finding, nearest.hamming, found, registered)


def promises(glance: _Finding | Verification) -> bool:
    """Whether what was seen at a glance is worth all the features."""
    placed = glance.inliers >= PROMISING_INLIERS and glance.dense >= PROMISING_AGREEMENT
    return glance.decision is Decision.REVIEW or placed or PIECES in glance.reasons


def nearest_hash(found: Features, registered: Features, least: float = 0.0) -> HashMatch:
    """The closest pair among the found picture's variants and the stored hashes of the registered picture's parts.

    Parts that make up less than the least share of it are left out.
    """
    best, variant, stored = NOT_COMPARED + 1, found.variants[0], ""
    area, words = registered.info.width * registered.info.height, found.hash_variants.view(np.uint64)
    for part, raw in registered.hashes.items():
        if part == INSET:  # strangers may have laid the same picture upon theirs
            continue
        box = registered.box(part)
        if (box.right - box.left) * (box.bottom - box.top) < least * area:
            continue
        distances = np.bitwise_count(words ^ np.frombuffer(raw, np.uint64)).sum(axis=1)
        row = int(distances.argmin())
        if distances[row] < best:
            best, variant, stored = int(distances[row]), found.variants[row], part
    return HashMatch(best, variant.orientation, found.box(variant.part), registered.box(stored))


def _same_bytes(registered: Features) -> _Finding:
    reasons = ("same-bytes", *_held(registered))
    decision = Decision.REVIEW if registered.low_information else Decision.CERTAIN
    return _Finding(decision, len(registered.local), 1.0, np.eye(3), reasons)


def _low_information(found: Features, registered: Features, nearest: HashMatch) -> _Finding:
    """Flat pictures and pages of text look alike to every measure: only near-exact copies are shown, to a person."""
    if nearest.hamming > THRESHOLDS.near_exact:
        return NOTHING
    if mean_difference(found, registered, nearest.transform) > THRESHOLDS.near_exact_levels:
        return NOTHING
    dense = dense_agreement(found, registered, nearest.transform).share
    return _Finding(Decision.REVIEW, 0, dense, nearest.transform, _held(registered))


def _held(registered: Features) -> tuple[str, ...]:
    """Why no match of this work is certain."""
    said = registered.low_information
    return said if COMPOSED.issuperset(said) else (LOW_INFORMATION,)


def _held_back(finding: _Finding, registered: Features) -> _Finding:
    if finding.decision is Decision.NONE or not registered.low_information:
        return finding
    return replace(finding, decision=Decision.REVIEW, reasons=(*_held(registered), *finding.reasons))


def _seen(found: Features, registered: Features, nearest: HashMatch) -> _Finding:
    """Compare as they are, and where that leaves a doubt in pieces.

    At a glance it is enough to know that it promises something, as pieces do that leave something to hope for.
    Where nothing can be laid on anything, a near hash is worth a look, and so is what agrees as a negative. Where
    pieces were looked at in vain, the hash has to be nearer, or ``pieces`` is the reason of ``none``: more details may
    say more.
    """
    matches = Remembered(found, registered)
    plain = _compare(found, registered, nearest, matches)
    if plain.decision is Decision.CERTAIN or (found.is_glance and promises(plain)):
        return plain
    if found.is_glance and hopeful_in_pieces(found, registered, matches):
        return replace(plain, reasons=(PIECES,))
    pieced = None if found.is_glance else _in_pieces(found, registered, matches, nearest.hamming, plain.decision)
    if pieced is not None and _ORDER.index(pieced.decision) > _ORDER.index(plain.decision):
        return pieced
    in_vain = None if pieced is None else pieced.pieced
    if plain.decision is not Decision.NONE:
        return replace(plain, pieced=in_vain)
    within = THRESHOLDS.hash_alone if in_vain is None else THRESHOLDS.hash_review
    if nearest.hamming <= within and not (registered.marked or registered.low_information):
        alone = nearest_hash(found, registered, THRESHOLDS.hash_alone_part)
        if alone.hamming <= within:
            stated = _dense(found, registered, alone.transform, ())
            return _Finding(Decision.REVIEW, plain.inliers, stated, alone.transform, (HASH,), pieced=in_vain)
    told = replace(plain, reasons=(PIECES,), pieced=in_vain)
    return _as_negative(found, registered, plain) if in_vain is None else told


def _as_negative(found: Features, registered: Features, plain: _Finding) -> _Finding:
    inverted = negative(found)
    nearest = nearest_hash(inverted, registered)
    if nearest.hamming > THRESHOLDS.hash_reach:
        return plain
    finding = _compare(inverted, registered, nearest, Remembered(inverted, registered))
    if finding.decision is Decision.NONE or finding.transform is None:
        return plain
    stated = _dense(found, registered, finding.transform, ())
    return replace(finding, decision=Decision.REVIEW, dense=stated, reasons=(NEGATIVE, *finding.reasons))


def _in_pieces(
    found: Features, registered: Features, matches: Remembered, hamming: int, known: Decision
) -> _Finding | None:
    """What is bent, taken apart or hidden in part, laid on the work piece by piece; ``None`` where it can't be laid.

    Of what is known to be worth a look pieces say something only where they are certain.
    """
    needed = MIN_AGREEING, THRESHOLDS.pieces_review
    if known is Decision.REVIEW:
        needed = THRESHOLDS.pieces_agreeing, THRESHOLDS.pieces_certain
    laid = laid_in_pieces(found, registered, matches, *needed)
    if laid is None:
        return None
    transform = laid.fit.transform
    dense = _dense(found, registered, transform, registered.masked, *laid.pieces)
    stated = _dense(found, registered, transform, (), *laid.pieces) if registered.masked else dense
    another = 0.0
    if laid.shown < THRESHOLDS.pieces_little:
        another = _another(found, registered, transform, laid.pieces)
    asked = ways_in_pieces(laid, dense, another)
    decision, reasons = decide_pieces(*asked)
    if decision is not Decision.NONE and registered.marked:
        decision, reasons = _beside_marks(decision, reasons, found, registered, transform, laid.pieces)
    if decision is Decision.CERTAIN:
        moved = hamming <= THRESHOLDS.hash_near and laid.fit.excess > THRESHOLDS.pieces_near_excess  # rather than bent
        reasons = ("imprecise",) if moved else _shared(found, registered, transform, *laid.pieces)
        decision = Decision.REVIEW if reasons else decision
    told = (PIECES, *reasons)
    return _Finding(decision, laid.agreeing, stated, transform, told, laid.fit, pieces=laid.pieces, pieced=asked)


def _compare(found: Features, registered: Features, nearest: HashMatch, matches: Iterable[Correspondences]) -> _Finding:
    """Lay the pictures onto each other as local features say and, if that leaves a doubt, as the hash says."""
    geometric = align(matches, found, registered)
    findings = [NOTHING if geometric is None else _judged(found, registered, geometric, nearest.hamming)]
    if geometric is not None and geometric.stiff is not None and findings[0].decision is not Decision.CERTAIN:
        findings.append(_judged(found, registered, geometric.stiff, nearest.hamming))
    if nearest.hamming <= THRESHOLDS.hash_reach and all(
        finding.decision is not Decision.CERTAIN for finding in findings
    ):
        by_hash = support(matches, registered, nearest.transform)
        findings.append(_judged(found, registered, by_hash, nearest.hamming))
    return max(findings, key=lambda finding: (_ORDER.index(finding.decision), finding.dense))


def _judged(found: Features, registered: Features, laid: Alignment, hamming: int) -> _Finding:
    """Decide by what lies outside the work's mask; what is stated of the pixels is of all of them."""
    dense = _dense(found, registered, laid.transform, registered.masked)
    if dense < (GLANCED_DENSE if found.is_glance else THRESHOLDS.promising_dense):
        return _Finding(Decision.NONE, laid.inliers, dense, laid.transform)
    fit = measure_fit(found, registered, laid.transform)
    dense = _dense(found, registered, fit.transform, registered.masked)
    figures = Measurements(hamming, laid.inliers, dense, fit.patches, fit.in_place, fit.drift, fit.excess)
    decision, reasons = decide(figures)
    if decision is Decision.CERTAIN:
        reasons = _shared(found, registered, fit.transform)
        decision = Decision.REVIEW if reasons else decision
    elif decision is Decision.REVIEW and fit.in_place < THRESHOLDS.half_in_place and OVERLAY not in reasons:
        around = _another(found, registered, fit.transform, ()) >= THRESHOLDS.another_piece
        reasons = (*reasons, OVERLAY) if around else reasons
    if decision is not Decision.NONE and registered.marked:
        decision, reasons = _beside_marks(decision, reasons, found, registered, fit.transform)
    stated = _dense(found, registered, fit.transform, ()) if registered.masked else dense
    return _Finding(decision, laid.inliers, stated, fit.transform, reasons, fit, figures=figures)


def _beside_marks(
    decision: Decision,
    reasons: tuple[str, ...],
    found: Features,
    registered: Features,
    transform: NDArray[np.float64],
    pieces: Sequence[Piece] = (),
) -> tuple[Decision, tuple[str, ...]]:
    """What is left of a decision when marks that the owner's works share say nothing."""
    beside = dense_agreement(found, registered, transform, registered.masked, registered.marked, pieces)
    enough = beside.textured >= THRESHOLDS.min_textured
    if enough and beside.share >= THRESHOLDS.beside_marks:
        return decision, reasons
    if enough and beside.share < THRESHOLDS.unlike_beside:
        return Decision.NONE, ()
    return Decision.REVIEW, (*reasons, MARK)


def _shared(found: Features, registered: Features, at: NDArray[np.float64], *pieces: Piece) -> tuple[str, ...]:
    """Why what agrees may be what strangers share: the ground of another picture, or an emblem before plain walls."""
    size = registered.info.width, registered.info.height
    panels = registered.panels if len(registered.panels) >= MIN_PANELS else ()
    within = panels if registered.inset is None else (registered.inset,)
    there = [dense_agreement(found, registered, at, outside(box, size)) for box in within]
    another = (part.share < THRESHOLDS.same_panel and part.textured >= THRESHOLDS.min_textured for part in there)
    if (pieces and panels) or any(another):
        return (COLLAGE,)
    agreeing, alike = agreeing_area(windows(found, registered, at, registered.masked, pieces), registered)
    little = agreeing < THRESHOLDS.agreeing_area and alike < THRESHOLDS.alike_area
    limit = THRESHOLDS.another_piece if pieces else THRESHOLDS.another_part
    return (OVERLAY,) if little or _another(found, registered, at, pieces) >= limit else ()


def _another(found: Features, registered: Features, at: NDArray[np.float64], pieces: Sequence[Piece]) -> float:
    """The share of the overlap that shows another picture."""
    whole, laid = (windows(found, registered, at, registered.masked, some) for some in ((), pieces))
    return another_part(whole, laid)


def _dense(
    found: Features, registered: Features, transform: NDArray[np.float64], masked: Sequence[Box], *pieces: Piece
) -> float:
    agreement = dense_agreement(found, registered, transform, masked, pieces=pieces)
    return agreement.share if agreement.textured >= THRESHOLDS.min_textured else 0.0


def _further(found: Features, registered: Features, first: _Finding) -> tuple[NDArray[np.float64], ...]:
    """Transforms of further copies of the work, found by the details that lie outside those known already."""
    if first.decision is Decision.NONE or first.transform is None or first.pieces:
        return ()
    sizes = (found.info.width, found.info.height), (registered.info.width, registered.info.height)
    if overlaps(matrix_of(first.transform), *sizes)[1] > MAX_COVERED:
        return ()
    known, left = [first.transform], found.local
    while len(known) < MAX_COPIES:
        left = left.outside(known[-1], sizes[1])
        others = _with(found, left)
        laid = align(correspondences(others, registered), others, registered)
        if laid is None:
            break
        finding = _judged(found, registered, laid, NOT_COMPARED)
        if finding.decision is Decision.NONE or finding.transform is None:
            break
        known.append(finding.transform)
    return tuple(known[1:])


def _with(found: Features, local: LocalFeatures) -> Features:
    return replace(found, later_local=Lazy(lambda: local))


def _verification(finding: _Finding, hamming: int, found: Features, registered: Features) -> Examined:
    said = Examined(
        decision=finding.decision,
        hamming=min(hamming, NOT_COMPARED),
        inliers=finding.inliers,
        dense=round(finding.dense, 4),
        transform=None,
        mirrored=False,
        rotation=0,
        overlap_work=0.0,
        overlap_picture=0.0,
        probability=None,
        pipeline=PIPELINE,
        reasons=finding.reasons,
        in_place=None if finding.fit is None else round(finding.fit.in_place, 4),
        drift=None if finding.fit is None else round(finding.fit.drift, 4),
        further=tuple(matrix_of(copy) for copy in finding.further),
        pieces=finding.pieces,
        measurements=finding.figures,
        pieced=finding.pieced,
        glance=found.is_glance,
    )
    return said if finding.transform is None else laid(said, finding.transform, found, registered)


def laid(said: Told, transform: NDArray[np.float64], found: Features, registered: Features) -> Told:
    """A verification with a transform, and what follows from that alone: turn, mirroring, overlaps."""
    sizes = (found.info.width, found.info.height), (registered.info.width, registered.info.height)
    work, picture = overlaps(transform, *sizes)
    rotation, mirrored = turn(transform, sizes[0])
    return replace(
        said,
        transform=matrix_of(transform),
        mirrored=mirrored,
        rotation=rotation,
        overlap_work=round(work, 4),
        overlap_picture=round(picture, 4),
    )


def matrix_of(transform: NDArray[np.float64]) -> Matrix:
    """A 3×3 transform as it is kept."""
    first, second, third = ((float(row[0]), float(row[1]), float(row[2])) for row in transform)
    return first, second, third
