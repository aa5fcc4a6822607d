"""How far a benchmark is, for the person who waits."""

import sys
import time

EVERY = 5.0
"""Seconds between two words on how far it is."""


class Progress:
    """Says on standard error how far something is, every few seconds.

    Args:
        title: of what.
        total: how many there are.
    """

    def __init__(self, title: str, total: int) -> None:
        self._title, self._total = title, total
        self._started = self._said = time.monotonic()

    def __call__(self, done: int) -> None:
        """So many are done."""
        now = time.monotonic()
        if now - self._said < EVERY and done != self._total:
            return
        self._said = now
        left = (now - self._started) / max(1, done) * (self._total - done)
        print(f"  {self._title}: {done:,} of {self._total:,}, {left / 60:.1f} min left", file=sys.stderr, flush=True)
