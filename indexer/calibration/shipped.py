"""Calibration included with this version. Imports no image library, because every command loads this module."""

from functools import cache
from pathlib import Path

from exhibit.comparison.calibration import Calibration

SHIPPED = Path(__file__).parents[1] / "models" / "calibration.json"


@cache
def shipped_calibration() -> Calibration | None:
    """Load the calibration fitted for this version, or return ``None`` if there is none."""
    return Calibration.from_json(SHIPPED.read_bytes()) if SHIPPED.exists() else None
