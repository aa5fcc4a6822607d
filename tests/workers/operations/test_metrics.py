"""Test that Prometheus's own parser reads the metrics."""

from prometheus_client.parser import text_string_to_metric_families

from registry.db import running
from tests.assets.rows import bring, claimed_slice, owner, photograph
from workers.operations.metrics import metrics
from workers.tasks.sync_runner import SyncRunner


def test_rows_workers_and_times_are_told_by_labels_that_name_nobody(inline: SyncRunner) -> None:
    bring(inline.services, *claimed_slice(owner("secret-studio")), [photograph(1)])
    running.beat("worker@here", "match,evidence")
    running.add_time("match", rows=3, seconds=1, processor_seconds=2)
    text = metrics(inline.services).decode()
    told = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert told[("exhibit_rows", "match", "waiting")] == 1
    assert told[("exhibit_rows", "slice", "under_way")] == 1
    assert told[("exhibit_oldest_seconds", "match")] > 0
    assert (told[("exhibit_workers", "match")], told[("exhibit_workers", "crawl")]) == (1, 0)
    assert told[("exhibit_step_rows_total", "match")] == 3
    assert told[("exhibit_crawls_under_way",)] == 1
    assert told[("exhibit_disk_free_bytes",)] > 0
    assert "secret-studio" not in text
