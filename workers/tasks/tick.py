"""The tick: finds pending rows and sends messages for them. Lost messages are harmless: the tick sends new ones."""

import logging
import time
from datetime import timedelta
from functools import cache

from django.db.models import Subquery
from django.db.models.functions import Coalesce

from evidence.log.append_only import BrokenHistoryError
from exhibit.clock import MAX_CLOCK_SKEW, now
from exhibit.errors import ExhibitError
from exhibit.machine import describe_machine_fault, log_once
from registry import jobs
from registry.bundles.timestamp_requests import is_checkpoint_due
from registry.crawls import crawling
from registry.crawls.planning import plan_crawls, start_due_crawls
from registry.db import steps
from registry.db.statements import QUERY_TIME, Statement, build_exists_query
from registry.log.configuration import log_configuration
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import Crawl, LogCheckpoint, LogEntry, LogWaiting, StepState, Watch
from registry.notifications import due_rows
from registry.services.services import Services
from workers.servers.redis import clear_rate_limits
from workers.tasks.release_rows import release_rows_of_ended_processes

_clock_offsets: dict[str, float] = {}
"""Offset in seconds between the wall clock and the monotonic clock when this process last checked."""
_log_configuration_once = cache(log_configuration)
"""Writes the configuration to the log once per process, because it does not change while the process runs."""


def tick(services: Services) -> None:
    """Run one round: crawls, pending rows of each step, and the log. If nothing is due, this takes four queries."""
    _log_configuration_once(services)
    release_rows_of_ended_processes()
    _check_clock(services)
    for (condition,) in _build_crawl_query().fetch_rows():
        if condition == "due":
            start_due_crawls(services)
        else:
            plan_crawls(services, crawling.list_running_crawls())
    _send_due_messages(services)
    due_log_work = {condition for (condition,) in _build_log_query().fetch_rows()}
    if "waiting" in due_log_work:
        sequence_log(services)
    if due_log_work and is_checkpoint_due(services):
        try:
            sign_checkpoint(services)
        except BrokenHistoryError as error:  # Everything else continues. `exhibit status` also reports this error.
            log_once(f"The checkpoint of the log could not be signed: {error}", logging.ERROR)
        except (ExhibitError, OSError) as error:  # The checkpoint file cannot be written.
            if not describe_machine_fault(error):
                raise
            log_once(f"The checkpoint of the log could not be signed: {describe_machine_fault(error)}", logging.ERROR)


@cache
def _build_crawl_query() -> Statement:
    """Build the query for due watches and running crawls."""
    due_watches = Watch.objects.filter(paused=False, next_run_at__lte=QUERY_TIME)
    return Statement(
        [
            build_exists_query(due_watches, "due"),
            build_exists_query(Crawl.objects.filter(state=StepState.RUNNING), "under way"),
        ]
    )


@cache
def _build_log_query() -> Statement:
    """Build the query for entries without a number and for entries after the newest checkpoint."""
    size = Subquery(LogCheckpoint.objects.order_by("-pk").values("size")[:1])
    unsigned_entries = LogEntry.objects.filter(sequence__gte=Coalesce(size, 0))
    return Statement(
        [build_exists_query(LogWaiting.objects.all(), "waiting"), build_exists_query(unsigned_entries, "unsigned")]
    )


@cache
def _build_job_query(stale_after: timedelta) -> Statement:
    """Build the query for the jobs that have due rows."""
    return Statement(
        build_exists_query(
            due_rows.list_due_rows(job.model, stale_after, QUERY_TIME)
            if job.model in due_rows.NEWS_CONDITIONS
            else job.model._default_manager.filter(steps.build_due_condition(stale_after, QUERY_TIME)),
            job.name,
        )
        for job in jobs.list_periodic_jobs()
    )


def _send_due_messages(services: Services) -> None:
    """Send messages for pending rows, so that no job monopolises a shared queue and no owner monopolises a job."""
    due_jobs = {name for (name,) in _build_job_query(services.stale_after).fetch_rows()}
    tasks = [(job, task) for job in jobs.list_periodic_jobs() if job.name in due_jobs for task in job.queues_by_task]
    # All queue lengths are read before a message is sent.
    for job, task in [(job, task) for job, task in tasks if services.count_queued(task) < jobs.MAX_MESSAGES]:
        _send_rows(services, job, task, jobs.MAX_MESSAGES)


def send_next(services: Services, queue: str) -> None:
    """Send the next message of a queue, unless it contains one. Called when a process of the queue becomes free."""
    for job in jobs.list_periodic_jobs():
        for task, task_queue in job.queues_by_task.items():
            if task_queue == queue and not services.count_queued(task):
                _send_rows(services, job, task, 1)


def _send_rows(services: Services, job: jobs.Job, task: str, messages: int) -> None:
    limit = job.batch * messages
    if job.model in due_rows.NEWS_CONDITIONS:
        rows = due_rows.list_due_keys(job.model, services.stale_after, limit)
    else:
        row_filter = job.get_row_filter(task)
        rows = steps.list_due_ids(
            job.model, services.stale_after, limit, job.owner, row_filter, fresh_first=job.fresh_first
        )
    services.enqueue(job.model, rows, by_user=task != job.name)


def _check_clock(services: Services) -> None:
    """Clear the site's rate-limit counters if the wall clock was set back."""
    offset = now().timestamp() - time.monotonic()
    if offset < _clock_offsets.get("ahead", offset) - MAX_CLOCK_SKEW.total_seconds():
        clear_rate_limits(services.config)
    _clock_offsets["ahead"] = offset
