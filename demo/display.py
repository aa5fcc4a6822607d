"""Progress display of the demonstration: an updated line on a terminal, plain lines elsewhere."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TextIO

EVERY_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 60.0
"""Seconds before an unchanged line is printed again."""

WIDTH: Final = 100


@dataclass(slots=True)
class Display:
    """Numbers the stages, shows their progress and records their durations.

    Attributes:
        stages: Total number of stages.
        out: Stream for the lines.
        seconds: Wall time by stage, in the order of their start.
    """

    stages: int
    out: TextIO
    seconds: dict[str, float] = field(default_factory=dict)
    _last: float = 0.0
    _last_line: str = ""
    _live: bool = False

    def __post_init__(self) -> None:
        self._live = self.out.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    @contextmanager
    def stage(self, name: str, sentence: str) -> Iterator[None]:
        """Announce a stage, and print its duration when it ends without an error."""
        began = time.monotonic()
        self._last = began
        self.say(f"{len(self.seconds) + 1}/{self.stages}  {sentence}")
        yield
        self.seconds[name] = round(time.monotonic() - began, 1)
        self.say(f"     done in {self.seconds[name]} s")

    def progress(self, done: int, total: int, words: str) -> None:
        """Show the progress of a stage; if the output is not a terminal, only from time to time."""
        text = f"     {min(done, total)} of {total} {words}"
        if self._live:
            self.out.write(f"\r{text[:WIDTH]:<{WIDTH}}")
            self.out.flush()
        elif time.monotonic() - self._last >= (AGAIN_SECONDS if text == self._last_line else EVERY_SECONDS):
            self._last, self._last_line = time.monotonic(), text
            self.say(text)

    def note(self, sentence: str) -> None:
        """Print a finding of the current stage."""
        self.say(f"     {sentence}")

    def say(self, text: str) -> None:
        """Print lines unchanged."""
        before = f"\r{'':<{WIDTH}}\r" if self._live else ""
        self.out.write(f"{before}{text}\n")
        self.out.flush()
