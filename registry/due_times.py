"""A clock that was ahead: every time for which something waits is bounded by now and its own interval.

Whatever was put down while the clock was ahead would silence its row until the clock comes there again. The tick brings
such times back. A time that was recorded of something that happened stays as it was recorded; the tests hold every
column of the models against this list.
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
from registry.db.statements import MOMENT, Statement, any_of
from registry.events.models import Delivery, MailChoice, PushBrowser, Webhook
from registry.log.models import AnchorReceipt, WitnessState

DAY = timedelta(days=1)
NOTHING = timedelta(0)
MAX_WAIT = {
    MailChoice: timedelta(days=8),
    PushBrowser: DAY,
    Delivery: timedelta(days=5),
    AnchorReceipt: 2 * DAY,
    Inquiry: DAY,
    Capture: timedelta(days=30),  # of a case that is put aside
}
"""For so long a row of a step may be put off; others for an hour at most."""


@dataclass(frozen=True, slots=True)
class DueTime:
    """A column for which something waits, and how far ahead it may lie, of some rows."""

    model: type[Model]
    column: str
    longest: timedelta
    only: Q = Q()  # noqa: RUF009 - never changed


def due_times(recapture_days: int) -> Iterator[DueTime]:
    """Every column that is brought back."""
    for model in apps.get_app_config("registry").get_models():
        if issubclass(model, Claimable):
            yield DueTime(model, "not_before", MAX_WAIT.get(model, timedelta(hours=1)), Q(state=StepState.TODO))
            yield DueTime(model, "held_since", NOTHING, Q(state=StepState.TODO))
            yield DueTime(model, "waits_since", NOTHING, Q(state__in=[StepState.TODO, StepState.FAILED]))
            # a living claimer knows its claim by this, and one that has ended is found by its name
            yield DueTime(
                model, "claimed_at", NOTHING, ~Q(state=StepState.DONE) & (~Q(state=StepState.DOING) | Q(claimed_by=""))
            )
    yield DueTime(Capture, "next_at", timedelta(days=8 * recapture_days))
    yield DueTime(WitnessState, "ask_after", DAY)
    yield DueTime(WitnessState, "silent_since", NOTHING)
    yield DueTime(Webhook, "ask_after", DAY)
    yield DueTime(Webhook, "failing_since", NOTHING)
    yield DueTime(DownloadLink, "locked_until", DAY)
    yield DueTime(HostLease, "expires_at", crawling.LONGEST_REST, Q(slice=None))
    yield DueTime(Heartbeat, "seen_at", NOTHING)
    yield DueTime(Session, "expire_date", timedelta(seconds=settings.SESSION_COOKIE_AGE))


def bring_back(recapture_days: int) -> int:
    """Bring back to now what waits for a time that no clock that was right can have set; returns how many rows."""
    moment, count = now(), 0
    times = list(due_times(recapture_days))
    for (place,) in _ahead(recapture_days).rows():
        time = times[int(place)]
        come = moment if time.model is not Session else moment + time.longest
        count += _beyond(time, moment).update(**{time.column: come})
    for model, made in ((Invitation, "made_at"), (ApiToken, "made_at"), (DownloadLink, "created_at")):
        early = model._default_manager.filter(**{f"{made}__gt": moment + SLACK})
        count += early.update(**{"expires_at": moment + (F("expires_at") - F(made)), made: moment})
    ahead = Watch.objects.filter(paused=False, next_run_at__gt=moment + SLACK)
    return count + sum(schedules.bring_back(watch, moment) for watch in ahead)


@cache
def _ahead(recapture_days: int) -> Statement:
    """Which of the columns have something to be brought back, by their places."""
    times = enumerate(due_times(recapture_days))
    return Statement(any_of(_beyond(time, MOMENT), str(place)) for place, time in times)


def _beyond(time: DueTime, moment: datetime) -> QuerySet[Model]:
    return time.model._default_manager.filter(time.only, **{f"{time.column}__gt": moment + time.longest + SLACK})
