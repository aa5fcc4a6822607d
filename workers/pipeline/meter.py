"""Resource use of a step, measured around each batch and summed up in one row per day."""

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def metered(step: str) -> Iterator[None]:
    """Measure one batch of a step: wall-clock seconds, CPU seconds, and completed rows.

    Costs one small UPDATE. Browsers are not included, because they outlive their captures.
    """
    from django.db import Error

    from registry.db import heartbeats, steps

    started, used = time.monotonic(), _processor_seconds()
    with steps.collect_finished() as ended:
        try:
            yield
        finally:
            seconds, processor = time.monotonic() - started, _processor_seconds() - used
            with contextlib.suppress(Error):  # A measurement must not cause a failure.
                heartbeats.add_time(step, rows=len(ended), seconds=seconds, processor_seconds=processor)


def _processor_seconds() -> float:
    """Return the CPU seconds of this process and of its ended children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
