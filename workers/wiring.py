"""The ports of this process, with the broker of the configuration."""

from collections.abc import Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

from registry.configuration import load_config
from registry.services.services import Services

if TYPE_CHECKING:
    from django.db.models import Model


@cache
def services() -> Services:
    """The ports of this process, with messages sent through the broker: when the transaction, if any, has ended."""
    from django.db import transaction

    from workers.pipeline import celery  # commands that send nothing do without Celery

    def enqueue(rows: "type[Model]", ids: Sequence[int], *, asked: bool = False) -> None:
        transaction.on_commit(partial(celery.enqueue, rows, list(ids), asked=asked))

    return Services(load_config(), enqueue, celery.queued)
