"""Processing of rows in portions if each concerns many other rows, so that other jobs are not blocked."""

import time
from collections.abc import Callable, Sequence

from exhibit.clock import now
from registry.db import steps
from registry.db.claimable import Claimable
from registry.services.services import Services

WORK_SECONDS = 5.0
"""Time in seconds after which the rest of a row's work is left to another task message."""


def process_in_portions(
    services: Services, model: type[Claimable], ids: Sequence[int], process_portion: Callable[[int], bool]
) -> None:
    """Call ``process_portion`` for each row until it returns True or :data:`WORK_SECONDS` have passed.

    Args:
        services: Services of this process.
        model: The model of the rows; its job continues an unfinished row.
        ids: Primary keys.
        process_portion: Does part of the work for a row; returns True if that was the last part.
    """
    for pk in steps.claim(model, ids, services.stale_after):
        with steps.guard_processing(model, [pk]):
            deadline = time.monotonic() + WORK_SECONDS
            while not process_portion(pk):
                if time.monotonic() >= deadline:
                    steps.postpone_by_id(model, pk, now())
                    services.enqueue(model, [pk])
                    break
