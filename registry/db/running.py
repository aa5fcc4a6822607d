"""Heartbeats of the workers, and what the steps take: written cheaply, read by the operator's page."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Max, Sum

from exhibit.clock import now
from registry.db.claimable import Heartbeat, StepTime

TICK = "tick"
"""The name under which the tick, which no worker may miss, says that it comes."""
BEAT_SECONDS = 30.0
"""How often workers are asked whether they live."""
SILENT = timedelta(seconds=90)
"""After so long without an answer a worker counts as silent."""
FORGOTTEN = timedelta(days=1)
"""After so long a silent worker is forgotten: its machine has been replaced."""

_SEEN = "UPDATE registry_heartbeat SET seen_at = %s WHERE name = ANY(%s) RETURNING name"
_ADD = """
INSERT INTO registry_steptime AS kept (step, day, runs, rows, seconds, processor_seconds, last_at)
VALUES (%s, %s, 1, %s, %s, %s, %s)
ON CONFLICT (step, day) DO UPDATE SET
    runs = kept.runs + 1, rows = kept.rows + excluded.rows, seconds = kept.seconds + excluded.seconds,
    processor_seconds = kept.processor_seconds + excluded.processor_seconds,
    last_at = greatest(kept.last_at, excluded.last_at)
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a step has done and taken."""

    rows: int  # that it ended
    seconds: float  # of the clock
    processor_seconds: float  # of a core
    last_at: datetime  # when it last ran


def beat(name: str, queues: str = "") -> None:
    """A worker lives."""
    moment = now()
    values = {"queues": queues, "seen_at": moment}
    Heartbeat.objects.update_or_create(name=name, defaults=values, create_defaults={**values, "started_at": moment})


def seen(names: Collection[str]) -> set[str]:
    """These workers live; says which of them have no row."""
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, [now(), list(names)])
        return set(names) - {name for (name,) in cursor.fetchall()}


def ends(name: str) -> None:
    """A worker ends cleanly: nobody waits for its heartbeat any more."""
    Heartbeat.objects.filter(name=name).delete()


def begins(name: str, queues: str) -> None:
    """A worker has come up, after an end of whatever kind; those that were forgotten are removed."""
    Heartbeat.objects.filter(seen_at__lt=now() - FORGOTTEN).delete()
    ends(name)
    beat(name, queues)


def heartbeats() -> list[Heartbeat]:
    """The workers that were heard of lately."""
    return list(Heartbeat.objects.filter(seen_at__gte=now() - FORGOTTEN).order_by("name"))


def silent_hosts() -> set[str]:
    """Machines whose workers were all heard of once, and none of them for long while this process listened."""
    heard: dict[str, datetime] = {}
    for name, seen in Heartbeat.objects.exclude(name=TICK).values_list("name", "seen_at"):
        host = name.rpartition("@")[2]
        heard[host] = max(seen, heard.get(host, seen))
    return _listener.silent(heard, time.monotonic())


class Listener:
    """Tells who is silent by the clock of whoever listens: neither other clocks nor a pause of its own mislead it."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[datetime, float]] = {}
        self._at = float("-inf")

    def silent(self, heard: Mapping[str, datetime], at: float) -> set[str]:
        """Those of whom nothing new was heard for :data:`SILENT`, at a moment of the listener's monotonic clock.

        Nobody as long as nothing is heard of anybody: they can't be asked, as without a broker, and work on.
        """
        known = self._heard if at - self._at <= 2 * BEAT_SECONDS else {}
        fresh = {name: (last, at) for name, last in heard.items()}
        self._heard = fresh | {name: old for name, old in known.items() if old[0] == heard.get(name)}
        self._at = at
        silent = {name for name, (_, since) in self._heard.items() if at - since > SILENT.total_seconds()}
        if silent and silent == self._heard.keys():
            silent, self._heard = set(), fresh
        return silent


_listener = Listener()


def add_time(step: str, *, rows: int, seconds: float, processor_seconds: float) -> None:
    """Add one run of a step to what it has taken today."""
    moment = now()
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [step, moment.date(), rows, seconds, processor_seconds, moment])


def taken_since(moment: datetime) -> Mapping[str, Taken]:
    """What each step has done and taken since the day of a moment."""
    rows = StepTime.objects.filter(day__gte=moment.date()).values_list("step")
    sums = rows.annotate(Sum("rows"), Sum("seconds"), Sum("processor_seconds"), Max("last_at"))
    return {step: Taken(*figures) for step, *figures in sums}
