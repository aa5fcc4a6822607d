"""Rows that are due only if there are new events: email preferences and push subscriptions."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from registry.db import steps
from registry.db.claimable import Claimable
from registry.events import mail_choices, push_subscriptions
from registry.events.models import MailChoice, PushSubscription

NEWS_CONDITIONS: Mapping[type[Claimable], Callable[[datetime | None], Q]] = {
    MailChoice: mail_choices.build_news_condition,
    PushSubscription: push_subscriptions.build_news_condition,
}
"""Conditions that select rows with unreported events at a given time, by model."""


def list_due_rows(model: type[Claimable], stale_after: timedelta, time: datetime | None = None) -> QuerySet[Any]:
    """Return rows that are due and have unreported events."""
    return model._default_manager.filter(steps.build_due_condition(stale_after, time), NEWS_CONDITIONS[model](time))


def list_due_keys(model: type[Claimable], stale_after: timedelta, limit: int) -> list[int]:
    """Return the primary keys of at most ``limit`` due rows with unreported events, oldest first."""
    return list(list_due_rows(model, stale_after).order_by("pk").values_list("pk", flat=True)[:limit])
