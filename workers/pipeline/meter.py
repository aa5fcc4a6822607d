"""Resource usage of a step, measured for each batch and stored as one row per day."""

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def measure_batch(step: str) -> Iterator[None]:
    """Measure one batch of a step: wall-clock seconds, CPU seconds, and completed rows.

    Costs one small UPDATE. Browsers are not included, because they outlive their captures.
    """
    from django.db import Error

    from registry.db import heartbeats, steps

    started, cpu_start = time.monotonic(), _read_processor_seconds()
    with steps.collect_finished() as finished_rows:
        try:
            yield
        finally:
            seconds, cpu_seconds = time.monotonic() - started, _read_processor_seconds() - cpu_start
            with contextlib.suppress(Error):  # A measurement must not cause a failure.
                heartbeats.record_step_time(
                    step, rows=len(finished_rows), seconds=seconds, processor_seconds=cpu_seconds
                )


def _read_processor_seconds() -> float:
    """Return the CPU seconds of this process and of its ended children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
