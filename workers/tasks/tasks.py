"""Celery tasks: a message says which rows wait, the job does the work."""

import logging
from collections.abc import Callable
from functools import partial

from exhibit.types import Untyped
from registry import jobs
from registry.accounts import devices, invitations
from registry.alliance import partners
from registry.db import idempotency
from registry.notifications import events
from workers.pipeline.celery import LONG_SECONDS, app
from workers.wiring import services


def _task_of(job: jobs.Job, name: str) -> Untyped:
    @app.task(name=f"exhibit.{name}")
    def work(ids: list[int]) -> None:
        job(services(), ids)

    return work


TASKS = {name: _task_of(job, name) for job in jobs.JOBS.values() for name in job.queues}
"""Of each job; what a person has asked for goes ahead of what a crawl brings."""


def do_all(*jobs: Callable[[], object]) -> None:
    """Do each of several jobs, whatever becomes of the others; raises what the last one that failed raised."""
    failed: Exception | None = None
    for job in jobs:
        try:
            job()
        except Exception as error:
            logging.getLogger(__name__).exception("A part of the upkeep failed; the rest goes on.")
            failed = error
    if failed is not None:
        raise failed


@app.task(name="exhibit.retain")
def expire_bytes() -> None:
    """Remove bytes that have expired, what killed processes have left behind, and ways in that have ended."""
    from registry.bundles import links, packages, witness  # libraries for pictures come with them, after the fork
    from registry.works import uploads
    from workers.operations import retention

    of_house = (
        retention.expire_bytes,
        retention.sweep,
        uploads.sweep,
        packages.expire_packages,
        witness.complete_stamps,
    )
    of_rows = (
        partners.forget_calls,
        idempotency.forget_old,
        events.forget_old,
        devices.forget_ended,
        invitations.forget_ended,
    )
    # behind it, so that both never take two processes at once
    do_all(*(partial(job, services()) for job in of_house), *of_rows, links.forget_ended, keep_up_votes.delay)


@app.task(name="exhibit.sweep")
def sweep() -> None:
    """Remove what processes and purges have left behind on this machine; every machine is told."""
    from workers.operations import retention

    retention.sweep_here(services())


@app.task(name="exhibit.votes", acks_late=False, time_limit=LONG_SECONDS)
def keep_up_votes() -> None:
    """Mend indexes, look for damage, let local votes keep up with works, and compare partners' logs.

    A message that was lost is made good by the next one.
    """
    from registry.alliance import cosigning
    from registry.matches import index_upkeep, votes_upkeep
    from workers.operations import retention

    jobs = (index_upkeep.mend_indexes, retention.look_for_damage, votes_upkeep.keep_up)
    # partners last: they may be slow
    do_all(*(partial(job, services()) for job in jobs), partial(cosigning.compare_heads, services()))
