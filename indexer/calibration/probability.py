"""Calibration fit: a logistic model on the measurements of pairs, then an isotonic one on other photographs."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exhibit.comparison.calibration import FIGURES, Bound, Calibration, figures, is_measurable
from exhibit.errors import WrongUseError
from exhibit.types import Decision, Verification

PRIOR = 0.5
MIN_PHOTOGRAPHS = 20
"""Fewer photographs are useless: with 20 and no false alarm, the bound is 140,000 in a million."""
RIDGE = 1.0
"""Penalty on the squared weights, equivalent to one contrary photograph: measurements that separate copies perfectly
would otherwise have no finite weights."""
NEWTON_STEPS = 50

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """A measured pair, with its true kind."""

    photograph: str  # identity of the photograph that was edited or searched for; splits are by this
    copy: bool  # whether the pair is one picture and a copy of it
    kind: str  # origin of the pair, such as `nearest` or the name of an edit
    verification: Verification
    files: tuple[str, ...] = ()  # compared files, for readers: two paths, or one that was edited


def fit(samples: Sequence[Sample], *, name: str, date: str, data: str, bounds: tuple[Bound, Bound]) -> Calibration:
    """Fit weights on one half of the photographs, and knots on the other.

    Every photograph has the same weight, however many of its edits were measured; copies and others have the total
    weights
    of the prior.

    Args:
        samples: Measured pairs.
        name: Name of the calibration.
        date: Day, ISO 8601.
        data: Description of the photographs.
        bounds: Bounds on false alarms of the decisions ``certain`` and ``review``.

    Returns:
        The calibration.

    Raises:
        WrongUseError: There are too few photographs, or all pairs are of one kind.
    """
    samples = [sample for sample in samples if is_measurable(sample.verification)]
    photographs = {sample.photograph for sample in samples}
    halves = [[sample for sample in samples if _half(sample.photograph) == half] for half in (0, 1)]
    if len(photographs) < MIN_PHOTOGRAPHS or any({sample.copy for sample in half} != {True, False} for half in halves):
        raise WrongUseError(
            f"{len(photographs)} photographs don't suffice for a calibration.",
            hint=f"At least {MIN_PHOTOGRAPHS} different ones are needed; some thousand make a useful one.",
        )
    names = tuple(FIGURES)
    coefficients = logistic(_matrix(halves[0], names), _copy_flags(halves[0]), _weights(halves[0]))
    weights, intercept = tuple(round(float(weight), 6) for weight in coefficients[1:]), round(float(coefficients[0]), 6)
    scores = intercept + _matrix(halves[1], names) @ np.asarray(weights)
    return Calibration(
        name=name,
        made=date,
        pipeline=samples[0].verification.pipeline,
        data=data,
        photographs=len(photographs),
        prior=PRIOR,
        figures=names,
        weights=weights,
        intercept=intercept,
        knots=_knots(scores, halves[1]),
        certain=bounds[0],
        review=bounds[1],
    )


def false_alarms(samples: Sequence[Sample], decision: Decision, photographs: int) -> Bound:
    """Return the number of photographs for which another picture got this decision."""
    failed = {sample.photograph for sample in samples if not sample.copy and sample.verification.decision is decision}
    return Bound(photographs, len(failed))


def logistic(rows: Floats, outcomes: Floats, weights: Floats) -> Floats:
    """Weighted logistic regression with a ridge, by Newton's method (iteratively reweighted least squares).

    P. McCullagh, J. A. Nelder, "Generalized Linear Models", 1989, chapter 4. For rows of shape (n, figures) and
    outcomes 0
    or 1, returns the intercept, which is not penalised, and the weight of each figure.
    """
    design = np.column_stack([np.ones(len(rows)), rows])
    ridge = np.diag([0.0] + [RIDGE] * rows.shape[1])
    coefficients = np.zeros(design.shape[1])
    for _ in range(NEWTON_STEPS):
        expected = 1 / (1 + np.exp(-np.clip(design @ coefficients, -30, 30)))
        gradient = design.T @ (weights * (outcomes - expected)) - ridge @ coefficients
        curvature = (design * (weights * expected * (1 - expected))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature + 1e-9 * np.eye(len(coefficients)), gradient)
        coefficients += step
        if np.abs(step).max() < 1e-9:
            break
    return coefficients


def _knots(scores: Floats, samples: Sequence[Sample]) -> tuple[tuple[float, float], ...]:
    """Return the ends of the steps of the isotonic fit, limited to what the number of photographs supports."""
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - slow to load, and rarely needed

    outcomes, weights = _copy_flags(samples), _weights(samples)
    distinct, place = np.unique(np.round(scores, 6), return_inverse=True)
    totals = np.asarray(np.bincount(place, weights), np.float64)
    fitted = isotonic_regression(np.bincount(place, weights * outcomes) / totals, weights=totals).x
    low, high = _probability_limits(samples)
    values = np.round(np.clip(fitted, low, high), 6)
    inner = np.flatnonzero(np.diff(values) != 0)
    ends = sorted({0, len(values) - 1, *inner.tolist(), *(inner + 1).tolist()})
    return tuple((float(distinct[end]), float(values[end])) for end in ends)


def _probability_limits(samples: Sequence[Sample]) -> tuple[float, float]:
    """Return the lowest and highest probability that the photographs support, by Laplace's rule of succession."""
    copy_count = len({sample.photograph for sample in samples if sample.copy})
    other_count = len({sample.photograph for sample in samples if not sample.copy})
    return 1 / (copy_count + 2), 1 - 1 / (other_count + 2)


def _matrix(samples: Sequence[Sample], names: Sequence[str]) -> Floats:
    return np.array([figures(sample.verification, names) for sample in samples], np.float64)


def _copy_flags(samples: Sequence[Sample]) -> Floats:
    return np.array([sample.copy for sample in samples], np.float64)


def _weights(samples: Sequence[Sample]) -> Floats:
    """Weight photographs equally among copies and among others; the weights add up to the number of photographs."""
    of_photograph = Counter((sample.copy, sample.photograph) for sample in samples)
    photographs = Counter(copy for copy, _ in of_photograph)
    share = {True: PRIOR, False: 1 - PRIOR}
    total = len({sample.photograph for sample in samples})
    return np.array(
        [
            total * share[sample.copy] / photographs[sample.copy] / of_photograph[sample.copy, sample.photograph]
            for sample in samples
        ]
    )


def _half(photograph: str) -> int:
    """Return the half of the split to which a photograph belongs, the same on every machine."""
    return hashlib.sha256(photograph.encode()).digest()[0] & 1
