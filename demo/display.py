"""Progress display of the demonstration: one updated line on a terminal, separate lines elsewhere."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TextIO

UPDATE_SECONDS: Final = 5.0
REPEAT_SECONDS: Final = 60.0
"""Seconds before an unchanged line is printed again."""

WIDTH: Final = 100


@dataclass(slots=True)
class Display:
    """Prints the stages with their numbers and progress, and records their durations.

    Attributes:
        stages: Total number of stages.
        out: Stream for the lines.
        seconds: Wall time by stage, in the order of their start.
    """

    stages: int
    out: TextIO
    seconds: dict[str, float] = field(default_factory=dict)
    _last_time: float = 0.0
    _last_line: str = ""
    _is_terminal: bool = False

    def __post_init__(self) -> None:
        self._is_terminal = self.out.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    @contextmanager
    def announce_stage(self, name: str, sentence: str) -> Iterator[None]:
        """Announce a stage, and print its duration when it ends without an error."""
        started = time.monotonic()
        self._last_time = started
        self.print_lines(f"{len(self.seconds) + 1}/{self.stages}  {sentence}")
        yield
        self.seconds[name] = round(time.monotonic() - started, 1)
        self.print_lines(f"     done in {self.seconds[name]} s")

    def show_progress(self, done: int, total: int, unit: str) -> None:
        """Show the progress of a stage. If the output is not a terminal, print it every few seconds."""
        text = f"     {min(done, total)} of {total} {unit}"
        if self._is_terminal:
            self.out.write(f"\r{text[:WIDTH]:<{WIDTH}}")
            self.out.flush()
        elif time.monotonic() - self._last_time >= (REPEAT_SECONDS if text == self._last_line else UPDATE_SECONDS):
            self._last_time, self._last_line = time.monotonic(), text
            self.print_lines(text)

    def print_finding(self, sentence: str) -> None:
        """Print an indented result of the current stage."""
        self.print_lines(f"     {sentence}")

    def print_lines(self, text: str) -> None:
        """Print lines unchanged."""
        line_clearing = f"\r{'':<{WIDTH}}\r" if self._is_terminal else ""
        self.out.write(f"{line_clearing}{text}\n")
        self.out.flush()
