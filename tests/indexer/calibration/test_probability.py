from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from exhibit.comparison.calibration import Calibration, FalseAlarmBound
from exhibit.errors import InvalidRequestError
from exhibit.types import Decision, Verification
from indexer.calibration.probability import Sample, count_false_alarms, fit, fit_logistic_regression
from indexer.picture.spaces import PIPELINE

BOUNDS = (FalseAlarmBound(200, 0), FalseAlarmBound(200, 3))


def verification_with(inliers: int, dense: float, decision: Decision = Decision.REVIEW) -> Verification:
    return Verification(decision, 256, inliers, dense, None, False, 0, dense, dense, None, PIPELINE)  # noqa: FBT003


def samples(photographs: int = 200, seed: int = 3) -> list[Sample]:
    """Return samples in which copies agree more than other pairs, with some overlap."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(photographs):
        for copy, centre in ((True, 0.75), (True, 0.7), (False, 0.3), (False, 0.35), (False, 0.3)):
            dense = float(np.clip(random.normal(centre, 0.15), 0, 1))
            rows.append(Sample(f"photo {number}", copy, "made", verification_with(int(40 * dense), dense)))
    return rows


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return fit(samples(), name="test", date="2026-11-20", data="made", bounds=BOUNDS)


def test_logistic_maximises_penalised_likelihood() -> None:
    random = np.random.default_rng(6)
    rows, weights = random.normal(size=(150, 3)), random.random(150)
    outcomes = (random.random(150) < 1 / (1 + np.exp(-(rows @ [2.0, -1.0, 0.0] + 0.5)))).astype(float)

    def loss(learned: np.ndarray) -> float:
        margins = (learned[0] + rows @ learned[1:]) * (2 * outcomes - 1)
        return float((weights * np.logaddexp(0, -margins)).sum() + (learned[1:] ** 2).sum() / 2)

    expected = optimize.minimize(loss, np.zeros(4), tol=1e-12).x
    assert fit_logistic_regression(rows, outcomes, weights) == pytest.approx(expected, abs=1e-4)


def test_perfect_separation_has_finite_weights() -> None:
    rows = np.array([[0.0], [0.1], [0.9], [1.0]])
    learned = fit_logistic_regression(rows, np.array([0.0, 0, 1, 1]), np.ones(4))
    assert np.isfinite(learned).all()
    assert learned[1] > 0


def test_probabilities_match_observed_frequencies(calibration: Calibration) -> None:
    fresh = samples(seed=11)
    predicted = np.array([calibration.compute_probability(sample.verification) for sample in fresh], float)
    copies = np.array([sample.copy for sample in fresh], float)
    weights = np.where(copies == 1, 1 / 2, 1 / 3)
    for low, high in ((0, 0.2), (0.2, 0.8), (0.8, 1.01)):
        inside = (predicted >= low) & (predicted < high)
        observed = (copies * weights)[inside].sum() / weights[inside].sum()
        assert observed == pytest.approx((predicted * weights)[inside].sum() / weights[inside].sum(), abs=0.1)
    assert ((predicted - copies) ** 2 * weights).sum() / weights.sum() < 0.1


def test_probability_is_bounded_by_sample_size(calibration: Calibration) -> None:
    best = calibration.compute_probability(verification_with(5000, 1.0))
    worst = calibration.compute_probability(verification_with(0, 0.0))
    assert worst is not None
    assert best is not None
    assert 1 / 200 < worst < 0.02
    assert 0.98 < best < 1 - 1 / 200


def test_same_samples_give_same_calibration_in_any_process(calibration: Calibration) -> None:
    again = fit(samples(), name="test", date="2026-11-20", data="made", bounds=BOUNDS)
    assert again.digest == calibration.digest
    assert Calibration.from_json(calibration.to_json()) == calibration


def test_photograph_is_on_only_one_side_of_the_split() -> None:
    doubled = [replace(sample, photograph=f"photo {int(sample.photograph[6:]) % 30}") for sample in samples(60)]
    assert fit(doubled, name="t", date="2026-11-20", data="made", bounds=BOUNDS).photographs == 30


def test_too_few_photographs_are_refused_with_a_message() -> None:
    with pytest.raises(InvalidRequestError, match=r"^19 photographs .*20"):
        fit(samples(19), name="t", date="2026-11-20", data="made", bounds=BOUNDS)
    with pytest.raises(InvalidRequestError):
        fit([sample for sample in samples() if sample.copy], name="t", date="2026-11-20", data="made", bounds=BOUNDS)


def test_photograph_with_several_false_alarms_counts_once() -> None:
    wrong = [Sample("a", False, "nearest", verification_with(9, 0.4)) for _ in range(3)]  # noqa: FBT003
    right = [Sample("b", True, "edit", verification_with(9, 0.4))]  # noqa: FBT003
    assert count_false_alarms([*wrong, *right], Decision.REVIEW, 100) == FalseAlarmBound(100, 1)
    assert count_false_alarms([*wrong, *right], Decision.CERTAIN, 100) == FalseAlarmBound(100, 0)
