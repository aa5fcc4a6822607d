"""Rows that are due only if there is news: email preferences and push browsers."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from registry.db import steps
from registry.db.claimable import Claimable
from registry.events import mail_choices, push_browsers
from registry.events.models import MailChoice, PushBrowser

NEWS_CONDITIONS: Mapping[type[Claimable], Callable[[datetime | None], Q]] = {
    MailChoice: mail_choices.news_condition,
    PushBrowser: push_browsers.news_condition,
}
"""Conditions that select rows with unreported news at a given time, by model."""


def list_due(model: type[Claimable], stale_after: timedelta, moment: datetime | None = None) -> QuerySet[Any]:
    """Return rows that are due and have news to report."""
    return model._default_manager.filter(steps.due_condition(stale_after, moment), NEWS_CONDITIONS[model](moment))


def list_due_keys(model: type[Claimable], stale_after: timedelta, limit: int) -> list[int]:
    """Return the primary keys of due rows with news, oldest first, up to a maximum number."""
    return list(list_due(model, stale_after).order_by("pk").values_list("pk", flat=True)[:limit])
