"""Celery tasks: a message says which rows wait, the job does the work."""

from exhibit.types import Untyped
from registry import jobs
from workers import periodic
from workers.pipeline.celery import LONG_SECONDS, app
from workers.wiring import services


def _task_of(job: jobs.Job, name: str) -> Untyped:
    @app.task(name=f"exhibit.{name}")
    def work(ids: list[int]) -> None:
        job(services(), ids)

    return work


TASKS = {name: _task_of(job, name) for job in jobs.JOBS.values() for name in job.queues}
"""Of each job; what a person has asked for goes ahead of what a crawl brings."""


@app.task(name="exhibit.retain")
def expire_bytes() -> None:
    """What is due each hour; what takes longer goes behind it, so that both never take two processes at once."""
    periodic.do_all((*periodic.each_hour(services()), keep_up_votes.delay))


@app.task(name="exhibit.sweep")
def sweep() -> None:
    """What is due each hour on every machine."""
    periodic.do_all(periodic.each_hour_everywhere(services()))


@app.task(name="exhibit.votes", acks_late=False, time_limit=LONG_SECONDS)
def keep_up_votes() -> None:
    """What is due each hour and may take long; a message that was lost is made good by the next one."""
    periodic.do_all(periodic.each_hour_at_length(services()))
