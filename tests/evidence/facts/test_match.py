"""The facts of a comparison: its drawings, and the ratio that its probability stands for."""

from dataclasses import replace

import pytest

from evidence.facts.match import BoundFacts, CalibrationFacts
from exhibit.digests import Digest
from tests.assets.documents_sample import sample_case

BOUND = BoundFacts(1000, 0, 2991)
CALIBRATION = CalibrationFacts(
    "test", "2026-11-20", "", Digest.of(b""), "data/calibration.json", BOUND, BOUND, prior=0.2, photographs=1000
)


def test_only_drawings_that_there_are_have_a_role() -> None:
    [match] = sample_case().matches
    assert list(match.drawings) == ["side-by-side", "overlay", "difference", "points"]
    assert set(replace(match, overlay=None, points=None).drawings) == {"side-by-side", "difference"}


def test_a_ratio_takes_the_prior_out_and_needs_both() -> None:
    ratio = CALIBRATION.ratio(0.5)
    assert ratio is not None
    assert ratio.value == pytest.approx(4)
    assert CALIBRATION.ratio(None) is None
    assert replace(CALIBRATION, prior=None).ratio(0.5) is None
    most = CALIBRATION.ratio(1.0)
    fewer = replace(CALIBRATION, photographs=10).ratio(1.0)
    assert most is not None
    assert fewer is not None
    assert fewer.value < most.value
