import json
from dataclasses import replace

import pytest

from exhibit.comparison.calibration import FIGURES, FITTED, Bound, Calibration, between, calibrated, figures
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
    certain=Bound(200, 0),
    review=Bound(200, 3),
)


def verification_with(inliers: int, dense: float) -> Verification:
    return Verification(Decision.REVIEW, 256, inliers, dense, None, False, 0, dense, dense, None, "match-1")  # noqa: FBT003


def test_probability_matches_manual_calculation_from_file() -> None:
    assert CALIBRATION.score(verification_with(0, 0.75)) == 1.0
    assert CALIBRATION.probability(verification_with(0, 0.75)) == 0.7
    assert CALIBRATION.probability(replace(verification_with(0, 0.75), reasons=("imprecise",))) == 0.5
    again = Calibration.from_json(CALIBRATION.to_json())
    assert (again, again.digest) == (CALIBRATION, CALIBRATION.digest)
    assert replace(CALIBRATION, network="other@2").digest != CALIBRATION.digest


def test_likelihood_ratio_is_bounded_by_sample_size() -> None:
    even = CALIBRATION.ratio(0.75)
    assert even.value == pytest.approx(3.0)
    assert not even.limited
    high, low = CALIBRATION.ratio(0.9999), CALIBRATION.ratio(0.0001)
    assert high.limited
    assert low.limited
    assert high.value == pytest.approx(1 / low.value)
    assert 30 < high.value < 34  # 100 photographs without a failure: at most 3 in 100


def test_bound_belongs_to_the_decision() -> None:
    assert CALIBRATION.bound(Decision.CERTAIN).failed == 0
    assert CALIBRATION.bound(Decision.REVIEW).failed == CALIBRATION.bound(Decision.NONE).failed == 3
    assert "with 3 false alarms" in Bound(200, 3).in_words
    assert Bound(200, 0).per_million < Bound(200, 3).per_million


def test_no_match_and_outdated_figures_have_no_probability() -> None:
    verification = verification_with(30, 0.8)
    probability = calibrated(verification, CALIBRATION)
    assert (probability.probability, probability.calibration) == (
        CALIBRATION.probability(verification),
        CALIBRATION.digest,
    )
    held_back = [replace(verification, reasons=(word,)) for word in FITTED]
    for other in (replace(verification, decision=Decision.NONE), replace(verification, pipeline="another"), *held_back):
        assert calibrated(other, CALIBRATION) == other
    assert calibrated(probability, None) == verification


def test_probability_requires_half_of_the_work_to_be_aligned() -> None:
    verification = replace(verification_with(30, 0.8), in_place=0.5, drift=0.1)
    assert calibrated(verification, CALIBRATION).probability == CALIBRATION.probability(verification)
    little = replace(verification, in_place=0.4999)
    assert calibrated(little, CALIBRATION) == little
    assert CALIBRATION.probability(little) is not None, "what earlier bundles state can still be computed"


def test_knots_are_interpolated_linearly() -> None:
    knots = ((0.0, 0.1), (1.0, 0.1), (3.0, 0.9))
    assert [between(score, knots) for score in (-5, 0.5, 2, 3, 9)] == pytest.approx([0.1, 0.1, 0.5, 0.9, 0.9])


def test_figures_are_plain_functions_of_sealed_values() -> None:
    verification = replace(verification_with(0, 0.25), hamming=64, reasons=("imprecise",))
    values = dict(zip(FIGURES, figures(verification), strict=True))
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


def test_lowered_bound_is_refused() -> None:
    changed = CALIBRATION.to_json().replace(b'"at_most_in_a_million":', b'"at_most_in_a_million":1')
    with pytest.raises(IntegrityError):
        Calibration.from_json(changed)
