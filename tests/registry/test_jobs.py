"""Test the table of jobs: each can be loaded, has rows, a queue with a worker, and a description."""

import pytest

from exhibit.errors import InvalidRequestError
from registry import jobs
from registry.configuration import load_config
from registry.db import steps
from workers.servers.product import list_services as processes
from workers.tasks.sync_runner import SyncRunner


def test_every_queue_has_a_worker_and_every_job_an_owner() -> None:
    for job in jobs.list_periodic_jobs():
        queryset = job.model._default_manager.filter(**({f"{job.owner}__slug": "studio"} if job.owner else {}))
        assert "SELECT" in str(queryset.filter(**job.settled).query)
    worker_commands = " ".join(" ".join(child.command) for child in processes(load_config()))
    queues = {name for words in worker_commands.split("-Q ")[1:] for name in words.split()[0].split(",")}
    assert {*jobs.list_queues_by_task().values(), jobs.SWEEP} == queues
    assert (
        jobs.list_queues_by_task()[jobs.JOBS["capture"].get_task_name(is_requested=True)]
        == "visits"
        != jobs.list_queues_by_task()["capture"]
    )


def test_every_job_runs_without_error_if_it_has_no_rows(inline: SyncRunner) -> None:
    for job in jobs.JOBS.values():
        job(inline.services, [])  # raises an error if an import is missing
        assert not (job.periodic and steps.list_due_ids(job.model, inline.services.stale_after, 1))


def test_rows_are_batched_in_order() -> None:
    register = jobs.JOBS["register"]
    rows = list(range(2 * register.batch + 1))
    messages = list(register.iterate_batches(rows))
    assert [len(batch) for batch in messages] == [register.batch, register.batch, 1]
    assert [pk for batch in messages for pk in batch] == rows


def test_job_has_a_label_and_unknown_job_is_rejected() -> None:
    assert jobs.translate_label("seal") == "bundles to seal"
    assert jobs.translate_label("tick") == "scheduled tasks to start"
    assert jobs.translate_label("unknown") == "unknown"
    for name in ("unknown", "plan"):  # "plan" has no rows
        with pytest.raises(InvalidRequestError):
            jobs.get_job(name)
