"""Test the sentences about a comparison: only what was measured, and a ratio only with a calibration."""

from dataclasses import replace

from exhibit.types import Decision, Verification
from registry.bundles.sentences import (
    EXPOSURE,
    MEASURED,
    RELATED,
    RESEMBLES,
    UNCALIBRATED,
    not_checked,
    said_of,
    words_of,
)
from tests.assets.bundles import CALIBRATION

SAME = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
FOUND = Verification(Decision.CERTAIN, 12, 40, 0.875, SAME, False, 0, 0.5, 1.0, None, "tests")  # noqa: FBT003 - a field


def test_only_what_was_measured_is_said() -> None:
    shown, agreeing, hashes, ratio = words_of(FOUND)
    assert "50%" in shown
    assert "40" in agreeing
    assert "12" in hashes
    assert ratio == UNCALIBRATED
    turned = " ".join(words_of(replace(FOUND, mirrored=True, rotation=-90, hamming=256)))
    assert "90°" in turned
    assert "hashes" not in turned
    assert words_of(replace(FOUND, transform=None))[0] != shown


def test_what_resembles_is_said_plainly_with_its_odds() -> None:
    said = words_of(replace(FOUND, decision=Decision.RESEMBLES, related=8.99, exposure=-5.48))
    assert said[0] == RESEMBLES
    assert RELATED % {"odds": "> 1,000 : 1"} in said
    assert EXPOSURE % {"odds": "1 : 240"} in said
    assert not any(" : " in sentence for sentence in words_of(FOUND))


def test_a_ratio_comes_with_what_it_rests_on() -> None:
    *_, (stated, values), (rests_on, about) = said_of(replace(FOUND, probability=0.9), CALIBRATION)
    assert str(values["ratio"]) in stated % values
    assert (about["name"], about["photographs"], about["others"]) == (CALIBRATION.name, "400", "399")
    assert rests_on == MEASURED
    assert "400" in rests_on % about


def test_what_was_not_checked_is_said_in_each_language() -> None:
    assert len(not_checked("en")) == len(not_checked("zh-Hans")) > 0
    assert not set(not_checked("en")) & set(not_checked("zh-Hans"))
