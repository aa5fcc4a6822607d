"""Test the sentences about a comparison: measured values only, and a ratio only with a calibration."""

from dataclasses import replace

from exhibit.types import Decision, Verification
from registry.bundles.sentences import (
    CALIBRATED_PRIOR,
    EXPOSURE_ODDS,
    RELATED_ODDS,
    RELATED_PICTURE,
    UNCALIBRATED_RATIO,
    build_measurement_templates,
    format_measurements,
    list_unchecked_items,
)
from tests.assets.bundles import CALIBRATION

SAME = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
VERIFICATION = Verification(Decision.CERTAIN, 12, 40, 0.875, SAME, False, 0, 0.5, 1.0, None, "tests")  # noqa: FBT003 - a field


def test_sentences_state_only_measured_values() -> None:
    decision, agreeing, hashes, ratio = format_measurements(VERIFICATION)
    assert "50%" in decision
    assert "40" in agreeing
    assert "12" in hashes
    assert ratio == UNCALIBRATED_RATIO
    turned = " ".join(format_measurements(replace(VERIFICATION, mirrored=True, rotation=-90, hamming=256)))
    assert "90°" in turned
    assert "hashes" not in turned
    assert format_measurements(replace(VERIFICATION, transform=None))[0] != decision


def test_visible_part_is_stated_if_a_good_part_is_missing() -> None:
    def count(visible: float) -> int:
        return len(format_measurements(replace(VERIFICATION, figures={"visible": visible})))

    assert (count(0.1), count(0.53), count(0.95)) == (4, 5, 4)
    assert "53%" in " ".join(format_measurements(replace(VERIFICATION, figures={"visible": 0.53})))


def test_related_picture_is_described_with_its_likelihood_ratio() -> None:
    sentences = format_measurements(replace(VERIFICATION, decision=Decision.RELATED, related=8.99, exposure=-5.48))
    assert sentences[0] == RELATED_PICTURE
    assert RELATED_ODDS % {"odds": "> 1,000 : 1"} in sentences
    assert EXPOSURE_ODDS % {"odds": "1 : 240"} in sentences
    assert not any(" : " in sentence for sentence in format_measurements(VERIFICATION))


def test_ratio_is_stated_with_its_calibration() -> None:
    *_, (sentence, values), (rests_on, about) = build_measurement_templates(
        replace(VERIFICATION, probability=0.9), CALIBRATION
    )
    assert str(values["ratio"]) in sentence % values
    assert (about["name"], about["photographs"], about["others"]) == (CALIBRATION.name, "400", "399")
    assert rests_on == CALIBRATED_PRIOR
    assert "400" in rests_on % about


def test_unchecked_items_are_listed_in_each_language() -> None:
    assert len(list_unchecked_items("en")) == len(list_unchecked_items("zh-Hans")) > 0
    assert not set(list_unchecked_items("en")) & set(list_unchecked_items("zh-Hans"))
