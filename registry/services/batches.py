"""Process rows that each concern many other rows in portions, so that other jobs get their turn."""

import time
from collections.abc import Callable, Sequence

from exhibit.clock import now
from registry.db import steps
from registry.db.claimable import Claimable
from registry.services.services import Services

WORK_SECONDS = 5.0
"""Time after which the rest of a row is left to another message."""


def process_in_portions(
    services: Services, model: type[Claimable], ids: Sequence[int], portion: Callable[[int], bool]
) -> None:
    """Repeat ``portion`` for each row until it returns True, or until :data:`WORK_SECONDS` have passed.

    Args:
        services: Services of this process.
        model: The model of the rows; its job continues an unfinished row.
        ids: Primary keys.
        portion: Does part of a row's work, and returns True if that was the last part.
    """
    for pk in steps.claim(model, ids, services.stale_after):
        with steps.processing(model, [pk]):
            until = time.monotonic() + WORK_SECONDS
            while not portion(pk):
                if time.monotonic() >= until:
                    steps.wait(model, pk, now())
                    services.enqueue(model, [pk])
                    break
