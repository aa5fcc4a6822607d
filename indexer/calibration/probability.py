"""Fit of a calibration: logistic regression on one half of the photographs, isotonic regression on the other half."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exhibit.comparison.calibration import (
    MEASUREMENT_FUNCTIONS,
    Calibration,
    FalseAlarmBound,
    get_measurements,
    is_calibrated,
)
from exhibit.errors import InvalidRequestError
from exhibit.types import Decision, Verification

PRIOR = 0.5
MIN_PHOTOGRAPHS = 20
"""Minimum number of photographs: with 20 and no false alarm, the bound is already as high as 140,000 in a million."""
RIDGE = 1.0
"""Penalty on the squared weights, equivalent to one contrary photograph: measurements that separate copies perfectly
would otherwise have no finite weights."""
NEWTON_STEPS = 50

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Measured pair with the correct answer, copy or not."""

    photograph: str  # identity of the photograph that was edited or searched for; the data is split by it
    copy: bool  # whether the pair is a picture and its copy
    kind: str  # origin of the pair, such as `nearest` or the name of an edit
    verification: Verification
    files: tuple[str, ...] = ()  # compared files, for display: two paths, or the path of the edited file


def fit(
    samples: Sequence[Sample], *, name: str, date: str, data: str, bounds: tuple[FalseAlarmBound, FalseAlarmBound]
) -> Calibration:
    """Fit the weights on one half of the photographs, and the knots on the other.

    Every photograph has the same weight, however many of its edits were measured. The total weights of copies and of
    other pairs follow the prior.

    Args:
        samples: Measured pairs.
        name: Name of the calibration.
        date: Day, ISO 8601.
        data: Description of the photographs.
        bounds: Bounds on false alarms of the decisions ``certain`` and ``review``.

    Returns:
        The calibration.

    Raises:
        InvalidRequestError: There are too few photographs, or the samples are all copies or all other pairs.
    """
    samples = [sample for sample in samples if is_calibrated(sample.verification)]
    photographs = {sample.photograph for sample in samples}
    halves = [[sample for sample in samples if _select_half(sample.photograph) == half] for half in (0, 1)]
    if len(photographs) < MIN_PHOTOGRAPHS or any({sample.copy for sample in half} != {True, False} for half in halves):
        raise InvalidRequestError(
            f"{len(photographs)} photographs are not enough for a calibration.",
            hint=f"At least {MIN_PHOTOGRAPHS} different photographs are required. Use several thousand.",
        )
    names = tuple(MEASUREMENT_FUNCTIONS)
    coefficients = fit_logistic_regression(
        _build_matrix(halves[0], names), _get_copy_flags(halves[0]), _compute_weights(halves[0])
    )
    weights, intercept = tuple(round(float(weight), 6) for weight in coefficients[1:]), round(float(coefficients[0]), 6)
    scores = intercept + _build_matrix(halves[1], names) @ np.asarray(weights)
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
        knots=_compute_knots(scores, halves[1]),
        certain=bounds[0],
        review=bounds[1],
    )


def count_false_alarms(samples: Sequence[Sample], decision: Decision, photographs: int) -> FalseAlarmBound:
    """Count the photographs for which another picture received this decision."""
    failed_photographs = {
        sample.photograph for sample in samples if not sample.copy and sample.verification.decision is decision
    }
    return FalseAlarmBound(photographs, len(failed_photographs))


def fit_logistic_regression(rows: Floats, outcomes: Floats, weights: Floats) -> Floats:
    """Fit a weighted logistic regression with a ridge penalty by Newton's method.

    Iteratively reweighted least squares: P. McCullagh, J. A. Nelder, "Generalized Linear Models", 1989, chapter 4.

    Args:
        rows: Measurements, shape (n, terms).
        outcomes: 0 or 1 for each row.
        weights: Weight of each row.

    Returns:
        The intercept, which is not penalised, followed by the weight of each term.
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


def _compute_knots(scores: Floats, samples: Sequence[Sample]) -> tuple[tuple[float, float], ...]:
    """Return the ends of the steps of the isotonic fit, clipped to the probabilities that the sample size supports."""
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - slow to load, and rarely needed

    outcomes, weights = _get_copy_flags(samples), _compute_weights(samples)
    distinct_scores, score_indices = np.unique(np.round(scores, 6), return_inverse=True)
    totals = np.asarray(np.bincount(score_indices, weights), np.float64)
    fitted_values = isotonic_regression(np.bincount(score_indices, weights * outcomes) / totals, weights=totals).x
    low_limit, high_limit = _probability_limits(samples)
    values = np.round(np.clip(fitted_values, low_limit, high_limit), 6)
    inner_steps = np.flatnonzero(np.diff(values) != 0)
    ends = sorted({0, len(values) - 1, *inner_steps.tolist(), *(inner_steps + 1).tolist()})
    return tuple((float(distinct_scores[end]), float(values[end])) for end in ends)


def _probability_limits(samples: Sequence[Sample]) -> tuple[float, float]:
    """Return the lowest and highest probability that the sample size supports, by Laplace's rule of succession."""
    copy_count = len({sample.photograph for sample in samples if sample.copy})
    other_count = len({sample.photograph for sample in samples if not sample.copy})
    return 1 / (copy_count + 2), 1 - 1 / (other_count + 2)


def _build_matrix(samples: Sequence[Sample], names: Sequence[str]) -> Floats:
    return np.array([get_measurements(sample.verification, names) for sample in samples], np.float64)


def _get_copy_flags(samples: Sequence[Sample]) -> Floats:
    return np.array([sample.copy for sample in samples], np.float64)


def _compute_weights(samples: Sequence[Sample]) -> Floats:
    """Compute sample weights: photographs count equally within copies and within other pairs.

    The weights add up to the number of photographs.
    """
    photograph_counts = Counter((sample.copy, sample.photograph) for sample in samples)
    photographs = Counter(copy for copy, _ in photograph_counts)
    prior_by_class = {True: PRIOR, False: 1 - PRIOR}
    total = len({sample.photograph for sample in samples})
    return np.array(
        [
            total
            * prior_by_class[sample.copy]
            / photographs[sample.copy]
            / photograph_counts[sample.copy, sample.photograph]
            for sample in samples
        ]
    )


def _select_half(photograph: str) -> int:
    """Return the half of the split, 0 or 1, to which a photograph belongs; it is the same on every machine."""
    return hashlib.sha256(photograph.encode()).digest()[0] & 1
