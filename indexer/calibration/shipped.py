"""The calibration of this version. Loads no image library, as every command requests it."""

from functools import cache
from pathlib import Path

from exhibit.comparison.calibration import Calibration

SHIPPED = Path(__file__).parents[1] / "models" / "calibration.json"


@cache
def shipped_calibration() -> Calibration | None:
    """Return the calibration fitted for this version, or ``None`` if there is none."""
    return Calibration.from_json(SHIPPED.read_bytes()) if SHIPPED.exists() else None
