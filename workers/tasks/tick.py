"""The tick: finds waiting rows and sends messages for them. Messages are hints; the tick makes losing them harmless."""

import logging
import time
from datetime import timedelta
from functools import cache

from django.db.models import Subquery
from django.db.models.functions import Coalesce

from evidence.log.append_only import BrokenHistoryError
from exhibit.clock import SLACK, now
from exhibit.errors import ExhibitError
from exhibit.machine import machine_fault, tell_once
from registry import jobs
from registry.bundles.timestamp_requests import is_checkpoint_due
from registry.crawls import crawling
from registry.crawls.planning import plan_crawls, start_due_crawls
from registry.db import steps
from registry.db.statements import MOMENT, Statement, exists_query
from registry.log.configuration import log_configuration
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import Crawl, LogCheckpoint, LogEntry, LogWaiting, StepState, Watch
from registry.notifications import due_rows
from registry.services.services import Services
from workers.servers.redis import forget_tries
from workers.tasks.release_rows import release_ended

_clock: dict[str, float] = {}
"""Offset in seconds between the wall clock and the monotonic clock when this process last checked."""
_witness_once = cache(log_configuration)
"""Writes the configuration to the log once per process, because it does not change while the process runs."""


def tick(services: Services) -> None:
    """Run one round: crawls, waiting rows of each step, and the log. If nothing waits, this takes four queries."""
    _witness_once(services)
    release_ended()
    _forget_tries(services)
    for (what,) in _crawls().rows():
        if what == "due":
            start_due_crawls(services)
        else:
            plan_crawls(services, crawling.list_running_crawls())
    _send_waiting(services)
    due_log_work = {what for (what,) in _log().rows()}
    if "waiting" in due_log_work:
        sequence_log(services)
    if due_log_work and is_checkpoint_due(services):
        try:
            sign_checkpoint(services)
        except BrokenHistoryError as error:  # Everything else continues; `exhibit status` reports it as well.
            tell_once(f"The log's head isn't signed: {error}", logging.ERROR)
        except (ExhibitError, OSError) as error:  # The checkpoint file cannot be written.
            if not machine_fault(error):
                raise
            tell_once(f"The log's head isn't signed: {machine_fault(error)}", logging.ERROR)


@cache
def _crawls() -> Statement:
    """Query whether watches are due and whether crawls are under way."""
    due = Watch.objects.filter(paused=False, next_run_at__lte=MOMENT)
    return Statement([exists_query(due, "due"), exists_query(Crawl.objects.filter(state=StepState.DOING), "under way")])


@cache
def _log() -> Statement:
    """Query whether submissions await their numbers, and whether entries follow the newest checkpoint."""
    size = Subquery(LogCheckpoint.objects.order_by("-pk").values("size")[:1])
    unsigned = LogEntry.objects.filter(sequence__gte=Coalesce(size, 0))
    return Statement([exists_query(LogWaiting.objects.all(), "waiting"), exists_query(unsigned, "unsigned")])


@cache
def _due_jobs(stale_after: timedelta) -> Statement:
    """Query which jobs have due rows."""
    return Statement(
        exists_query(
            due_rows.list_due(job.rows, stale_after, MOMENT)
            if job.rows in due_rows.NEWS_CONDITIONS
            else job.rows._default_manager.filter(steps.due_condition(stale_after, MOMENT)),
            job.name,
        )
        for job in jobs.periodic_jobs()
    )


def _send_waiting(services: Services) -> None:
    """Send messages for waiting rows. No job monopolises a shared queue, and no owner monopolises a job."""
    due = {name for (name,) in _due_jobs(services.stale_after).rows()}
    tasks = [(job, task) for job in jobs.periodic_jobs() if job.name in due for task in job.queues]
    # All queues are checked before anything is sent.
    for job, task in [(job, task) for job, task in tasks if services.queued(task) < jobs.MAX_MESSAGES]:
        _send_due(services, job, task, jobs.MAX_MESSAGES)


def send_next(services: Services, queue: str) -> None:
    """Send the next message of a queue unless one is waiting: a process that served it has become free."""
    for job in jobs.periodic_jobs():
        for task, through in job.queues.items():
            if through == queue and not services.queued(task):
                _send_due(services, job, task, 1)


def _send_due(services: Services, job: jobs.Job, task: str, messages: int) -> None:
    limit = job.batch * messages
    if job.rows in due_rows.NEWS_CONDITIONS:
        rows = due_rows.list_due_keys(job.rows, services.stale_after, limit)
    else:
        only = job.row_filter(task)
        rows = steps.due_ids(job.rows, services.stale_after, limit, job.owner, only, fresh_first=job.fresh_first)
    services.enqueue(job.rows, rows, by_user=task != job.name)


def _forget_tries(services: Services) -> None:
    """Clear the site's rate-limit counters if the wall clock was set back."""
    ahead = now().timestamp() - time.monotonic()
    if ahead < _clock.get("ahead", ahead) - SLACK.total_seconds():
        forget_tries(services.config)
    _clock["ahead"] = ahead
