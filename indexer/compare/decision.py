"""Decision about one pair of pictures: takes all measurements, and computes the odds for two questions.

No measurement decides alone (:mod:`indexer.compare.odds_model`). Some circumstances do not show in any measurement, and
are added as reasons for a review: the work is a page or a collage, whose parts others use as well; only a mark matches
that other works of the owner carry, too; the picture is a negative. Exposures of one scene are distinguished later,
with the other works of the owner (``indexer.search.series``).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from exhibit.comparison.odds import MAX_COPIES, OTHER_PICTURE_FRACTION, UNCOMPARED_DISTANCE
from exhibit.comparison.warp import compute_overlaps, measure_rotation
from exhibit.types import Decision, Matrix, Piece, Verification
from indexer.compare.dense import (
    compare_windows,
    compute_agreeing_area,
    compute_dense_agreement,
    compute_mean_difference,
)
from indexer.compare.figures import (
    MAX_HASH_DISTANCE,
    MIN_TEXTURED_WINDOWS,
    Figures,
    Measurement,
    add_pieces,
    compute_initial_figures,
    measure_alignments,
)
from indexer.compare.geometry import CachedMatches
from indexer.compare.nearest_hash import HashMatch, find_nearest_hash
from indexer.compare.odds_model import PairOdds, load_shipped_model
from indexer.layout.information import COMPOSITION_REASONS
from indexer.layout.masks import list_surrounding_boxes
from indexer.layout.pages import COLLAGE, MIN_PANELS
from indexer.picture.features import Features, Lazy, invert_features
from indexer.picture.local_features import LocalFeatures
from indexer.picture.spaces import PIPELINE

LOW_INFORMATION, NEGATIVE, PIECES, HASH_ONLY, MARK_ONLY = "low-information", "negative", "pieces", "hash", "mark"
PLAIN_WORK = "plain"
SHARED_OVERLAY, WEAK_AGREEMENT, FEW_DETAILS = "shared-overlay", "weak-agreement", "few-inliers"
NEAR_EXACT_BITS, NEAR_EXACT_LEVELS = 10, 6.0
"""Maximum differences from a flat work: bits of the hash, and mean difference in grey levels."""
MIN_INLIERS, MIN_DENSE_AGREEMENT, MIN_PATCHES, MIN_PRECISE_FRACTION = 12, 0.5, 40, 0.5
"""Limits below which a reason is reported: matching keypoints, fraction of windows, textured patches, and fraction of
these in place."""
MAX_NOISE_RATIO, MAX_PIECES_NOISE_RATIO = 2.5, 1.5
"""Maximum ratio of the median patch displacement to its noise for patches in place, for the whole and for pieces."""
MIN_AGREEMENT_BESIDE_MARKS, MAX_UNRELATED_BESIDE_MARKS = 0.75, 0.45
"""Fraction of matching windows outside marks above which the marks are irrelevant, and below which only the marks
match: unrelated pictures with the same mark reached .53, and copies without the mark started at .51."""
MIN_PANEL_AGREEMENT = 0.4
"""Minimum fraction of matching windows in each panel; it was at most .3 for five sheets with one different panel."""
MIN_AGREEING_AREA, MIN_ALIKE_AREA = 0.35, 0.8
"""Minimum fraction of the overlap that matches. Below it, this fraction must match or be equally bright: products in
front of white walls reach .39, and one emblem in front of two walls .7."""
MIN_SHARED_FRACTION = 0.4
"""Fraction of both pictures below which the matching part may be the background of two scenes: two garments on one
floor reached .27, two cars on one track .2; of 2,142 edited copies that are certain, none was below .49."""
MIN_CERTAIN_DETAILS, MIN_CERTAIN_DENSE, MAX_CERTAIN_HASH = 50, 0.8, 100
"""A certain match has this many matching details, this fraction of matching windows, or a hash within this distance.
Photographs of the night sky by different people show the same stars: of 31,405 photographs, 16 pairs of them would be
certain without this rule, with at most 45 details, .76 of the windows and hashes of 104 bits or more. Of 2,803 certain
copies, 40 are for review because of it."""
MIN_RELATED_DETAILS, MAX_RELATED_HASH = 4, 80
"""Minimum matching details of a related pair, or maximum distance of its hashes: without either, only coarse brightness
agrees, as between portraits. None of 3,496 copies is lost, and 11 of 594 related photographs of the same scene."""
MAX_COVERED_FRACTION = 0.7
"""Fraction of the found picture covered by one copy above which no further copy is searched for."""


@dataclass(frozen=True, slots=True)
class DetailedVerification(Verification):
    """Verification with details that explain the decision and are not stored."""

    limit: float = 0.0  # log odds from which a picture is related to a work


@dataclass(frozen=True, slots=True, eq=False)
class _PairResult:
    decision: Decision
    measurement: Measurement
    odds: PairOdds | None = None
    reasons: tuple[str, ...] = ()
    dense: float | None = None  # reported value, if it differs from the measurement
    further: tuple[NDArray[np.float64], ...] = ()


AnyVerification = TypeVar("AnyVerification", bound=Verification)


def verify(found_picture: Features, registered_picture: Features, works: int = 0) -> DetailedVerification:
    """Compare a found picture with a registered one and decide.

    Identical bytes are ``certain`` as well. The decision is never ``certain`` if the work is flat, a page or a collage,
    if only its mark matches, or for a negative; ``reasons`` states why.

    Args:
        found_picture: The found picture.
        registered_picture: The registered picture.
        works: Number of works among which the pair was found.

    Returns:
        The verification.
    """
    nearest = find_nearest_hash(found_picture, registered_picture)
    if found_picture.digest == registered_picture.digest:
        finding = _create_identical_result(registered_picture)
    elif registered_picture.is_flat:
        finding = _compare_flat_work(found_picture, registered_picture, nearest)
    else:
        finding = _compare_pair(found_picture, registered_picture, nearest, works)
        finding = replace(finding, further=_find_further_copies(found_picture, registered_picture, finding, works))
    if finding.decision is not Decision.NONE and registered_picture.plain_reasons and not registered_picture.is_flat:
        finding = replace(finding, reasons=(*finding.reasons, PLAIN_WORK))
    return _to_verification(finding, nearest.hamming, found_picture, registered_picture)


def _create_identical_result(registered_picture: Features) -> _PairResult:
    figures = Figures(0, inliers=len(registered_picture.local), dense=1.0)
    reasons = _get_uncertainty_reasons(registered_picture)
    return _PairResult(
        Decision.REVIEW if reasons else Decision.CERTAIN,
        Measurement(figures, np.eye(3), None),
        None,
        ("same-bytes", *reasons),
    )


def _compare_flat_work(found_picture: Features, registered_picture: Features, nearest: HashMatch) -> _PairResult:
    """Compare with a flat work. All measurements of flat pictures agree, so only near-exact copies are for review."""
    figures = Figures(min(nearest.hamming, UNCOMPARED_DISTANCE))
    if (
        nearest.hamming > NEAR_EXACT_BITS
        or compute_mean_difference(found_picture, registered_picture, nearest.transform) > NEAR_EXACT_LEVELS
    ):
        return _PairResult(Decision.NONE, Measurement(figures, None, None))
    dense = compute_dense_agreement(found_picture, registered_picture, nearest.transform).fraction
    measurement = Measurement(replace(figures, dense=dense), nearest.transform, None)
    return _PairResult(Decision.REVIEW, measurement, None, _get_uncertainty_reasons(registered_picture))


def _get_uncertainty_reasons(registered_picture: Features) -> tuple[str, ...]:
    """Return the reasons for which no match of this work is certain."""
    if registered_picture.is_flat:
        return (LOW_INFORMATION,)
    return tuple(reason for reason in registered_picture.low_information if reason in COMPOSITION_REASONS)


def _compare_pair(found_picture: Features, registered_picture: Features, nearest: HashMatch, works: int) -> _PairResult:
    """Measure a pair as a whole, in pieces if the result is not certain, and as a negative if there is no match."""
    matches = CachedMatches(found_picture, registered_picture)
    best = _find_best_alignment(found_picture, registered_picture, nearest, matches, works)
    finding = _apply_restrictions(
        _decide(best, found_picture, registered_picture, works), found_picture, registered_picture
    )
    if finding.decision is not Decision.NONE or found_picture.is_icon:
        return finding
    inverted = invert_features(found_picture)
    inverted_nearest = find_nearest_hash(inverted, registered_picture)
    if inverted_nearest.hamming > MAX_HASH_DISTANCE:
        return finding
    measurement = _find_best_alignment(
        inverted, registered_picture, inverted_nearest, CachedMatches(inverted, registered_picture), works
    )
    inverted_finding = _apply_restrictions(
        _decide(measurement, inverted, registered_picture, works), inverted, registered_picture
    )
    if inverted_finding.decision is Decision.NONE or inverted_finding.measurement.transform is None:
        return finding
    dense = _compute_dense_fraction(found_picture, registered_picture, inverted_finding.measurement.transform)
    decision = Decision.REVIEW if inverted_finding.decision is Decision.CERTAIN else inverted_finding.decision
    return replace(inverted_finding, decision=decision, dense=dense, reasons=(NEGATIVE, *inverted_finding.reasons))


def _find_best_alignment(
    found_picture: Features, registered_picture: Features, nearest: HashMatch, matches: CachedMatches, works: int
) -> Measurement:
    """Return the most likely alignment, with the measurements of its pieces."""
    odds_model = load_shipped_model()
    measurements = [*measure_alignments(found_picture, registered_picture, nearest, matches)] or [
        Measurement(compute_initial_figures(nearest, registered_picture, matches), None, None)
    ]
    best_measurement = max(
        measurements, key=lambda measurement: odds_model.related.compute_log_odds(measurement.figures)
    )
    if odds_model.compute_odds(best_measurement.figures, works).decision is Decision.CERTAIN:
        return best_measurement  # pieces can only raise the odds
    return add_pieces(found_picture, registered_picture, matches, best_measurement)


def _decide(measurement: Measurement, found_picture: Features, registered_picture: Features, works: int) -> _PairResult:
    odds = load_shipped_model().compute_odds(measurement.figures, works)
    if odds.decision is Decision.NONE or (odds.decision is Decision.RELATED and not _has_evidence(measurement.figures)):
        return _PairResult(Decision.NONE, replace(measurement, pieces=()), odds)
    uses_pieces = bool(measurement.pieces) and _is_in_pieces(measurement.figures)
    dense: float | None = measurement.figures.dense
    if uses_pieces and measurement.pieces_fit is not None:
        best_measurement = replace(measurement, transform=measurement.pieces_fit.transform, fit=measurement.pieces_fit)
        dense = measurement.figures.pieces_dense
    else:
        best_measurement = replace(measurement, pieces=())
    if best_measurement.transform is None:
        best_measurement, dense = (
            replace(best_measurement, transform=find_nearest_hash(found_picture, registered_picture).transform),
            None,
        )
    if dense is None or registered_picture.masked_boxes:  # the reported value includes masked areas
        dense = _compute_dense_fraction(
            found_picture, registered_picture, np.asarray(best_measurement.transform), *best_measurement.pieces
        )
    doubts = () if odds.decision is Decision.CERTAIN else _collect_doubts(measurement.figures)
    return _PairResult(odds.decision, best_measurement, odds, ((PIECES,) if uses_pieces else ()) + doubts, dense)


def _has_evidence(figures: Figures) -> bool:
    """Return True if details or hashes agree, so that a person can see why the pictures are related."""
    return max(figures.inliers, figures.agreeing) >= MIN_RELATED_DETAILS or figures.hamming <= MAX_RELATED_HASH


def _has_ample_evidence(finding: _PairResult) -> bool:
    """Return True if a certain match does not depend on the positions of a few details alone."""
    figures = finding.measurement.figures
    dense = figures.dense if finding.dense is None else finding.dense
    return (
        max(figures.inliers, figures.agreeing) >= MIN_CERTAIN_DETAILS
        or dense >= MIN_CERTAIN_DENSE
        or figures.hamming < MAX_CERTAIN_HASH
    )


def _is_in_pieces(figures: Figures) -> bool:
    """Return True if pieces fit the copy better than a single transform."""
    return _compute_fraction_in_place(figures) < MIN_PRECISE_FRACTION and (figures.pieces_dense or 0.0) > figures.dense


def _compute_fraction_in_place(figures: Figures) -> float:
    """Return the fraction of patches in place, or 0 if displacements exceed the noise."""
    return figures.in_place or 0.0 if figures.excess is not None and figures.excess < MAX_NOISE_RATIO else 0.0


def _compute_fraction_in_pieces(figures: Figures) -> float:
    """Return the fraction of the registered picture in place piece by piece, or 0 if displacements exceed the noise."""
    if figures.pieces_excess is None or figures.pieces_excess >= MAX_PIECES_NOISE_RATIO:
        return 0.0
    return (figures.cover or 0.0) * (figures.pieces_in_place or 0.0)


def _collect_doubts(figures: Figures) -> tuple[str, ...]:
    """Return the reasons why a pair is not certain, as keys of :data:`indexer.compare.wording.REASONS`."""
    dense = max(figures.dense, figures.pieces_dense or 0.0)
    precise = max(_compute_fraction_in_place(figures), _compute_fraction_in_pieces(figures)) >= MIN_PRECISE_FRACTION
    doubts = {
        HASH_ONLY: figures.inliers < MIN_INLIERS and figures.agreeing < MIN_INLIERS and dense < MIN_DENSE_AGREEMENT,
        FEW_DETAILS: figures.inliers < MIN_INLIERS or (figures.patches or 0) < MIN_PATCHES,
        WEAK_AGREEMENT: dense < MIN_DENSE_AGREEMENT,
        SHARED_OVERLAY: min(figures.another or 0.0, figures.pieces_another or 1.0) >= OTHER_PICTURE_FRACTION,
        "imprecise": not precise,
    }
    return tuple(name for name, applies in doubts.items() if applies) or ("imprecise",)


def _apply_restrictions(finding: _PairResult, found_picture: Features, registered_picture: Features) -> _PairResult:
    """Apply restrictions that no measurement shows: marks that the owner's works share, and parts that others use."""
    transform = finding.measurement.transform
    if finding.decision is Decision.NONE or transform is None:
        return finding
    reasons = _get_uncertainty_reasons(registered_picture)
    if finding.decision in {Decision.CERTAIN, Decision.REVIEW}:
        reasons = (
            *reasons,
            *_find_shared_content(found_picture, registered_picture, transform, finding.measurement.pieces),
        )
    if finding.decision is Decision.CERTAIN and not _has_ample_evidence(finding):
        reasons = (*reasons, FEW_DETAILS)
    if registered_picture.marked:
        pieces = finding.measurement.pieces
        agreement = compute_dense_agreement(
            found_picture,
            registered_picture,
            transform,
            registered_picture.masked_boxes,
            registered_picture.marked,
            pieces,
        )
        is_meaningful = agreement.textured_count >= MIN_TEXTURED_WINDOWS
        if is_meaningful and agreement.fraction < MAX_UNRELATED_BESIDE_MARKS:
            return replace(finding, decision=Decision.NONE, reasons=())
        if not is_meaningful or agreement.fraction < MIN_AGREEMENT_BESIDE_MARKS:
            reasons = *reasons, MARK_ONLY
    if not reasons:
        return finding
    decision = Decision.REVIEW if finding.decision is Decision.CERTAIN else finding.decision
    return replace(finding, decision=decision, reasons=tuple(dict.fromkeys((*reasons, *finding.reasons))))


def _find_shared_content(
    found_picture: Features, registered_picture: Features, transform: NDArray[np.float64], pieces: Sequence[Piece]
) -> tuple[str, ...]:
    """Return a reason if the matching part may occur in unrelated pictures: a panel, a background, part of a scene."""
    size = registered_picture.info.width, registered_picture.info.height
    panels = registered_picture.panels if len(registered_picture.panels) >= MIN_PANELS else ()
    boxes = panels if registered_picture.inset is None else (registered_picture.inset,)
    agreements = [
        compute_dense_agreement(found_picture, registered_picture, transform, list_surrounding_boxes(box, size))
        for box in boxes
    ]
    differs = (
        part.fraction < MIN_PANEL_AGREEMENT and part.textured_count >= MIN_TEXTURED_WINDOWS for part in agreements
    )
    if (pieces and panels) or any(differs):
        return (COLLAGE,)
    if (
        max(compute_overlaps(to_matrix(transform), (found_picture.info.width, found_picture.info.height), size))
        < MIN_SHARED_FRACTION
    ):
        return (SHARED_OVERLAY,)
    agreeing, alike = compute_agreeing_area(
        compare_windows(found_picture, registered_picture, transform, registered_picture.masked_boxes, pieces),
        registered_picture,
    )
    return (SHARED_OVERLAY,) if agreeing < MIN_AGREEING_AREA and alike < MIN_ALIKE_AREA else ()


def _compute_dense_fraction(
    found_picture: Features, registered_picture: Features, transform: NDArray[np.float64], *pieces: Piece
) -> float:
    """Return the fraction of matching windows of the whole work, which is sealed and which verifiers recompute."""
    agreement = compute_dense_agreement(found_picture, registered_picture, transform, pieces=pieces)
    return agreement.fraction if agreement.textured_count >= MIN_TEXTURED_WINDOWS else 0.0


def _find_further_copies(
    found_picture: Features, registered_picture: Features, first_result: _PairResult, works: int
) -> tuple[NDArray[np.float64], ...]:
    """Find further copies of the work with the keypoints outside the known copies; return their transforms."""
    if first_result.decision not in {Decision.CERTAIN, Decision.REVIEW} or first_result.measurement.pieces:
        return ()
    assert first_result.measurement.transform is not None
    sizes = (
        (found_picture.info.width, found_picture.info.height),
        (registered_picture.info.width, registered_picture.info.height),
    )
    if compute_overlaps(to_matrix(first_result.measurement.transform), *sizes)[1] > MAX_COVERED_FRACTION:
        return ()
    transforms, local = [first_result.measurement.transform], found_picture.local
    no_hash_match = HashMatch(UNCOMPARED_DISTANCE, 1, found_picture.box(""), registered_picture.box(""))
    while len(transforms) < MAX_COPIES:
        local = local.exclude_inside(transforms[-1], sizes[1])
        remaining = _replace_local_features(found_picture, local)
        measurements = [
            *measure_alignments(
                remaining, registered_picture, no_hash_match, CachedMatches(remaining, registered_picture)
            )
        ]
        further_copies = [measurement for measurement in measurements if _is_copy(measurement, works)]
        if not further_copies or further_copies[0].transform is None:
            break
        transforms.append(further_copies[0].transform)
    return tuple(transforms[1:])


def _is_copy(measurement: Measurement, works: int) -> bool:
    return load_shipped_model().compute_odds(measurement.figures, works).decision in {Decision.CERTAIN, Decision.REVIEW}


def _replace_local_features(found_picture: Features, local: LocalFeatures) -> Features:
    return replace(found_picture, lazy_local=Lazy(lambda: local))


def _to_verification(
    finding: _PairResult, hamming: int, found_picture: Features, registered_picture: Features
) -> DetailedVerification:
    measurement, odds = finding.measurement, finding.odds
    figures = measurement.figures
    verification = DetailedVerification(
        decision=finding.decision,
        hamming=min(hamming, UNCOMPARED_DISTANCE),
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
        related=None if odds is None else _round(odds.related),
        exposure=None if odds is None else _round(odds.exposure),
        figures={} if odds is None else asdict(figures),
        limit=0.0 if odds is None else odds.limit,
    )
    return (
        verification
        if measurement.transform is None
        else add_transform(verification, measurement.transform, found_picture, registered_picture)
    )


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def add_transform(
    verification: AnyVerification, transform: NDArray[np.float64], found_picture: Features, registered_picture: Features
) -> AnyVerification:
    """Add a transform to a verification, and the values derived from it: rotation, mirroring, overlaps."""
    sizes = (
        (found_picture.info.width, found_picture.info.height),
        (registered_picture.info.width, registered_picture.info.height),
    )
    work, picture = compute_overlaps(transform, *sizes)
    rotation, mirrored = measure_rotation(transform, sizes[0])
    return replace(
        verification,
        transform=to_matrix(transform),
        mirrored=mirrored,
        rotation=rotation,
        overlap_work=round(work, 4),
        overlap_picture=round(picture, 4),
    )


def recompute_odds(verification: AnyVerification, works: int = 0) -> AnyVerification:
    """Replace the measured similarity by the reported one if that is lower, and decide again.

    A picture within another may show a cropped work. Verifiers compare the whole work, of which less matches. The
    reported odds must follow from the reported measurements.

    Args:
        verification: The verification.
        works: Number of works among which the pair was found.

    Returns:
        The verification with consistent measurements.
    """
    name = "pieces_dense" if verification.pieces else "dense"
    measured_value = verification.figures.get(name)
    # Parts are masked, or the measurements refer to other parts
    is_excluded = NEGATIVE in verification.reasons or verification.figures.get("hamming") == UNCOMPARED_DISTANCE
    if measured_value is None or measured_value <= verification.dense or is_excluded:
        return verification
    figures: dict[str, Any] = {**verification.figures, name: verification.dense}
    odds = load_shipped_model().compute_odds(Figures(**figures), works)
    result = replace(verification, figures=figures, related=_round(odds.related), exposure=_round(odds.exposure))
    if odds.decision is Decision.NONE:
        return remove_match(result)
    return replace(result, decision=min(verification.decision, odds.decision, key=lambda decision: decision.rank))


def withhold_unreliable_alignment(verification: AnyVerification) -> AnyVerification:
    """Remove the alignment of related pictures unless details or pixels confirm it: its areas and angles mean nothing.

    The fraction of agreeing pixels stays, because the odds were computed with it.
    """
    is_reliable = (
        bool(verification.pieces) or verification.inliers >= MIN_INLIERS or verification.dense >= MIN_DENSE_AGREEMENT
    )
    if verification.decision is not Decision.RELATED or is_reliable or verification.transform is None:
        return verification
    unaligned: AnyVerification = replace(
        verification,
        transform=None,
        mirrored=False,
        rotation=0,
        overlap_work=0.0,
        overlap_picture=0.0,
        further=(),
    )
    return unaligned


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
