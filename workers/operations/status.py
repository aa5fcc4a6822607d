"""Statistics of the installation, computed from rows and the disk, so that every process reports the same values."""

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
from registry.crawls import copy_checks
from registry.crawls.schedules import list_due_watches
from registry.db import heartbeats
from registry.db.heartbeats import StepUsage
from registry.keys.signing_keys import describe_locked_keys
from registry.log import service_availability
from registry.log.anchors import get_anchor_configs
from registry.log.local_log import get_log
from registry.matches.index_upkeep import IndexState, measure_indexes
from registry.models import (
    UNFINISHED,
    AnchorReceipt,
    Crawl,
    Heartbeat,
    KnownCopy,
    LogCheckpoint,
    LogWaiting,
    StepState,
    Watch,
)
from registry.retention.picture_reports import list_open_reports
from registry.services.disk import FreeSpace, get_free_space
from registry.services.services import Services
from workers.operations.backlog import (
    Backlog,
    Failure,
    count_by_task,
    find_held_up_reasons,
    find_oldest_by_queue,
    list_failures,
)
from workers.operations.capacity import COST_PERIOD_DAYS

LATE_AFTER = timedelta(minutes=15)  # Delay after which a crawl that has not started counts as late.
MAX_CRAWLS = 20


@dataclass(frozen=True, slots=True)
class TimestampService:
    """A configured timestamp service."""

    kind: str
    name: str
    development: bool
    health: service_availability.Availability | None  # Recent responses; None if the service was never queried.
    last_receipt: datetime | None  # Time of its last complete timestamp, as stated by the service.


@dataclass(frozen=True, slots=True)
class DiskUsage(FreeSpace):
    """Free disk space, and the size of the database in bytes."""

    database: int


@dataclass(frozen=True, slots=True)
class LogStatus:
    """The log: entries without a number, the newest signed checkpoint, and the reason why signing stopped, if any."""

    waiting: int
    size: int
    signed_at: datetime | None
    stopped: str


@dataclass(frozen=True, slots=True)
class CrawlStatus:
    """Running crawls (oldest first), crawls that ended within a day by reason, and late watches."""

    running: Sequence[Crawl]  # Annotated with pages ``rendered`` by a browser and ``render_seconds``.
    ended: Mapping[str, int]
    late_watches: int
    has_no_contact: bool  # True if there are watches but no contact for visited sites.


@dataclass(frozen=True, slots=True)
class InstallationStatus:
    """The state of the installation at one point in time."""

    at: datetime
    steps: Sequence[Backlog]
    failures: Sequence[Failure]
    held_up: Mapping[str, str]
    queues: Mapping[str, datetime | None]  # Time since which the oldest processable row is pending, by queue.
    heartbeats: Sequence[Heartbeat]
    crawls: CrawlStatus
    indexes: Sequence[IndexState]
    timestamp_services: Sequence[TimestampService]
    log: LogStatus
    disk: DiskUsage
    missed_known_copies: Sequence[KnownCopy]
    usage_by_step: Mapping[str, StepUsage]
    reported_digests: Sequence[str] = ()
    partner_faults: Sequence[tuple[str, str]] = ()  # Name and fault of each partner's log; empty if there is no fault.
    locked_keys_reason: str = ""  # Reason why owners' sealing keys cannot be decrypted; empty if they can.
    works_on_hold: Sequence[tuple[str, int, int]] = ()  # Owner, work number, and number of sites of each work on hold.


def collect_status(services: Services, max_rows: int | None = None) -> InstallationStatus:
    """Collect all statistics in some twenty queries, regardless of the amount of data.

    At most ``max_rows`` pending rows are counted per step.
    """
    backlogs = count_by_task(max_rows)
    return InstallationStatus(
        at=now(),
        steps=[backlogs[step.name] for step in jobs.list_periodic_jobs()],
        failures=list_failures(),
        held_up=find_held_up_reasons(max_rows),
        queues=find_oldest_by_queue(backlogs),
        heartbeats=heartbeats.list_heartbeats(),
        crawls=_collect_crawl_status(services),
        indexes=measure_indexes(services),
        timestamp_services=_collect_timestamp_services(services),
        log=_collect_log_status(services),
        disk=measure_disk_usage(services),
        missed_known_copies=[result.known_copy for _, result in copy_checks.list_recent_misses()],
        usage_by_step=heartbeats.load_usage_since(now() - timedelta(days=COST_PERIOD_DAYS)),
        reported_digests=list_open_reports(),
        locked_keys_reason=describe_locked_keys(services),
        partner_faults=list(partners.list_active_partners().values_list("name", "fault")),
        works_on_hold=list(floods.list_undecided_floods().values_list("work__owner__slug", "work__number", "sites")),
    )


def _collect_crawl_status(services: Services) -> CrawlStatus:
    running_crawls = Crawl.objects.filter(state__in=UNFINISHED).select_related("watch__owner")
    ended_crawls = Crawl.objects.filter(finished_at__gte=now() - timedelta(days=1)).order_by().values_list("reason")
    counts = dict(ended_crawls.annotate(count=Count("pk")).order_by("-count"))
    running_crawls = running_crawls.annotate(
        rendered=_build_count_sum("rendered"), render_seconds=_build_count_sum("render_seconds")
    )
    watches = Watch.objects.filter(removed_at=None, paused=False, owner__sample=False)
    has_no_contact = not services.config.contact and watches.exists()
    return CrawlStatus(
        list(running_crawls.order_by("started_at")[:MAX_CRAWLS]),
        counts,
        len(list_due_watches(LATE_AFTER)),
        has_no_contact,
    )


def _build_count_sum(name: str) -> Sum:
    """Return the sum of a count over the slices of a crawl; 0 if no slice has this count."""
    return Sum(Cast(KeyTextTransform(name, "slices__counts"), FloatField()), default=0.0)


def _collect_timestamp_services(services: Services) -> list[TimestampService]:
    anchors = [((anchor.kind, anchor.name), anchor.development) for anchor in get_anchor_configs(services)]
    if not anchors:
        return []
    health, last_receipts = service_availability.load_availability(), _find_last_receipts([key for key, _ in anchors])
    return [
        TimestampService(*key, development, health.get(key), last_receipts.get(key)) for key, development in anchors
    ]


def _find_last_receipts(anchors: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], datetime | None]:
    """Return the time of each service's last complete timestamp, by kind and name."""
    done = AnchorReceipt.objects.filter(state=StepState.DONE).order_by("-pk").values_list("kind", "service", "time")
    queries = [done.filter(kind=kind, service=name)[:1] for kind, name in anchors]
    return {(kind, name): time for kind, name, time in queries[0].union(*queries[1:], all=True)}


def _collect_log_status(services: Services) -> LogStatus:
    count = RawSQL("SELECT count(*) FROM registry_logwaiting", ())
    newest = LogCheckpoint.objects.annotate(waiting=count).order_by("-pk").values_list("waiting", "size", "made_at")
    waiting_entries, size, signed_at = newest.first() or (LogWaiting.objects.count(), 0, None)
    return LogStatus(waiting_entries, size, signed_at, get_log(services).describe_signing_stop())


def measure_disk_usage(services: Services) -> DiskUsage:
    """Return the free space on the data folder's disk and the size of the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        (database,) = cursor.fetchone()
    return DiskUsage(**asdict(get_free_space(services.config)), database=int(database))
