"""Decision about one pair of pictures: measures all figures, and weighs them for two questions.

No figure decides alone (:mod:`indexer.compare.weighing`). Circumstances that no figure shows are added as reasons for a
review: the work is a page or a collage, whose parts others use as well; only a mark matches that other works of the
owner carry, too; the picture is a negative. Exposures of one scene are distinguished later, with the other works of the
owner (``indexer.search.series``).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from exhibit.comparison.odds import ANOTHER_PICTURE, MAX_COPIES, NOT_COMPARED
from exhibit.comparison.warp import overlaps, turn
from exhibit.types import Decision, Matrix, Piece, Verification
from indexer.compare.dense import agreeing_area, compare_windows, dense_agreement, mean_difference
from indexer.compare.figures import (
    HASH_REACH,
    MIN_TEXTURED,
    Figures,
    Measurement,
    add_pieces,
    compute_initial_figures,
    measure_alignments,
)
from indexer.compare.geometry import CachedMatches
from indexer.compare.nearest_hash import HashMatch, find_nearest_hash
from indexer.compare.weighing import Answers, shipped
from indexer.layout.information import COMPOSED
from indexer.layout.masks import surrounding_boxes
from indexer.layout.pages import COLLAGE, MIN_PANELS
from indexer.picture.features import Features, Lazy, invert_features
from indexer.picture.local_features import LocalFeatures
from indexer.picture.spaces import PIPELINE

LOW_INFORMATION, NEGATIVE, PIECES, HASH, MARK = "low-information", "negative", "pieces", "hash", "mark"
PLAIN = "plain"
OVERLAY, WEAK = "shared-overlay", "weak-agreement"
NEAR_EXACT, NEAR_EXACT_LEVELS = 10, 6.0
"""Maximum differences from a flat work: bits of the hash, and mean difference in grey levels."""
FEW_INLIERS, WEAK_DENSE, FEW_PATCHES, HALF_PRECISE = 12, 0.5, 40, 0.5
"""Minimum matching keypoints, share of windows, textured patches and share of them in place; less is reported."""
NOISE, PIECES_NOISE = 2.5, 1.5
"""Maximum ratio of the median patch's displacement to its noise for patches in place: of the whole, and of pieces."""
BESIDE_MARKS, UNLIKE_BESIDE = 0.75, 0.45
"""Share of windows beside marks above which the marks do not matter, and below which nothing but marks matches:
strangers under one mark reached .53, copies without the mark started at .51."""
SAME_PANEL = 0.4
"""Share of windows in each panel; for five sheets of which one panel showed another picture: .3 at most."""
AGREEING_AREA, ALIKE_AREA = 0.35, 0.8
"""Share of the overlap that matches, and the share that must match or be equally bright if the first is lower: products
before white walls reach .39, one emblem before two walls .7."""
SHARED_PART = 0.4
"""Share of both pictures below which the matching part may be the background of two scenes: two garments on one floor
reached .27, two cars on one track .2; of 2,142 edited copies that are certain, none was below .49."""
MAX_COVERED = 0.7
"""Share of the found picture covered by one copy above which no further copy is searched for."""


@dataclass(frozen=True, slots=True)
class Examined(Verification):
    """A verification with details that are not stored, to explain the decision."""

    limit: float = 0.0  # log odds from which a picture is related to a work
    glance: bool = False  # whether only the quick features were compared, and dismissed the pair


@dataclass(frozen=True, slots=True, eq=False)
class _Finding:
    decision: Decision
    measurement: Measurement
    answers: Answers | None = None
    reasons: tuple[str, ...] = ()
    dense: float | None = None  # stated value, if it differs from the figure
    further: tuple[NDArray[np.float64], ...] = ()


AnyVerification = TypeVar("AnyVerification", bound=Verification)


def verify(found_picture: Features, registered: Features, works: int = 0) -> Examined:
    """Compare a found picture with a registered one, and weigh the measurements.

    The decision is ``certain`` also for identical bytes, but never if the work is flat, a page or a collage, if only
    its
    mark matches, or for negatives; ``reasons`` states why. For a quick look (:attr:`Features.glance`), only the quick
    figures are measured: see :func:`reject_at_glance`.

    Args:
        found_picture: The found picture.
        registered: The registered picture.
        works: Number of works among which it was named.

    Returns:
        The verification.
    """
    nearest = find_nearest_hash(found_picture, registered)
    if found_picture.digest == registered.digest:
        finding = _same_bytes(registered)
    elif registered.is_flat:
        finding = _compare_flat(found_picture, registered, nearest)
    else:
        finding = _compare_pair(found_picture, registered, nearest, works)
        finding = replace(finding, further=_find_further_copies(found_picture, registered, finding, works))
    if finding.decision is not Decision.NONE and registered.plain_reasons and not registered.is_flat:
        finding = replace(finding, reasons=(*finding.reasons, PLAIN))
    return _to_verification(finding, nearest.hamming, found_picture, registered)


def reject_at_glance(found_picture: Features, registered: Features) -> Examined | None:
    """Return the result of a quick look if it dismisses a pair; ``None`` if the pair needs a full comparison."""
    if found_picture.digest == registered.digest or registered.is_flat:
        return None
    nearest, weighing = find_nearest_hash(found_picture, registered), shipped()
    far = (
        nearest.hamming > HASH_REACH and not found_picture.inner_boxes
    )  # for pictures within one, a quick look shows too little
    near = replace(nearest, hamming=NOT_COMPARED) if far else nearest
    if weighing.glance.odds(compute_initial_figures(near, registered, ())) >= weighing.glance_limit:
        return None  # the hash alone suffices; keypoints could only add to it
    measurement = Measurement(
        compute_initial_figures(near, registered, CachedMatches(found_picture.glance, registered)), None, None
    )
    if weighing.glance.odds(measurement.figures) >= weighing.glance_limit:
        return None
    if (
        not found_picture.is_icon
        and find_nearest_hash(invert_features(found_picture), registered).hamming <= HASH_REACH
    ):
        return None
    verification = _to_verification(_Finding(Decision.NONE, measurement), nearest.hamming, found_picture, registered)
    return replace(verification, figures=asdict(measurement.figures), glance=True)


def _same_bytes(registered: Features) -> _Finding:
    figures = Figures(0, inliers=len(registered.local), dense=1.0)
    reasons = _uncertainty_reasons(registered)
    return _Finding(
        Decision.REVIEW if reasons else Decision.CERTAIN,
        Measurement(figures, np.eye(3), None),
        None,
        ("same-bytes", *reasons),
    )


def _compare_flat(found_picture: Features, registered: Features, nearest: HashMatch) -> _Finding:
    """Compare with a flat work: all measures find flat pictures alike, so only near-exact copies go to review."""
    figures = Figures(min(nearest.hamming, NOT_COMPARED))
    if (
        nearest.hamming > NEAR_EXACT
        or mean_difference(found_picture, registered, nearest.transform) > NEAR_EXACT_LEVELS
    ):
        return _Finding(Decision.NONE, Measurement(figures, None, None))
    dense = dense_agreement(found_picture, registered, nearest.transform).share
    measurement = Measurement(replace(figures, dense=dense), nearest.transform, None)
    return _Finding(Decision.REVIEW, measurement, None, _uncertainty_reasons(registered))


def _uncertainty_reasons(registered: Features) -> tuple[str, ...]:
    """Return the reasons why no match of this work is certain."""
    if registered.is_flat:
        return (LOW_INFORMATION,)
    return tuple(reason for reason in registered.low_information if reason in COMPOSED)


def _compare_pair(found_picture: Features, registered: Features, nearest: HashMatch, works: int) -> _Finding:
    """Measure a pair in each way, in pieces if the whole leaves doubt, and as a negative if nothing is found."""
    matches = CachedMatches(found_picture, registered)
    best = _find_best_alignment(found_picture, registered, nearest, matches, works)
    finding = _apply_restrictions(_decide(best, found_picture, registered, works), found_picture, registered)
    if finding.decision is not Decision.NONE or found_picture.is_icon:
        return finding
    inverted = invert_features(found_picture)
    inverted_nearest = find_nearest_hash(inverted, registered)
    if inverted_nearest.hamming > HASH_REACH:
        return finding
    measurement = _find_best_alignment(
        inverted, registered, inverted_nearest, CachedMatches(inverted, registered), works
    )
    inverted_finding = _apply_restrictions(_decide(measurement, inverted, registered, works), inverted, registered)
    if inverted_finding.decision is Decision.NONE or inverted_finding.measurement.transform is None:
        return finding
    dense = _dense_share(found_picture, registered, inverted_finding.measurement.transform)
    decision = Decision.REVIEW if inverted_finding.decision is Decision.CERTAIN else inverted_finding.decision
    return replace(inverted_finding, decision=decision, dense=dense, reasons=(NEGATIVE, *inverted_finding.reasons))


def _find_best_alignment(
    found_picture: Features, registered: Features, nearest: HashMatch, matches: CachedMatches, works: int
) -> Measurement:
    """Return the most likely alignment, with the figures of its pieces."""
    weighing = shipped()
    measurements = [*measure_alignments(found_picture, registered, nearest, matches)] or [
        Measurement(compute_initial_figures(nearest, registered, matches), None, None)
    ]
    best = max(measurements, key=lambda way: weighing.related.odds(way.figures))
    if weighing.decide(best.figures, works).decision is Decision.CERTAIN:
        return best  # pieces could only add to it
    return add_pieces(found_picture, registered, matches, best)


def _decide(measurement: Measurement, found_picture: Features, registered: Features, works: int) -> _Finding:
    answers = shipped().decide(measurement.figures, works)
    if answers.decision is Decision.NONE:
        return _Finding(Decision.NONE, replace(measurement, pieces=()), answers)
    uses_pieces = bool(measurement.pieces) and _is_in_pieces(measurement.figures)
    dense: float | None = measurement.figures.dense
    if uses_pieces and measurement.pieces_fit is not None:
        best = replace(measurement, transform=measurement.pieces_fit.transform, fit=measurement.pieces_fit)
        dense = measurement.figures.pieces_dense
    else:
        best = replace(measurement, pieces=())
    if best.transform is None:
        best, dense = replace(best, transform=find_nearest_hash(found_picture, registered).transform), None
    if dense is None or registered.masked:  # the stated value includes masked areas
        dense = _dense_share(found_picture, registered, np.asarray(best.transform), *best.pieces)
    doubts = () if answers.decision is Decision.CERTAIN else _collect_doubts(measurement.figures)
    return _Finding(answers.decision, best, answers, ((PIECES,) if uses_pieces else ()) + doubts, dense)


def _is_in_pieces(figures: Figures) -> bool:
    """Return True if pieces describe the copy better than one transform."""
    return _share_in_place(figures) < HALF_PRECISE and (figures.pieces_dense or 0.0) > figures.dense


def _share_in_place(figures: Figures) -> float:
    """Return the share of patches in place, or 0 if displacements exceed the noise."""
    return figures.in_place or 0.0 if figures.excess is not None and figures.excess < NOISE else 0.0


def _share_in_pieces(figures: Figures) -> float:
    """Return the share of the registered picture in place piece by piece, or 0 if displacements exceed the noise."""
    if figures.pieces_excess is None or figures.pieces_excess >= PIECES_NOISE:
        return 0.0
    return (figures.cover or 0.0) * (figures.pieces_in_place or 0.0)


def _collect_doubts(figures: Figures) -> tuple[str, ...]:
    """Return why a pair is not certain, in terms of :data:`indexer.compare.wording.REASONS`."""
    dense = max(figures.dense, figures.pieces_dense or 0.0)
    precise = max(_share_in_place(figures), _share_in_pieces(figures)) >= HALF_PRECISE
    doubts = {
        HASH: figures.inliers < FEW_INLIERS and figures.agreeing < FEW_INLIERS and dense < WEAK_DENSE,
        "few-inliers": figures.inliers < FEW_INLIERS or (figures.patches or 0) < FEW_PATCHES,
        WEAK: dense < WEAK_DENSE,
        OVERLAY: min(figures.another or 0.0, figures.pieces_another or 1.0) >= ANOTHER_PICTURE,
        "imprecise": not precise,
    }
    return tuple(name for name, holds in doubts.items() if holds) or ("imprecise",)


def _apply_restrictions(finding: _Finding, found_picture: Features, registered: Features) -> _Finding:
    """Apply what no figure shows: marks that the owner's works share, and works whose parts others use."""
    transform = finding.measurement.transform
    if finding.decision is Decision.NONE or transform is None:
        return finding
    reasons = _uncertainty_reasons(registered)
    if finding.decision in {Decision.CERTAIN, Decision.REVIEW}:
        reasons = *reasons, *_find_shared_content(found_picture, registered, transform, finding.measurement.pieces)
    if registered.marked:
        pieces = finding.measurement.pieces
        beside = dense_agreement(found_picture, registered, transform, registered.masked, registered.marked, pieces)
        is_meaningful = beside.textured >= MIN_TEXTURED
        if is_meaningful and beside.share < UNLIKE_BESIDE:
            return replace(finding, decision=Decision.NONE, reasons=())
        if not is_meaningful or beside.share < BESIDE_MARKS:
            reasons = *reasons, MARK
    if not reasons:
        return finding
    decision = Decision.REVIEW if finding.decision is Decision.CERTAIN else finding.decision
    return replace(finding, decision=decision, reasons=tuple(dict.fromkeys((*reasons, *finding.reasons))))


def _find_shared_content(
    found_picture: Features, registered: Features, transform: NDArray[np.float64], pieces: Sequence[Piece]
) -> tuple[str, ...]:
    """Return a reason if the match may be something that strangers share: a panel, a background, part of a scene."""
    size = registered.info.width, registered.info.height
    panels = registered.panels if len(registered.panels) >= MIN_PANELS else ()
    within = panels if registered.inset is None else (registered.inset,)
    agreements = [dense_agreement(found_picture, registered, transform, surrounding_boxes(box, size)) for box in within]
    differs = (part.share < SAME_PANEL and part.textured >= MIN_TEXTURED for part in agreements)
    if (pieces and panels) or any(differs):
        return (COLLAGE,)
    if max(overlaps(to_matrix(transform), (found_picture.info.width, found_picture.info.height), size)) < SHARED_PART:
        return (OVERLAY,)
    agreeing, alike = agreeing_area(
        compare_windows(found_picture, registered, transform, registered.masked, pieces), registered
    )
    return (OVERLAY,) if agreeing < AGREEING_AREA and alike < ALIKE_AREA else ()


def _dense_share(
    found_picture: Features, registered: Features, transform: NDArray[np.float64], *pieces: Piece
) -> float:
    """Return the share of matching windows of the whole work, as stated and recomputed from sealed data."""
    agreement = dense_agreement(found_picture, registered, transform, pieces=pieces)
    return agreement.share if agreement.textured >= MIN_TEXTURED else 0.0


def _find_further_copies(
    found_picture: Features, registered: Features, first: _Finding, works: int
) -> tuple[NDArray[np.float64], ...]:
    """Return transforms of further copies of the work, from keypoints outside the known copies."""
    if first.decision not in {Decision.CERTAIN, Decision.REVIEW} or first.measurement.pieces:
        return ()
    assert first.measurement.transform is not None
    sizes = (found_picture.info.width, found_picture.info.height), (registered.info.width, registered.info.height)
    if overlaps(to_matrix(first.measurement.transform), *sizes)[1] > MAX_COVERED:
        return ()
    transforms, local = [first.measurement.transform], found_picture.local
    no_hash_match = HashMatch(NOT_COMPARED, 1, found_picture.box(""), registered.box(""))
    while len(transforms) < MAX_COPIES:
        local = local.exclude_inside(transforms[-1], sizes[1])
        remaining = _with_local_features(found_picture, local)
        measurements = [*measure_alignments(remaining, registered, no_hash_match, CachedMatches(remaining, registered))]
        further = [way for way in measurements if _is_copy(way, works)]
        if not further or further[0].transform is None:
            break
        transforms.append(further[0].transform)
    return tuple(transforms[1:])


def _is_copy(measurement: Measurement, works: int) -> bool:
    return shipped().decide(measurement.figures, works).decision in {Decision.CERTAIN, Decision.REVIEW}


def _with_local_features(found_picture: Features, local: LocalFeatures) -> Features:
    return replace(found_picture, later_local=Lazy(lambda: local))


def _to_verification(finding: _Finding, hamming: int, found_picture: Features, registered: Features) -> Examined:
    measurement, answers = finding.measurement, finding.answers
    figures = measurement.figures
    verification = Examined(
        decision=finding.decision,
        hamming=min(hamming, NOT_COMPARED),
        inliers=figures.agreeing if measurement.pieces else figures.inliers,
        dense=round(figures.dense if finding.dense is None else finding.dense, 4),
        transform=None,
        mirrored=False,
        rotation=0,
        overlap_work=0.0,
        overlap_picture=0.0,
        probability=None,
        pipeline=PIPELINE,
        reasons=finding.reasons,
        in_place=None if measurement.fit is None else round(measurement.fit.in_place, 4),
        drift=None if measurement.fit is None else round(measurement.fit.drift, 4),
        further=tuple(to_matrix(copy) for copy in finding.further),
        pieces=measurement.pieces,
        related=None if answers is None else _round(answers.related),
        exposure=None if answers is None else _round(answers.exposure),
        figures={} if answers is None else asdict(figures),
        limit=0.0 if answers is None else answers.limit,
        glance=False,
    )
    return (
        verification
        if measurement.transform is None
        else add_transform(verification, measurement.transform, found_picture, registered)
    )


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def add_transform(
    verification: AnyVerification, transform: NDArray[np.float64], found: Features, registered: Features
) -> AnyVerification:
    """Add a transform to a verification, with the values that follow from it: rotation, mirroring, overlaps."""
    sizes = (found.info.width, found.info.height), (registered.info.width, registered.info.height)
    work, picture = overlaps(transform, *sizes)
    rotation, mirrored = turn(transform, sizes[0])
    return replace(
        verification,
        transform=to_matrix(transform),
        mirrored=mirrored,
        rotation=rotation,
        overlap_work=round(work, 4),
        overlap_picture=round(picture, 4),
    )


def reweigh(verification: AnyVerification, works: int = 0) -> AnyVerification:
    """Replace the similarity among the figures by the stated one, if the figures are higher, and decide again.

    A picture within another may show a cropped work: of the whole work, which a verifier sees, less then matches. The
    stated odds must follow from the stated figures.

    Args:
        verification: The verification.
        works: Number of works among which the pair was named.

    Returns:
        The verification with consistent figures.
    """
    name = "pieces_dense" if verification.pieces else "dense"
    figure = verification.figures.get(name)
    is_excluded = (
        NEGATIVE in verification.reasons or verification.figures.get("hamming") == NOT_COMPARED
    )  # parts are masked, or are different ones
    if figure is None or figure <= verification.dense or is_excluded:
        return verification
    figures: dict[str, Any] = {**verification.figures, name: verification.dense}
    answers = shipped().decide(Figures(**figures), works)
    result = replace(verification, figures=figures, related=_round(answers.related), exposure=_round(answers.exposure))
    if answers.decision is Decision.NONE:
        return remove_match(result)
    return replace(
        result, decision=min(verification.decision, answers.decision, key=lambda decision: decision.sureness)
    )


def remove_match(verification: AnyVerification) -> AnyVerification:
    """Return a verification without any match."""
    result: AnyVerification = replace(
        verification, transform=None, overlap_work=0.0, overlap_picture=0.0, further=(), pieces=()
    )
    return replace(result, decision=Decision.NONE, reasons=())


def to_matrix(transform: NDArray[np.float64]) -> Matrix:
    """Convert a 3×3 transform to its stored form."""
    first, second, third = ((float(row[0]), float(row[1]), float(row[2])) for row in transform)
    return first, second, third
