"""What a step takes: measured around each batch, whoever runs it, and added up in one row a day."""

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def metered(step: str) -> Iterator[None]:
    """Measure one batch of a step: seconds of the clock, seconds of a core, and the rows that it ends.

    Costs one small UPDATE. What a browser takes isn't in it: it goes on living behind its capture.
    """
    from django.db import Error

    from registry.db import running, steps

    begun, used = time.monotonic(), _processor_seconds()
    with steps.counted() as ended:
        try:
            yield
        finally:
            seconds, processor = time.monotonic() - begun, _processor_seconds() - used
            with contextlib.suppress(Error):  # a figure is worth no failure
                running.add_time(step, rows=len(ended), seconds=seconds, processor_seconds=processor)


def _processor_seconds() -> float:
    """Of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
