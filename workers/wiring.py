"""The ports of this process, with the broker of the configuration."""

from collections.abc import Sequence
from functools import cache, partial

from registry.configuration import load_config
from registry.jobs import Job
from registry.services.services import Services


@cache
def services() -> Services:
    """The ports of this process, with messages sent through the broker: when the transaction, if any, has ended."""
    from django.db import transaction

    from workers.pipeline.celery import queued, send  # commands that send nothing do without Celery

    def enqueue(job: Job, ids: Sequence[int], *, asked: bool = False) -> None:
        transaction.on_commit(partial(send, job, list(ids), asked=asked))

    return Services(load_config(), enqueue, queued)
