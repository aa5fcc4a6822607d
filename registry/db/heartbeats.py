"""Worker heartbeats and step times, which are cheap to write and shown to the operator."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Max, Sum

from exhibit.clock import now
from registry.db.claimable import Heartbeat, StepTime

TICK = "tick"
"""Heartbeat name of the scheduler's tick, which every installation needs."""
BEAT_SECONDS = 30.0
"""Seconds between two pings of the workers."""
SILENCE_TIMEOUT = timedelta(seconds=90)
"""A worker is considered silent after this time without a response."""
HEARTBEAT_RETENTION = timedelta(days=1)
"""A silent worker is removed after this time: its machine has been replaced."""

_UPDATE_SEEN_AT = "UPDATE registry_heartbeat SET seen_at = %s WHERE name = ANY(%s) RETURNING name"
_ADD_STEP_TIME = """
INSERT INTO registry_steptime AS kept (step, day, runs, rows, seconds, processor_seconds, last_at)
VALUES (%s, %s, 1, %s, %s, %s, %s)
ON CONFLICT (step, day) DO UPDATE SET
    runs = kept.runs + 1, rows = kept.rows + excluded.rows, seconds = kept.seconds + excluded.seconds,
    processor_seconds = kept.processor_seconds + excluded.processor_seconds,
    last_at = greatest(kept.last_at, excluded.last_at)
"""


@dataclass(frozen=True, slots=True)
class StepUsage:
    """Work and time of a step."""

    rows: int  # rows finished by the step
    seconds: float  # wall-clock time
    processor_seconds: float  # CPU time
    last_at: datetime  # time of the last run


def record_heartbeat(name: str, queues: str = "") -> None:
    """Record that a worker is alive."""
    current_time = now()
    values = {"queues": queues, "seen_at": current_time}
    Heartbeat.objects.update_or_create(
        name=name, defaults=values, create_defaults={**values, "started_at": current_time}
    )


def update_seen(names: Collection[str]) -> set[str]:
    """Record that these workers are alive; return the names that have no row."""
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE_SEEN_AT, [now(), list(names)])
        return set(names) - {name for (name,) in cursor.fetchall()}


def record_end(name: str) -> None:
    """Remove the heartbeat of a worker that ends cleanly."""
    Heartbeat.objects.filter(name=name).delete()


def record_start(name: str, queues: str) -> None:
    """Record that a worker has started, replacing the heartbeat of its last run; old heartbeats are deleted."""
    Heartbeat.objects.filter(seen_at__lt=now() - HEARTBEAT_RETENTION).delete()
    record_end(name)
    record_heartbeat(name, queues)


def list_heartbeats() -> list[Heartbeat]:
    """Return the heartbeats of the last day, by name."""
    return list(Heartbeat.objects.filter(seen_at__gte=now() - HEARTBEAT_RETENTION).order_by("name"))


def find_silent_hosts() -> set[str]:
    """Return the hosts whose workers have all been silent too long while this process was listening."""
    last_seen: dict[str, datetime] = {}
    for name, seen_at in Heartbeat.objects.exclude(name=TICK).values_list("name", "seen_at"):
        host = name.rpartition("@")[2]
        last_seen[host] = max(seen_at, last_seen.get(host, seen_at))
    return _detector.find_silent(last_seen, time.monotonic())


class SilenceDetector:
    """Detector for silent hosts, based on the listener's own clock.

    Other machines' clocks and pauses of the listener itself do not affect the result.
    """

    def __init__(self) -> None:
        self._heartbeats: dict[str, tuple[datetime, float]] = {}
        self._at = float("-inf")

    def find_silent(self, last_heartbeats: Mapping[str, datetime], at: float) -> set[str]:
        """Return the hosts without a new heartbeat for :data:`SILENCE_TIMEOUT`.

        The result is empty if no host has a new heartbeat: then the workers cannot be pinged, for example because the
        broker is down, but they continue to work.

        Args:
            last_heartbeats: Time of the last heartbeat, by host.
            at: The current time of the listener's monotonic clock, in seconds.
        """
        previous_heartbeats = self._heartbeats if at - self._at <= 2 * BEAT_SECONDS else {}
        current_heartbeats = {name: (last_heartbeat, at) for name, last_heartbeat in last_heartbeats.items()}
        self._heartbeats = current_heartbeats | {
            name: entry for name, entry in previous_heartbeats.items() if entry[0] == last_heartbeats.get(name)
        }
        self._at = at
        silent_names = {
            name for name, (_, since) in self._heartbeats.items() if at - since > SILENCE_TIMEOUT.total_seconds()
        }
        if silent_names and silent_names == self._heartbeats.keys():
            silent_names, self._heartbeats = set(), current_heartbeats
        return silent_names


_detector = SilenceDetector()


def record_step_time(step: str, *, rows: int, seconds: float, processor_seconds: float) -> None:
    """Add one run of a step to today's totals."""
    current_time = now()
    with connection.cursor() as cursor:
        cursor.execute(_ADD_STEP_TIME, [step, current_time.date(), rows, seconds, processor_seconds, current_time])


def load_usage_since(start: datetime) -> Mapping[str, StepUsage]:
    """Return work and time of each step since the day of ``start``."""
    rows = StepTime.objects.filter(day__gte=start.date()).values_list("step")
    sums = rows.annotate(Sum("rows"), Sum("seconds"), Sum("processor_seconds"), Max("last_at"))
    return {step: StepUsage(*totals) for step, *totals in sums}
