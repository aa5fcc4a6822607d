"""Shift the product's clock by the number of seconds in a file.

Python runs this module at start if it is on the path.
"""

import os
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Self

from exhibit import clock

_FILE = Path(os.environ["CLOCK_OFF"])


class _Off(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        try:
            off = float(_FILE.read_text(encoding="ascii"))
        except (OSError, ValueError):
            off = 0.0
        return cls.fromtimestamp(datetime.now(tz).timestamp() + off, tz)


clock.datetime = _Off  # type: ignore[attr-defined] # what is replaced is a name of that module
