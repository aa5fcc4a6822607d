"""Control of the product's clock."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from exhibit import clock

YEAR = timedelta(days=365)


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - a function of one argument
    """A function that sets the clock of all modules that use the product's, with an offset from the true time."""
    true = datetime

    def set_by(offset: timedelta) -> None:
        class Off(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:  # noqa: ANN401
                return true.now(tz) + offset

        monkeypatch.setattr(clock, "datetime", Off)

    return set_by
