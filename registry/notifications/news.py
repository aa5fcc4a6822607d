"""Rows that wait for something to tell: how a member is mailed, and browsers; they are due when there is news, too."""

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
"""Which of their rows haven't been told all that there is to tell at a moment."""


def waiting(model: type[Claimable], stale_after: timedelta, moment: datetime | None = None) -> QuerySet[Any]:
    """Rows whose time has come, and that have something to tell."""
    return model._default_manager.filter(steps.due(stale_after, moment), WITH_NEWS[model](moment))


def due(model: type[Claimable], stale_after: timedelta, most: int) -> list[int]:
    """The same by their keys, the oldest first; so many at most."""
    return list(waiting(model, stale_after).order_by("pk").values_list("pk", flat=True)[:most])
