"""The tick's rhythm by a clock that nobody sets: a jump of the time of day neither silences it nor makes it hurry."""

import time
from typing import Any

from celery.beat import Scheduler

from exhibit.types import Untyped


class Rhythm(Scheduler):
    """Sends each entry of the schedule once in its seconds, the first time at once; keeps nothing on the disk."""

    def __init__(self, *args: Untyped, **kwargs: Untyped) -> None:
        self._next: dict[str, float] = {}
        super().__init__(*args, **kwargs)

    def tick(self, *_: object, **__: object) -> float:
        """Send what is due; returns for how many seconds nothing will be."""
        entries: dict[str, Any] = self.schedule
        for name, entry in entries.items():
            if time.monotonic() >= self._next.get(name, 0.0):
                self._next[name] = time.monotonic() + entry.schedule.seconds
                self.apply_entry(entry, producer=self.producer)
        return max(0.0, min(self._next.values()) - time.monotonic())
