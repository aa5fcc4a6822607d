"""Statistics of the installation, from rows and the disk, so that every process reports the same."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, FloatField, Sum
from django.db.models.expressions import RawSQL
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from exhibit.clock import now
from registry import jobs
from registry.alliance import partners
from registry.cases import floods
from registry.crawls import canaries
from registry.crawls.schedules import list_due_watches
from registry.db import heartbeats
from registry.db.heartbeats import StepUsage
from registry.keys.signing_keys import locked_keys_fault
from registry.log import service_availability
from registry.log.anchors import get_anchor_configs
from registry.log.local_log import get_log
from registry.matches.index_upkeep import IndexState, measure_indexes
from registry.models import (
    UNFINISHED,
    AnchorReceipt,
    Canary,
    Crawl,
    Heartbeat,
    LogCheckpoint,
    LogWaiting,
    StepState,
    Watch,
)
from registry.retention.picture_reports import list_open_reports
from registry.services.disk import FreeSpace, get_free_space
from registry.services.services import Services
from workers.operations.backlog import Backlog, Failure, by_task, failures, held_up, oldest_by_queue
from workers.operations.capacity import COST_DAYS

LATE = timedelta(minutes=15)  # Delay after which a run that has not started counts as late.
MAX_CRAWLS = 20


@dataclass(frozen=True, slots=True)
class Witness:
    """A configured timestamp service."""

    kind: str
    name: str
    development: bool
    health: service_availability.Availability | None  # Its recent responses; None if it was never queried.
    last_receipt: datetime | None  # Time of its last complete timestamp, as stated by itself.


@dataclass(frozen=True, slots=True)
class Disk(FreeSpace):
    """Disk room, and the size of the database in bytes."""

    database: int


@dataclass(frozen=True, slots=True)
class LogFigures:
    """The log: entries awaiting numbers, the newest signed checkpoint, and why signing has stopped, if it has."""

    waiting: int
    size: int
    signed_at: datetime | None
    stopped: str


@dataclass(frozen=True, slots=True)
class Crawls:
    """Crawls under way (oldest first), those that ended within a day by reason, and late watches."""

    under_way: Sequence[Crawl]  # Annotated with pages ``rendered`` by a browser and ``render_seconds``.
    ended: Mapping[str, int]
    late: int
    anonymous: bool  # True if there are watches but no contact for visited sites.


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the installation at one point in time."""

    at: datetime
    steps: Sequence[Backlog]
    failures: Sequence[Failure]
    held_up: Mapping[str, str]
    queues: Mapping[str, datetime | None]  # Since when the oldest row that can be processed waits, by queue.
    heartbeats: Sequence[Heartbeat]
    crawls: Crawls
    indexes: Sequence[IndexState]
    witnesses: Sequence[Witness]
    log: LogFigures
    disk: Disk
    missed: Sequence[Canary]
    taken: Mapping[str, StepUsage]
    reported: Sequence[str] = ()
    partners: Sequence[tuple[str, str]] = ()  # Names with the fault in each partner's log, if any.
    closed_keys: str = ""  # Reason why owners' sealing keys cannot be decrypted, so that nothing is sealed.
    floods: Sequence[tuple[str, int, int]] = ()  # Owner, work number, and number of sites of each work on hold.


def status_of(services: Services, most: int | None = None) -> Status:
    """Collect all statistics in some twenty queries, regardless of the amount of data.

    At most ``most`` waiting rows are counted per step.
    """
    backlogs = by_task(most)
    return Status(
        at=now(),
        steps=[backlogs[step.name] for step in jobs.periodic_jobs()],
        failures=failures(),
        held_up=held_up(most),
        queues=oldest_by_queue(backlogs),
        heartbeats=heartbeats.heartbeats(),
        crawls=_crawls(services),
        indexes=measure_indexes(services),
        witnesses=_witnesses(services),
        log=_log(services),
        disk=disk_of(services),
        missed=[result.canary for _, result in canaries.list_recent_misses()],
        taken=heartbeats.usage_since(now() - timedelta(days=COST_DAYS)),
        reported=list_open_reports(),
        closed_keys=locked_keys_fault(services),
        partners=list(partners.list_active().values_list("name", "fault")),
        floods=list(floods.undecided_floods().values_list("work__owner__slug", "work__number", "sites")),
    )


def _crawls(services: Services) -> Crawls:
    under_way = Crawl.objects.filter(state__in=UNFINISHED).select_related("watch__owner")
    ended = Crawl.objects.filter(finished_at__gte=now() - timedelta(days=1)).order_by().values_list("reason")
    counts = dict(ended.annotate(count=Count("pk")).order_by("-count"))
    under_way = under_way.annotate(rendered=_sum_of("rendered"), render_seconds=_sum_of("render_seconds"))
    watches = Watch.objects.filter(removed_at=None, paused=False, owner__sample=False)
    anonymous = not services.config.contact and watches.exists()
    return Crawls(list(under_way.order_by("started_at")[:MAX_CRAWLS]), counts, len(list_due_watches(LATE)), anonymous)


def _sum_of(name: str) -> Sum:
    """Return the sum of a count over a crawl's slices; 0 if none has it."""
    return Sum(Cast(KeyTextTransform(name, "slices__counts"), FloatField()), default=0.0)


def _witnesses(services: Services) -> list[Witness]:
    anchors = [((anchor.kind, anchor.name), anchor.development) for anchor in get_anchor_configs(services)]
    if not anchors:
        return []
    health, last = service_availability.load_availability(), _last_receipts([who for who, _ in anchors])
    return [Witness(*who, development, health.get(who), last.get(who)) for who, development in anchors]


def _last_receipts(anchors: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], datetime | None]:
    """Return the time of each service's last complete timestamp, by kind and name."""
    done = AnchorReceipt.objects.filter(state=StepState.DONE).order_by("-pk").values_list("kind", "witness", "time")
    each = [done.filter(kind=kind, witness=name)[:1] for kind, name in anchors]
    return {(kind, name): time for kind, name, time in each[0].union(*each[1:], all=True)}


def _log(services: Services) -> LogFigures:
    count = RawSQL("SELECT count(*) FROM registry_logwaiting", ())
    newest = LogCheckpoint.objects.annotate(waiting=count).order_by("-pk").values_list("waiting", "size", "made_at")
    waiting_entries, size, signed_at = newest.first() or (LogWaiting.objects.count(), 0, None)
    return LogFigures(waiting_entries, size, signed_at, get_log(services).describe_stop())


def disk_of(services: Services) -> Disk:
    """Return the room on the data folder's disk and the size of the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        (database,) = cursor.fetchone()
    return Disk(**asdict(get_free_space(services.config)), database=int(database))
