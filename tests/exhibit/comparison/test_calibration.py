import json
from dataclasses import replace

import pytest

from exhibit.comparison.calibration import (
    MEASUREMENT_FUNCTIONS,
    UNCALIBRATED_REASONS,
    Calibration,
    FalseAlarmBound,
    add_probability,
    get_measurements,
    interpolate_knots,
)
from exhibit.errors import IntegrityError
from exhibit.types import Decision, Verification

CALIBRATION = Calibration(
    name="test",
    made="2026-11-20",
    pipeline="match-1",
    data="made",
    photographs=200,
    prior=0.5,
    figures=("dense", "imprecise"),
    weights=(4.0, -1.0),
    intercept=-2.0,
    knots=((-2.0, 0.1), (2.0, 0.9)),
    certain=FalseAlarmBound(200, 0),
    review=FalseAlarmBound(200, 3),
)


def verification_with(inliers: int, dense: float) -> Verification:
    return Verification(Decision.REVIEW, 256, inliers, dense, None, False, 0, dense, dense, None, "match-1")  # noqa: FBT003


def test_probability_matches_manual_calculation_from_file() -> None:
    assert CALIBRATION.compute_score(verification_with(0, 0.75)) == 1.0
    assert CALIBRATION.compute_probability(verification_with(0, 0.75)) == 0.7
    assert CALIBRATION.compute_probability(replace(verification_with(0, 0.75), reasons=("imprecise",))) == 0.5
    again = Calibration.from_json(CALIBRATION.to_json())
    assert (again, again.digest) == (CALIBRATION, CALIBRATION.digest)
    assert replace(CALIBRATION, network="other@2").digest != CALIBRATION.digest


def test_likelihood_ratio_is_bounded_by_sample_size() -> None:
    even = CALIBRATION.compute_ratio(0.75)
    assert even.value == pytest.approx(3.0)
    assert not even.limited
    high, low = CALIBRATION.compute_ratio(0.9999), CALIBRATION.compute_ratio(0.0001)
    assert high.limited
    assert low.limited
    assert high.value == pytest.approx(1 / low.value)
    assert 30 < high.value < 34  # 100 photographs without a failure: at most 3 in 100


def test_each_decision_has_its_own_false_alarm_bound() -> None:
    assert CALIBRATION.get_bound(Decision.CERTAIN).false_alarms == 0
    assert CALIBRATION.get_bound(Decision.REVIEW).false_alarms == CALIBRATION.get_bound(Decision.NONE).false_alarms == 3
    assert "with 3 false alarms" in FalseAlarmBound(200, 3).description
    assert FalseAlarmBound(200, 0).per_million < FalseAlarmBound(200, 3).per_million


def test_no_match_and_outdated_measurements_have_no_probability() -> None:
    verification = verification_with(30, 0.8)
    probability = add_probability(verification, CALIBRATION)
    assert (probability.probability, probability.calibration) == (
        CALIBRATION.compute_probability(verification),
        CALIBRATION.digest,
    )
    held_back = [replace(verification, reasons=(word,)) for word in UNCALIBRATED_REASONS]
    for other in (replace(verification, decision=Decision.NONE), replace(verification, pipeline="another"), *held_back):
        assert add_probability(other, CALIBRATION) == other
    assert add_probability(probability, None) == verification


def test_probability_requires_half_of_the_work_to_be_aligned() -> None:
    verification = replace(verification_with(30, 0.8), in_place=0.5, drift=0.1)
    assert add_probability(verification, CALIBRATION).probability == CALIBRATION.compute_probability(verification)
    little = replace(verification, in_place=0.4999)
    assert add_probability(little, CALIBRATION) == little
    assert CALIBRATION.compute_probability(little) is not None, "what earlier bundles state can still be computed"


def test_values_between_calibration_knots_are_interpolated_linearly() -> None:
    knots = ((0.0, 0.1), (1.0, 0.1), (3.0, 0.9))
    assert [interpolate_knots(score, knots) for score in (-5, 0.5, 2, 3, 9)] == pytest.approx([0.1, 0.1, 0.5, 0.9, 0.9])


def test_calibration_inputs_are_computed_from_sealed_values_only() -> None:
    verification = replace(verification_with(0, 0.25), hamming=64, reasons=("imprecise",))
    values = dict(zip(MEASUREMENT_FUNCTIONS, get_measurements(verification), strict=True))
    assert (values["log-inliers"], values["dense"], values["hash"]) == (0.0, 0.25, 0.5)
    assert (values["imprecise"], values["shared-overlay"]) == (1.0, 0.0)


@pytest.mark.parametrize(
    "change",
    [
        {"prior": 2},
        {"weights": [1.0]},
        {"figures": ["unknown"], "weights": [1.0]},
        {"knots": []},
        {"knots": [[1, 0.9], [2, 0.1]]},
        {"surprise": 1},
        {"format": "exhibit-calibration/9"},
        {"name": 7},
        {"bounds": {"certain": {"photographs": 10, "failed": 0, "at_most_in_a_million": 1}}},
    ],
)
def test_invalid_calibration_is_refused(change: dict[str, object]) -> None:
    plain = {**json.loads(CALIBRATION.to_json()), **change}
    with pytest.raises(IntegrityError):
        Calibration.from_json(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode())


def test_false_alarm_bound_that_contradicts_the_counts_is_refused() -> None:
    changed = CALIBRATION.to_json().replace(b'"at_most_in_a_million":', b'"at_most_in_a_million":1')
    with pytest.raises(IntegrityError):
        Calibration.from_json(changed)
