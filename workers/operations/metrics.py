"""The figures of the installation for Prometheus: from rows, so that it doesn't matter which process is asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from exhibit.config.config import Config
from registry.db import running
from registry.db.running import SILENT
from workers.operations import health
from workers.operations.status import Status, status_of
from workers.pipeline.celery import all_queues
from workers.services.wiring import Services

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def metrics(services: Services) -> bytes:
    """All metrics in Prometheus's text format; labels are steps, queues, indexes and witnesses only."""
    return generate_latest(_Collected([*_families(status_of(services), services.config), *_counters()]))


@dataclass(frozen=True, slots=True)
class _Collected(Collector):
    """Metrics that have been collected already."""

    families: Sequence[Metric]

    def collect(self) -> Sequence[Metric]:
        return self.families


def _families(found: Status, config: Config) -> Iterator[Metric]:
    rows = GaugeMetricFamily("exhibit_rows", "Rows by step and state.", labels=("step", "state"))
    oldest = GaugeMetricFamily("exhibit_oldest_seconds", "Age of the oldest row that could begin.", labels=("step",))
    for step in found.steps:
        for state in ("waiting", "under_way", "failed"):
            rows.add_metric((step.step, state), getattr(step, state))
        oldest.add_metric((step.step,), 0 if step.oldest is None else (found.at - step.oldest).total_seconds())
    waiting = GaugeMetricFamily("exhibit_queue_oldest_seconds", "Age of the oldest row of a queue.", labels=("queue",))
    for queue, since in found.queues.items():
        waiting.add_metric((queue,), 0 if since is None else (found.at - since).total_seconds())
    yield from (rows, oldest, waiting)
    workers = GaugeMetricFamily("exhibit_workers", "Workers alive by queue.", labels=("queue",))
    living = [process.queues.split(",") for process in found.heartbeats if found.at - process.seen_at < SILENT]
    for queue in sorted(all_queues()):
        workers.add_metric((queue,), sum(queue in queues for queues in living))
    yield workers
    yield from _indexes(found)
    yield from _witnesses(found)
    amiss = [check for check in health.checks(found, config) if not check.ok]
    plain = {
        "disk_free_bytes": ("Room where the data folder lies.", found.disk.free),
        "disk_floor_bytes": ("Crawling stops below.", found.disk.floor),
        "database_bytes": ("What the database takes.", found.disk.database),
        "crawls_under_way": ("Crawls under way.", len(found.crawls.under_way)),
        "watches_late": ("Watches that should have begun.", found.crawls.late),
        "canaries_missed": ("Canaries that the last runs have missed.", len(found.missed)),
        "works_held": ("Works held back, whose owners haven't decided yet.", len(found.floods)),
        "log_entries_signed": ("Entries under the newest signed head.", found.log.size),
        "log_stopped": ("1 when the log's head isn't signed any more.", int(bool(found.log.stopped))),
        "amiss": ("Sentences on the operator's page.", len(amiss)),
    }
    for name, (text, value) in plain.items():
        yield GaugeMetricFamily(f"exhibit_{name}", text, value=value)


def _indexes(found: Status) -> Iterator[Metric]:
    labels = ("collection", "space")
    vectors = GaugeMetricFamily("exhibit_index_vectors", "Vectors in an index's files.", labels=labels)
    behind = GaugeMetricFamily("exhibit_index_behind", "Changes newer than an index's files.", labels=labels)
    for index in found.indexes:
        vectors.add_metric((index.collection, index.space), index.vectors)
        behind.add_metric((index.collection, index.space), index.behind)
    yield from (vectors, behind)


def _witnesses(found: Status) -> Iterator[Metric]:
    owed = GaugeMetricFamily("exhibit_witness_owed", "Receipts that a witness owes.", labels=("witness",))
    silent = GaugeMetricFamily("exhibit_witness_silent_seconds", "For how long it is silent.", labels=("witness",))
    text = "When it last stood for something in full, Unix time."
    last = GaugeMetricFamily("exhibit_witness_last_receipt_timestamp_seconds", text, labels=("witness",))
    for witness in found.witnesses:
        since = None if witness.health is None else witness.health.silent_since
        owed.add_metric((witness.name,), 0 if witness.health is None else witness.health.owed)
        silent.add_metric((witness.name,), 0 if since is None else (found.at - since).total_seconds())
        if witness.last_receipt is not None:
            last.add_metric((witness.name,), witness.last_receipt.timestamp())
    yield from (owed, silent, last)


def _counters() -> Iterator[Metric]:
    """What the steps have taken in all."""
    texts = {"rows": "Rows ended.", "seconds": "Seconds of the clock.", "processor_seconds": "Seconds of a core."}
    taken = running.taken_since(BEGINNING)
    for name, text in texts.items():
        family = CounterMetricFamily(f"exhibit_step_{name}", text, labels=("step",))
        for step, spent in sorted(taken.items()):
            family.add_metric((step,), getattr(spent, name))
        yield family
