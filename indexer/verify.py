"""The decision about one pair: hash, geometry and the dense check together; none of them decides alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exhibit.types import Decision, Matrix, Verification
from exhibit.warp import overlaps
from indexer.dense import dense_agreement, mean_difference
from indexer.features import Features
from indexer.fit import Fit, measure_fit
from indexer.geometry import Alignment, align, support
from indexer.orientation import alignment
from indexer.rules import Figures, decide
from indexer.spaces import PIPELINE

HASH_REACH = 90
"""Bits within which two hashes are worth laying the pictures onto each other as the hash says."""
NEAR_EXACT = 10
NEAR_EXACT_LEVELS = 6.0
PROMISING_DENSE = 0.25
"""Share of windows that agree from which the fit is measured: it costs ten times as much."""
LEAST_TEXTURED = 100
"""With fewer textured windows than these in the overlap, their agreement says nothing."""
NOT_COMPARED = 256


@dataclass(frozen=True, slots=True, eq=False)
class HashMatch:
    """The closest pair of hashes of two pictures.

    Attributes:
        hamming: bits.
        transform: 3×3, original found pixels to original registered pixels, as the hashes' orientation and trims say.
    """

    hamming: int
    transform: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Finding:
    decision: Decision
    inliers: int
    dense: float
    transform: NDArray[np.float64] | None
    reasons: tuple[str, ...] = ()
    fit: Fit | None = None


NOTHING = _Finding(Decision.NONE, 0, 0.0, None)


def verify(found: Features, registered: Features) -> Verification:
    """Compare a found picture with a registered one.

    Args:
        found: the picture that may be a copy.
        registered: the work's picture.

    Returns:
        The figures and the decision. ``certain``: the same bytes; or at least 12 distinct inliers, dense agreement of
        at least .5 and a precise fit; or hash and pixels that hardly differ. ``review`` where less speaks for it, and
        always where the work carries too little information; ``reasons`` says why.
    """
    nearest = nearest_hash(found, registered)
    if found.digest == registered.digest:
        finding = _same_bytes(registered)
    elif registered.low_information:
        finding = _low_information(found, registered, nearest)
    else:
        finding = _compare(found, registered, nearest)
    return _verification(finding, nearest.hamming, found, registered)


def nearest_hash(found: Features, registered: Features) -> HashMatch:
    """The closest pair among the found picture's variants and the registered picture's stored hashes."""
    best, variant, stored = NOT_COMPARED + 1, found.variants[0], ""
    for part, raw in registered.hashes.items():
        distances = np.bitwise_count(found.hash_variants ^ np.frombuffer(raw, np.uint8)).sum(axis=1)
        row = int(distances.argmin())
        if distances[row] < best:
            best, variant, stored = int(distances[row]), found.variants[row], part
    return HashMatch(best, alignment(variant.orientation, found.box(variant.part), registered.box(stored)))


def _same_bytes(registered: Features) -> _Finding:
    reasons = ("same-bytes", *(("low-information",) if registered.low_information else ()))
    decision = Decision.REVIEW if registered.low_information else Decision.CERTAIN
    return _Finding(decision, len(registered.local), 1.0, np.eye(3), reasons)


def _low_information(found: Features, registered: Features, nearest: HashMatch) -> _Finding:
    """Flat pictures and pages of text look alike to every measure: only near-exact copies are shown, to a person."""
    if nearest.hamming > NEAR_EXACT or mean_difference(found, registered, nearest.transform) > NEAR_EXACT_LEVELS:
        return NOTHING
    dense = dense_agreement(found, registered, nearest.transform).share
    return _Finding(Decision.REVIEW, 0, dense, nearest.transform, ("low-information",))


def _compare(found: Features, registered: Features, nearest: HashMatch) -> _Finding:
    """Lay the pictures onto each other as local features say and, if that leaves a doubt, as the hash says."""
    geometric = align(found, registered)
    findings = [NOTHING if geometric is None else _judged(found, registered, geometric, nearest.hamming)]
    if nearest.hamming <= HASH_REACH and findings[0].decision is not Decision.CERTAIN:
        by_hash = support(found, registered, nearest.transform)
        findings.append(_judged(found, registered, by_hash, nearest.hamming))
    order = [Decision.NONE, Decision.REVIEW, Decision.CERTAIN]
    return max(findings, key=lambda finding: (order.index(finding.decision), finding.dense))


def _judged(found: Features, registered: Features, laid: Alignment, hamming: int) -> _Finding:
    dense = _dense(found, registered, laid.transform)
    if dense < PROMISING_DENSE:
        return _Finding(Decision.NONE, laid.inliers, dense, laid.transform)
    fit = measure_fit(found, registered, laid.transform)
    dense = _dense(found, registered, fit.transform)
    figures = Figures(hamming, laid.inliers, laid.share, dense, fit.patches, fit.in_place, fit.drift)
    decision, reasons = decide(figures)
    return _Finding(decision, laid.inliers, dense, fit.transform, reasons, fit)


def _dense(found: Features, registered: Features, transform: NDArray[np.float64]) -> float:
    agreement = dense_agreement(found, registered, transform)
    return agreement.share if agreement.textured >= LEAST_TEXTURED else 0.0


def _verification(finding: _Finding, hamming: int, found: Features, registered: Features) -> Verification:
    transform = finding.transform
    work, picture, rotation, mirrored = 0.0, 0.0, 0, False
    if transform is not None:
        sizes = (found.info.width, found.info.height), (registered.info.width, registered.info.height)
        work, picture = overlaps(_matrix(transform), *sizes)
        rotation, mirrored = _turn(transform, sizes[0])
    return Verification(
        decision=finding.decision,
        hamming=min(hamming, NOT_COMPARED),
        inliers=finding.inliers,
        dense=round(finding.dense, 4),
        transform=None if transform is None else _matrix(transform),
        mirrored=mirrored,
        rotation=rotation,
        overlap_work=round(work, 4),
        overlap_picture=round(picture, 4),
        probability=None,
        pipeline=PIPELINE,
        reasons=finding.reasons,
        in_place=None if finding.fit is None else round(finding.fit.in_place, 4),
        drift=None if finding.fit is None else round(finding.fit.drift, 4),
    )


def _turn(transform: NDArray[np.float64], size: tuple[int, int]) -> tuple[int, bool]:
    """Degrees by which the found picture was turned counter-clockwise, after mirroring, and whether it was mirrored."""
    weight = transform[2] @ np.array([size[0] / 2, size[1] / 2, 1])
    middle = transform @ np.array([size[0] / 2, size[1] / 2, 1]) / weight
    slopes = (transform[:2, :2] - np.outer(middle[:2], transform[2, :2])) / weight
    mirrored = bool(np.linalg.det(slopes) < 0)
    made = np.linalg.inv(slopes) @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    degrees = round(float(np.degrees(np.arctan2(-made[1, 0], made[0, 0]))))
    return (180 if degrees == -180 else degrees), mirrored


def _matrix(transform: NDArray[np.float64]) -> Matrix:
    first, second, third = ((float(row[0]), float(row[1]), float(row[2])) for row in transform)
    return first, second, third
