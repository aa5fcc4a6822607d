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


def active_name() -> str | None:
    active = calibrations.get_active("tests")
    return None if active is None else active.name


def test_our_own_goes_before_the_shipped_one_and_the_last_before_earlier_ones(db: None) -> None:
    assert active_name() is None
    for _ in range(2):
        calibrations.store_shipped(SHIPPED)
    assert active_name() == "shipped"
    for calibration in (OWN, NEWER, OWN):
        calibrations.activate(calibration, by="Ann")
    assert active_name() == "own"
    calibrations.store_shipped(SHIPPED)
    assert [row.name for row in calibrations.list_calibrations()] == ["own", "newer", "shipped"]
    calibrations.activate_shipped(by="Ann")
    assert active_name() == "shipped"
    assert CalibrationRow.objects.count() == 3


def test_a_calibration_of_another_comparison_or_network_is_not_used(db: None) -> None:
    calibrations.activate(OWN, by="Ann")
    calibrations.activate(replace(NEWER, network="other@1"), by="Ann")
    assert active_name() == "own"
    assert calibrations.get_active("another pipeline") is None


def test_a_calibration_is_found_by_its_digest_as_long_as_it_is_kept(db: None) -> None:
    calibrations.activate(OWN, by="Ann")
    calibrations.activate_shipped(by="Ann")
    assert calibrations.load_calibration(OWN.digest) == OWN
    with pytest.raises(NotFoundError):
        calibrations.load_calibration(Digest.of(b"none"))
