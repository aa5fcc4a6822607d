"""The services of this process, connected to the configured broker."""

from functools import cache

from registry.configuration import load_config
from registry.services.services import Services


@cache
def services() -> Services:
    """Return the services of this process, which send messages through the broker."""
    from workers.pipeline import celery  # Commands that send nothing do not need Celery.

    return Services(load_config(), celery.enqueue, celery.count_messages)
