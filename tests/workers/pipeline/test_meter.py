"""Test the measurements of each batch of a step."""

from datetime import timedelta

import pytest

from exhibit.clock import now
from registry.db import heartbeats
from registry.models import Picture, StepTime
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from workers.pipeline.meter import measure_batch
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.long
def test_step_time_is_summed_per_day(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    record_sightings(inline.services, *claim_new_slice(studio), [recompress(photograph(1)), photograph(2)])
    inline.run_until_idle()
    row = StepTime.objects.get(step="match")
    assert row.rows == Picture.objects.filter(state="done", sightings__isnull=False).count() == 2
    assert row.processor_seconds > 0
    assert row.seconds > 0
    heartbeats.record_step_time("match", rows=3, seconds=1, processor_seconds=2)
    later = StepTime.objects.get(step="match")
    assert (later.runs, later.rows) == (row.runs + 1, 5)
    assert later.processor_seconds == pytest.approx(row.processor_seconds + 2)
    StepTime.objects.create(step="seal", day=now().date() - timedelta(days=40), rows=1, last_at=now())
    assert set(heartbeats.load_usage_since(now() - timedelta(days=30))) == set(
        StepTime.objects.exclude(step="seal").values_list("step", flat=True)
    )


def test_failed_batch_is_measured(inline: SyncRunner) -> None:
    with pytest.raises(ZeroDivisionError), measure_batch("report"):
        _ = 1 // 0
    assert StepTime.objects.get().step == "report"
