"""Prometheus metrics of the installation. They come from rows, so any process can serve them."""

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
from workers.operations.status import Status, status_of
from workers.pipeline.celery import all_queues

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def metrics(services: Services) -> bytes:
    """Return all metrics in Prometheus's text format. Labels are steps, queues, indexes and timestamp services only."""
    return generate_latest(_Collected([*_families(status_of(services), services.config), *_counters()]))


@dataclass(frozen=True, slots=True)
class _Collected(Collector):
    """A collector of metrics that were computed in advance."""

    families: Sequence[Metric]

    def collect(self) -> Sequence[Metric]:
        return self.families


def _gauge(
    name: str, text: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"exhibit_{name}", text, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family


def _families(status: Status, config: Config) -> Iterator[Metric]:
    rows = [
        ((step.step, state), count)
        for step in status.steps
        for state, count in (("waiting", step.waiting_rows), ("under_way", step.under_way), ("failed", step.failed))
    ]
    yield _gauge("rows", "Rows by step and state.", ("step", "state"), rows)
    oldest = [((step.step,), _age(status, step.oldest)) for step in status.steps]
    yield _gauge("oldest_seconds", "Age of the oldest row that could begin.", ("step",), oldest)
    ages = [((queue,), _age(status, since)) for queue, since in status.queues.items()]
    yield _gauge("queue_oldest_seconds", "Age of the oldest row of a queue.", ("queue",), ages)
    living = [
        process.queues.split(",") for process in status.heartbeats if status.at - process.seen_at < SILENCE_TIMEOUT
    ]
    workers = [((queue,), sum(queue in queues for queues in living)) for queue in sorted(all_queues())]
    yield _gauge("workers", "Workers alive by queue.", ("queue",), workers)
    of_index = ("collection", "space")
    vectors = [((index.collection, index.space), index.vectors) for index in status.indexes]
    yield _gauge("index_vectors", "Vectors in an index's files.", of_index, vectors)
    behind = [((index.collection, index.space), index.behind) for index in status.indexes]
    yield _gauge("index_behind", "Changes newer than an index's files.", of_index, behind)
    yield from _witnesses(status)
    amiss = [check for check in health.checks(status, config) if not check.ok]
    plain = {
        "disk_free_bytes": ("Room where the data folder lies.", status.disk.free),
        "disk_floor_bytes": ("Crawling stops below.", status.disk.floor),
        "disk_free_files": ("Files that can still be made there.", status.disk.files),
        "database_bytes": ("What the database takes.", status.disk.database),
        "crawls_under_way": ("Crawls under way.", len(status.crawls.under_way)),
        "watches_late": ("Watches that should have begun.", status.crawls.late),
        "canaries_missed": ("Canaries that the last runs have missed.", len(status.missed)),
        "works_held": ("Works held back, whose owners haven't decided yet.", len(status.floods)),
        "log_entries_signed": ("Entries under the newest signed head.", status.log.size),
        "log_stopped": ("1 when the log's head isn't signed any more.", int(bool(status.log.stopped))),
        "amiss": ("Sentences on the operator's page.", len(amiss)),
    }
    for name, (text, value) in plain.items():
        if value is not None:
            yield GaugeMetricFamily(f"exhibit_{name}", text, value=value)


def _age(status: Status, since: datetime | None) -> float:
    return 0 if since is None else (status.at - since).total_seconds()


def _witnesses(status: Status) -> Iterator[Metric]:
    healths = [((witness.name,), witness.health) for witness in status.witnesses]
    owed = [(name, 0 if health is None else health.owed) for name, health in healths]
    yield _gauge("witness_owed", "Receipts that a witness owes.", ("witness",), owed)
    silent = [(name, _age(status, None if health is None else health.silent_since)) for name, health in healths]
    yield _gauge("witness_silent_seconds", "For how long it is silent.", ("witness",), silent)
    last = [((witness.name,), witness.last_receipt.timestamp()) for witness in status.witnesses if witness.last_receipt]
    text = "When it last stood for something in full, Unix time."
    yield _gauge("witness_last_receipt_timestamp_seconds", text, ("witness",), last)


def _counters() -> Iterator[Metric]:
    """Yield the total resource use of each step."""
    texts = {"rows": "Rows ended.", "seconds": "Seconds of the clock.", "processor_seconds": "Seconds of a core."}
    durations = heartbeats.usage_since(BEGINNING)
    for name, text in texts.items():
        family = CounterMetricFamily(f"exhibit_step_{name}", text, labels=("step",))
        for step, spent in sorted(durations.items()):
            family.add_metric((step,), getattr(spent, name))
        yield family
