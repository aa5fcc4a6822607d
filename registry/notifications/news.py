"""Rows that are due only if there is news: email preferences and push browsers."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from registry.db import steps
from registry.db.claimable import Claimable
from registry.events import mail_choices, push_browsers
from registry.events.models import MailChoice, PushBrowser

WITH_NEWS: Mapping[type[Claimable], Callable[[datetime | None], Q]] = {
    MailChoice: mail_choices.with_news,
    PushBrowser: push_browsers.with_news,
}
"""Conditions that select rows with unreported news at a given time, by model."""


def waiting(model: type[Claimable], stale_after: timedelta, moment: datetime | None = None) -> QuerySet[Any]:
    """Return rows that are due and have news to report."""
    return model._default_manager.filter(steps.due(stale_after, moment), WITH_NEWS[model](moment))


def due(model: type[Claimable], stale_after: timedelta, most: int) -> list[int]:
    """Return the primary keys of due rows with news, oldest first, up to a maximum number."""
    return list(waiting(model, stale_after).order_by("pk").values_list("pk", flat=True)[:most])
