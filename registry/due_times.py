"""Recovery from a clock that was ahead: every waiting time is limited to now plus its own maximum.

A time set while the clock was ahead would block its row until that time is reached. The tick corrects such times.
Recorded times of past events stay as they are; the tests compare every column of the models with this list.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import F, Model, Q, QuerySet

from exhibit.clock import SLACK, now
from registry.accounts.models import ApiToken, Invitation
from registry.bundles.models import DownloadLink
from registry.cases.models import Capture
from registry.crawls import crawling, schedules
from registry.crawls.models import HostLease, Inquiry, Watch
from registry.db.claimable import Claimable, Heartbeat, StepState
from registry.db.statements import MOMENT, Statement, exists_query
from registry.events.models import Delivery, MailChoice, PushBrowser, Webhook
from registry.log.models import AnchorReceipt, WitnessState

DAY = timedelta(days=1)
ZERO = timedelta(0)
MAX_WAIT = {
    MailChoice: timedelta(days=8),
    PushBrowser: DAY,
    Delivery: timedelta(days=5),
    AnchorReceipt: 2 * DAY,
    Inquiry: DAY,
    Capture: timedelta(days=30),  # of a postponed case
}
"""How far ahead a step's row may be postponed; for other models, one hour."""


@dataclass(frozen=True, slots=True)
class DueTime:
    """A column that rows wait for, how far ahead it may be, and which rows it concerns."""

    model: type[Model]
    column: str
    longest: timedelta
    only: Q = Q()  # noqa: RUF009 - never changed


def due_times(recapture_days: int) -> Iterator[DueTime]:
    """Yield every column that is corrected."""
    for model in apps.get_app_config("registry").get_models():
        if issubclass(model, Claimable):
            yield DueTime(model, "not_before", MAX_WAIT.get(model, timedelta(hours=1)), Q(state=StepState.TODO))
            yield DueTime(model, "held_since", ZERO, Q(state=StepState.TODO))
            yield DueTime(model, "waits_since", ZERO, Q(state__in=[StepState.TODO, StepState.FAILED]))
            # A living claimer identifies its claim by this; an ended one is found by its name.
            yield DueTime(
                model, "claimed_at", ZERO, ~Q(state=StepState.DONE) & (~Q(state=StepState.DOING) | Q(claimed_by=""))
            )
    yield DueTime(Capture, "next_at", timedelta(days=8 * recapture_days))
    yield DueTime(WitnessState, "ask_after", DAY)
    yield DueTime(WitnessState, "silent_since", ZERO)
    yield DueTime(Webhook, "ask_after", DAY)
    yield DueTime(Webhook, "failing_since", ZERO)
    yield DueTime(DownloadLink, "locked_until", DAY)
    yield DueTime(HostLease, "expires_at", crawling.MAX_REST, Q(slice=None))
    yield DueTime(Heartbeat, "seen_at", ZERO)
    yield DueTime(Session, "expire_date", timedelta(seconds=settings.SESSION_COOKIE_AGE))


def correct_times(recapture_days: int) -> int:
    """Set times that only a wrong clock can have set back to now; returns the number of rows."""
    moment, count = now(), 0
    times = list(due_times(recapture_days))
    for (index,) in _find_ahead(recapture_days).rows():
        time = times[int(index)]
        corrected = moment if time.model is not Session else moment + time.longest
        count += _filter_beyond(time, moment).update(**{time.column: corrected})
    for model, column in ((Invitation, "made_at"), (ApiToken, "made_at"), (DownloadLink, "created_at")):
        early = model._default_manager.filter(**{f"{column}__gt": moment + SLACK})
        count += early.update(**{"expires_at": moment + (F("expires_at") - F(column)), column: moment})
    ahead = Watch.objects.filter(paused=False, next_run_at__gt=moment + SLACK)
    return count + sum(schedules.correct_next_run(watch, moment) for watch in ahead)


@cache
def _find_ahead(recapture_days: int) -> Statement:
    """Return a query for the columns that need correction, by their positions."""
    times = enumerate(due_times(recapture_days))
    return Statement(exists_query(_filter_beyond(time, MOMENT), str(index)) for index, time in times)


def _filter_beyond(time: DueTime, moment: datetime) -> QuerySet[Model]:
    return time.model._default_manager.filter(time.only, **{f"{time.column}__gt": moment + time.longest + SLACK})
