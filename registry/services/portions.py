"""Work through rows that each concern many others portion by portion, so that other jobs have their turn."""

import time
from collections.abc import Callable, Sequence

from exhibit.clock import now
from registry.db import steps
from registry.db.claimable import Claimable
from registry.services.services import Services

WORK_SECONDS = 5.0
"""After this long the rest of a row is left to another message."""


def in_portions(services: Services, model: type[Claimable], ids: Sequence[int], portion: Callable[[int], bool]) -> None:
    """Repeat ``portion`` for each row until it returns True, or until :data:`WORK_SECONDS` have passed.

    Args:
        services: Of this process.
        model: The model of the rows; its job goes on with a row that is not finished.
        ids: Primary keys.
        portion: Does some of a row's work, and returns whether that was the last of it.
    """
    for pk in steps.claim(model, ids, services.stale_after):
        with steps.ending(model, [pk]):
            until = time.monotonic() + WORK_SECONDS
            while not portion(pk):
                if time.monotonic() >= until:
                    steps.wait(model, pk, now())
                    services.enqueue(model, [pk])
                    break
