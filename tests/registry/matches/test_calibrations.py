"""Test the active calibration: the installation's own takes precedence over the bundled one, for the active model."""

from dataclasses import replace

import pytest

from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from registry.matches import calibrations
from registry.models import CalibrationRow
from tests.assets.bundles import CALIBRATION

SHIPPED_CALIBRATION = replace(CALIBRATION, name="shipped")
OWN_CALIBRATION = replace(CALIBRATION, name="own")
NEWER_CALIBRATION = replace(CALIBRATION, name="newer")


def get_active_name() -> str | None:
    active = calibrations.get_active_calibration("tests")
    return None if active is None else active.name


def test_local_calibration_takes_precedence_over_shipped_calibration(db: None) -> None:
    assert get_active_name() is None
    for _ in range(2):
        calibrations.store_shipped(SHIPPED_CALIBRATION)
    assert get_active_name() == "shipped"
    for calibration in (OWN_CALIBRATION, NEWER_CALIBRATION, OWN_CALIBRATION):
        calibrations.activate_calibration(calibration, by="Ann")
    assert get_active_name() == "own"
    calibrations.store_shipped(SHIPPED_CALIBRATION)
    assert [row.name for row in calibrations.list_calibrations()] == ["own", "newer", "shipped"]
    calibrations.activate_shipped_calibration(by="Ann")
    assert get_active_name() == "shipped"
    assert CalibrationRow.objects.count() == 3


def test_calibration_of_other_pipeline_or_model_is_not_used(db: None) -> None:
    calibrations.activate_calibration(OWN_CALIBRATION, by="Ann")
    calibrations.activate_calibration(replace(NEWER_CALIBRATION, network="other@1"), by="Ann")
    assert get_active_name() == "own"
    assert calibrations.get_active_calibration("another pipeline") is None


def test_calibration_is_loaded_by_its_digest(db: None) -> None:
    calibrations.activate_calibration(OWN_CALIBRATION, by="Ann")
    calibrations.activate_shipped_calibration(by="Ann")
    assert calibrations.load_calibration(OWN_CALIBRATION.digest) == OWN_CALIBRATION
    with pytest.raises(NotFoundError):
        calibrations.load_calibration(Digest.from_bytes(b"none"))
