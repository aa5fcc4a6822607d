"""``make soak``: a steady load for a given time, and measurements of values that must stay flat."""

import contextlib
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import fmean

import requests

from registry.models import Owner
from tests.assets.failure_rounds import FailureSchedule, run_owners, small_site
from tests.assets.shop import create_watch, run_now
from tests.assets.stack import Stack, running_stack
from tests.chaos.many_rounds import print_line
from tests.chaos.measurements import Measurement, measure

WARM_UP = 0.1
"""Share of the time before measurements count; by then every process has done each kind of work once."""

_MIB = 1024.0**2
STEADY = 240
"""Number of the site that is crawled repeatedly."""


@dataclass(frozen=True)
class Bound:
    """The permitted growth of the mean from the first to the last third: a share of it, plus an absolute amount."""

    share: float
    more: float


BOUNDS: dict[str, Bound] = {
    "memory": Bound(0.15, 24 * _MIB),
    "descriptors": Bound(0.1, 24),
    "processes": Bound(0.1, 3),
    "table": Bound(0.25, 1 * _MIB),
    "dead rows": Bound(0.5, 20_000),
    "redis memory": Bound(0.25, 2 * _MIB),
    "redis keys": Bound(0.25, 20),
    "redis file": Bound(0.25, 4 * _MIB),
    "spool": Bound(0.0, 1 * _MIB),
    "half-made files": Bound(0.0, 20),
    "logs": Bound(0.5, 20 * _MIB),
    "seconds of a play": Bound(0.5, 5),
}
"""Bounds by the first words of a value's name."""


class MeasurementSchedule(FailureSchedule):
    """A measurement of a stack at intervals while runs are played, without failures.

    Args:
        interval: Seconds between two measurements.
        record: File that gains a line for each measurement.
    """

    def __init__(self, interval: float, record: Path) -> None:
        super().__init__(Random(0), [])
        self.every, self.record = interval, record
        self.start = time.monotonic()
        self.measurements: list[tuple[float, Measurement]] = []
        self.play_seconds = 0.0

    def look(self, stack: Stack, passed: float) -> None:  # noqa: ARG002 - the moments are those of the whole
        """Measure if it is time."""
        moment = time.monotonic() - self.start
        if not self.measurements or moment >= self.measurements[-1][0] + self.every:
            requests.get(f"http://127.0.0.1:{stack.config.web_port}/", timeout=30)
            measurement = measure(stack) | {"seconds of a play": self.play_seconds}
            self.measurements.append((moment, measurement))
            with self.record.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"moment": round(moment, 1), **measurement}) + "\n")


def run_soak(folder: Path, seconds: float, interval: float, record: Path) -> int:
    """Load a stack for ``seconds``. Prints the first and last third of each value; returns 1 if one has grown."""
    record.parent.mkdir(parents=True, exist_ok=True)
    schedule = MeasurementSchedule(interval, record)
    plays = 0
    with contextlib.suppress(KeyboardInterrupt), running_stack(folder / "stack") as stack, small_site(STEADY) as shop:
        steady = create_watch(Owner.objects.create(slug="steady", name="Steady"), shop.url())
        for number in itertools.count():
            if time.monotonic() - schedule.start > seconds:
                break
            start = time.monotonic()
            run_owners(stack, [number], schedule)
            plays, schedule.play_seconds = plays + 1, time.monotonic() - start
            run_now(steady)
            if number % 20 == 0:
                print_line(
                    f"{time.monotonic() - schedule.start:.0f} s, {plays} runs, the last in "
                    f"{schedule.play_seconds:.1f} s"
                )
    print_line(f"{plays} runs in {time.monotonic() - schedule.start:.0f} s, {len(schedule.measurements)} looks")
    return int(not print_growth([look for moment, look in schedule.measurements if moment > WARM_UP * seconds]))


def print_growth(schedule: list[Measurement]) -> bool:
    """Print the first and last third of each value, and return True if all are flat."""
    third = len(schedule) // 3
    if not third:
        print_line("too few looks")
        return False
    names = sorted(set().union(*schedule))
    print_line(f"\n{'measure':44}{'first third':>14}{'last third':>14}{'most':>14}")
    flat = True
    for name in names:
        values = [look.get(name, 0.0) for look in schedule]
        first, last = fmean(values[:third]), fmean(values[-third:])
        bound = next(limit for start, limit in BOUNDS.items() if name.startswith(start))
        grown = last > first * (1 + bound.share) + bound.more
        flat = flat and not grown
        format_value = format_for(name)
        note = f"  GROWN: at most {format_value(first * (1 + bound.share) + bound.more)}" if grown else ""
        print_line(f"{name:44}{format_value(first):>14}{format_value(last):>14}{format_value(max(values)):>14}{note}")
    print_line("flat" if flat else "not flat")
    return flat


def format_for(name: str) -> Callable[[float], str]:
    count_prefixes = ("descriptors", "processes", "dead rows", "redis keys", "half-made files", "seconds")
    if name.startswith(count_prefixes):
        return "{:,.1f}".format
    return lambda value: f"{value / _MIB:,.2f} MiB"
