"""Test which calibration gives probabilities: the installation's own before the bundled one, for the active network."""

from dataclasses import replace

import pytest

from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from registry.matches import calibrations
from registry.models import CalibrationRow
from tests.assets.bundles import CALIBRATION

SHIPPED = replace(CALIBRATION, name="shipped")
OWN = replace(CALIBRATION, name="own")
NEWER = replace(CALIBRATION, name="newer")


def name() -> str | None:
    found = calibrations.active("tests")
    return None if found is None else found.name


def test_our_own_goes_before_the_shipped_one_and_the_last_before_earlier_ones(db: None) -> None:
    assert name() is None
    for _ in range(2):
        calibrations.keep_shipped(SHIPPED)
    assert name() == "shipped"
    for one in (OWN, NEWER, OWN):
        calibrations.use(one, by="Ann")
    assert name() == "own"
    calibrations.keep_shipped(SHIPPED)
    assert [row.name for row in calibrations.every()] == ["own", "newer", "shipped"]
    calibrations.use_shipped(by="Ann")
    assert name() == "shipped"
    assert CalibrationRow.objects.count() == 3


def test_a_calibration_of_another_comparison_or_network_is_not_used(db: None) -> None:
    calibrations.use(OWN, by="Ann")
    calibrations.use(replace(NEWER, network="other@1"), by="Ann")
    assert name() == "own"
    assert calibrations.active("another pipeline") is None


def test_a_calibration_is_found_by_its_digest_as_long_as_it_is_kept(db: None) -> None:
    calibrations.use(OWN, by="Ann")
    calibrations.use_shipped(by="Ann")
    assert calibrations.named(OWN.digest) == OWN
    with pytest.raises(NotFoundError):
        calibrations.named(Digest.of(b"none"))
