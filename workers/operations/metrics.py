"""Prometheus metrics of the installation. They are computed from rows, so any process can serve them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from exhibit.config.config import Config
from registry.db import heartbeats
from registry.db.heartbeats import SILENCE_TIMEOUT
from registry.services.services import Services
from workers.operations import health
from workers.operations.status import InstallationStatus, collect_status
from workers.pipeline.celery import list_queues

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def render_metrics(services: Services) -> bytes:
    """Return all metrics in Prometheus's text format. Labels are steps, queues, indexes and timestamp services only."""
    return generate_latest(
        _StaticCollector([*_build_families(collect_status(services), services.config), *_build_counters()])
    )


@dataclass(frozen=True, slots=True)
class _StaticCollector(Collector):
    """A collector of metrics that were computed in advance."""

    families: Sequence[Metric]

    def collect(self) -> Sequence[Metric]:
        return self.families


def _build_gauge(
    name: str, text: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"exhibit_{name}", text, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family


def _build_families(status: InstallationStatus, config: Config) -> Iterator[Metric]:
    rows = [
        ((step.step, state), count)
        for step in status.steps
        for state, count in (("waiting", step.waiting_rows), ("under_way", step.under_way), ("failed", step.failed))
    ]
    yield _build_gauge("rows", "Jobs by processing step and state.", ("step", "state"), rows)
    oldest = [((step.step,), _compute_age(status, step.oldest)) for step in status.steps]
    yield _build_gauge("oldest_seconds", "Age of the oldest job that can start.", ("step",), oldest)
    ages = [((queue,), _compute_age(status, since)) for queue, since in status.queues.items()]
    yield _build_gauge("queue_oldest_seconds", "Age of the oldest job in a queue.", ("queue",), ages)
    queues_of_live_workers = [
        process.queues.split(",") for process in status.heartbeats if status.at - process.seen_at < SILENCE_TIMEOUT
    ]
    workers = [((queue,), sum(queue in queues for queues in queues_of_live_workers)) for queue in sorted(list_queues())]
    yield _build_gauge("workers", "Running workers by queue.", ("queue",), workers)
    index_labels = ("collection", "space")
    vectors = [((index.collection, index.space), index.vectors) for index in status.indexes]
    yield _build_gauge("index_vectors", "Vectors in the files of an index.", index_labels, vectors)
    pending_changes = [((index.collection, index.space), index.behind) for index in status.indexes]
    yield _build_gauge(
        "index_behind", "Changes that are not yet in the files of an index.", index_labels, pending_changes
    )
    yield from _build_timestamp_gauges(status)
    failed_checks = [check for check in health.run_checks(status, config) if not check.ok]
    single_values = {
        "disk_free_bytes": ("Free disk space for the data folder in bytes.", status.disk.free),
        "disk_floor_bytes": ("Free disk space in bytes below which crawling stops.", status.disk.floor),
        "disk_free_files": ("Free inodes for the data folder.", status.disk.files),
        "database_bytes": ("Size of the database in bytes.", status.disk.database),
        "crawls_under_way": ("Crawls in progress.", len(status.crawls.running)),
        "watches_late": ("Watches whose next crawl is overdue.", status.crawls.late_watches),
        "canaries_missed": ("Known copies that the last crawls missed.", len(status.missed_known_copies)),
        "works_held": ("Works on hold that are waiting for a decision.", len(status.works_on_hold)),
        "log_entries_signed": ("Entries in the latest signed checkpoint.", status.log.size),
        "log_stopped": ("1 if checkpoints are no longer signed, 0 otherwise.", int(bool(status.log.stopped))),
        "amiss": ("Problems on the operator's status page.", len(failed_checks)),
    }
    for name, (text, value) in single_values.items():
        if value is not None:
            yield GaugeMetricFamily(f"exhibit_{name}", text, value=value)


def _compute_age(status: InstallationStatus, since: datetime | None) -> float:
    return 0 if since is None else (status.at - since).total_seconds()


def _build_timestamp_gauges(status: InstallationStatus) -> Iterator[Metric]:
    healths = [((service.name,), service.health) for service in status.timestamp_services]
    pending_receipts = [(name, 0 if health is None else health.owed) for name, health in healths]
    yield _build_gauge(
        "timestamp_service_pending_receipts", "Pending receipts of a timestamp service.", ("service",), pending_receipts
    )
    unresponsive_seconds = [
        (name, _compute_age(status, None if health is None else health.unresponsive_since)) for name, health in healths
    ]
    yield _build_gauge(
        "timestamp_service_silent_seconds",
        "Seconds without a response from a timestamp service; 0 if it responds.",
        ("service",),
        unresponsive_seconds,
    )
    last_receipts = [
        ((service.name,), service.last_receipt.timestamp())
        for service in status.timestamp_services
        if service.last_receipt
    ]
    text = "Unix time of the last complete receipt."
    yield _build_gauge("timestamp_service_last_receipt_timestamp_seconds", text, ("service",), last_receipts)


def _build_counters() -> Iterator[Metric]:
    """Yield the total resource use of each step."""
    descriptions = {
        "rows": "Finished rows.",
        "seconds": "Elapsed seconds.",
        "processor_seconds": "Processor seconds.",
    }
    durations = heartbeats.load_usage_since(EPOCH)
    for name, text in descriptions.items():
        family = CounterMetricFamily(f"exhibit_step_{name}", text, labels=("step",))
        for step, usage in sorted(durations.items()):
            family.add_metric((step,), getattr(usage, name))
        yield family
