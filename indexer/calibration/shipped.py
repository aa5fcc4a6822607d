"""The calibration that comes with this version. Loads no library of pictures: every command asks for it."""

from functools import cache
from pathlib import Path

from exhibit.comparison.calibration import Calibration

SHIPPED = Path(__file__).parents[1] / "models" / "calibration.json"


@cache
def shipped_calibration() -> Calibration | None:
    """The calibration that was fitted for this version, or ``None`` when there is none."""
    return Calibration.from_json(SHIPPED.read_bytes()) if SHIPPED.exists() else None
