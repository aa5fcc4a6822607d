"""Test the table of jobs: each can be loaded, has rows, a queue with a worker, and a description."""

import pytest

from exhibit.errors import WrongUseError
from registry import jobs
from registry.configuration import load_config
from registry.db import steps
from workers.servers.product import services as processes
from workers.tasks.sync_runner import SyncRunner


def test_every_queue_is_taken_and_every_row_has_an_owner() -> None:
    for job in jobs.periodic_jobs():
        queryset = job.rows._default_manager.filter(**({f"{job.owner}__slug": "studio"} if job.owner else {}))
        assert "SELECT" in str(queryset.filter(**job.settled).query)
    workers = " ".join(" ".join(child.command) for child in processes(load_config()))
    queues = {name for words in workers.split("-Q ")[1:] for name in words.split()[0].split(",")}
    assert {*jobs.queues().values(), jobs.SWEEP} == queues
    assert jobs.queues()[jobs.JOBS["capture"].task(is_requested=True)] == "visits" != jobs.queues()["capture"]


def test_every_job_does_what_it_names_and_nothing_where_no_row_waits(inline: SyncRunner) -> None:
    for job in jobs.JOBS.values():
        job(inline.services, [])  # raises an error if an import is missing
        assert not (job.periodic and steps.due_ids(job.rows, inline.services.stale_after, 1))


def test_rows_go_out_in_messages_of_a_batch_in_their_order() -> None:
    register = jobs.JOBS["register"]
    rows = list(range(2 * register.batch + 1))
    messages = list(register.batches(rows))
    assert [len(batch) for batch in messages] == [register.batch, register.batch, 1]
    assert [pk for batch in messages for pk in batch] == rows


def test_a_job_is_named_in_words_and_an_unknown_one_refused() -> None:
    assert jobs.translated_label("seal") == "bundles to seal"
    assert jobs.translated_label("tick") == "schedules"
    assert jobs.translated_label("unknown") == "unknown"
    for name in ("unknown", "plan"):  # no rows wait for a plan
        with pytest.raises(WrongUseError):
            jobs.get_job(name)
