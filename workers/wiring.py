"""The services of this process, connected to the configured broker."""

from collections.abc import Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

from registry.configuration import load_config
from registry.services.services import Services

if TYPE_CHECKING:
    from django.db.models import Model


@cache
def services() -> Services:
    """Return this process's services. Messages are sent through the broker once the current transaction commits."""
    from django.db import transaction

    from workers.pipeline import celery  # Commands that send nothing do not need Celery.

    def enqueue(rows: "type[Model]", ids: Sequence[int], *, asked: bool = False) -> None:
        transaction.on_commit(partial(celery.enqueue, rows, list(ids), asked=asked))

    return Services(load_config(), enqueue, celery.queued)
