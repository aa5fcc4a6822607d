"""Test that Prometheus's own parser reads the metrics."""

from prometheus_client.parser import text_string_to_metric_families

from registry.db import heartbeats
from tests.assets.rows import claim_new_slice, owner, photograph, record_sightings
from workers.operations.metrics import render_metrics
from workers.tasks.sync_runner import SyncRunner


def test_metrics_use_labels_without_personal_data(inline: SyncRunner) -> None:
    record_sightings(inline.services, *claim_new_slice(owner("secret-studio")), [photograph(1)])
    heartbeats.record_heartbeat("worker@here", "match,evidence")
    heartbeats.record_step_time("match", rows=3, seconds=1, processor_seconds=2)
    text = render_metrics(inline.services).decode()
    expected = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert expected[("exhibit_rows", "match", "waiting")] == 1
    assert expected[("exhibit_rows", "slice", "under_way")] == 1
    assert expected[("exhibit_oldest_seconds", "match")] > 0
    assert (expected[("exhibit_workers", "match")], expected[("exhibit_workers", "crawl")]) == (1, 0)
    assert expected[("exhibit_step_rows_total", "match")] == 3
    assert expected[("exhibit_crawls_under_way",)] == 1
    assert expected[("exhibit_disk_free_bytes",)] > 0
    assert "secret-studio" not in text
