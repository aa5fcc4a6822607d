"""Recovery from a clock that was ahead: each due time is limited to the current time plus its own maximum.

A time set while the clock was ahead would block its row until that time is reached. The tick corrects such times.
Recorded times of past events are not changed; tests compare every column of the models with this list.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import F, Model, Q, QuerySet

from exhibit.clock import MAX_CLOCK_SKEW, now
from registry.accounts.models import ApiToken, Invitation
from registry.bundles.models import DownloadLink
from registry.cases.models import Capture
from registry.crawls import crawling, schedules
from registry.crawls.models import HostLease, Inquiry, Watch
from registry.db.claimable import Claimable, Heartbeat, StepState
from registry.db.statements import QUERY_TIME, Statement, build_exists_query
from registry.events.models import Delivery, MailChoice, PushSubscription, Webhook
from registry.log.models import AnchorReceipt, TimestampServiceState

DAY = timedelta(days=1)
NO_WAIT = timedelta(0)
MAX_WAIT = {
    MailChoice: timedelta(days=8),
    PushSubscription: DAY,
    Delivery: timedelta(days=5),
    AnchorReceipt: 2 * DAY,
    Inquiry: DAY,
    Capture: timedelta(days=30),  # for postponed cases
}
"""Maximum time by which a step's row may be postponed; for other models, it is one hour."""


@dataclass(frozen=True, slots=True)
class DueTime:
    """A column with the time that rows wait for, the maximum wait, and the condition for the rows concerned."""

    model: type[Model]
    column: str
    max_wait: timedelta
    condition: Q = Q()  # noqa: RUF009 - never changed


def iterate_due_times(recapture_days: int) -> Iterator[DueTime]:
    """Yield every column whose times are corrected."""
    for model in apps.get_app_config("registry").get_models():
        if issubclass(model, Claimable):
            yield DueTime(model, "not_before", MAX_WAIT.get(model, timedelta(hours=1)), Q(state=StepState.QUEUED))
            yield DueTime(model, "held_since", NO_WAIT, Q(state=StepState.QUEUED))
            yield DueTime(model, "waits_since", NO_WAIT, Q(state__in=[StepState.QUEUED, StepState.FAILED]))
            # A live claimer identifies its claim by this time; a claimer that has ended is identified by its name.
            yield DueTime(
                model,
                "claimed_at",
                NO_WAIT,
                ~Q(state=StepState.DONE) & (~Q(state=StepState.RUNNING) | Q(claimed_by="")),
            )
    yield DueTime(Capture, "next_at", timedelta(days=8 * recapture_days))
    yield DueTime(TimestampServiceState, "ask_after", DAY)
    yield DueTime(TimestampServiceState, "unresponsive_since", NO_WAIT)
    yield DueTime(Webhook, "ask_after", DAY)
    yield DueTime(Webhook, "failing_since", NO_WAIT)
    yield DueTime(DownloadLink, "locked_until", DAY)
    yield DueTime(HostLease, "expires_at", crawling.MAX_PAUSE, Q(slice=None))
    yield DueTime(Heartbeat, "seen_at", NO_WAIT)
    yield DueTime(Session, "expire_date", timedelta(seconds=settings.SESSION_COOKIE_AGE))


def correct_times(recapture_days: int) -> int:
    """Reset times to now if only a wrong clock can have set them; return the number of rows."""
    current_time, count = now(), 0
    due_times = list(iterate_due_times(recapture_days))
    for (index,) in _build_ahead_query(recapture_days).fetch_rows():
        due_time = due_times[int(index)]
        corrected_time = current_time if due_time.model is not Session else current_time + due_time.max_wait
        count += _filter_too_late(due_time, current_time).update(**{due_time.column: corrected_time})
    for model, column in ((Invitation, "made_at"), (ApiToken, "made_at"), (DownloadLink, "created_at")):
        future_rows = model._default_manager.filter(**{f"{column}__gt": current_time + MAX_CLOCK_SKEW})
        count += future_rows.update(
            **{"expires_at": current_time + (F("expires_at") - F(column)), column: current_time}
        )
    watches_ahead = Watch.objects.filter(paused=False, next_run_at__gt=current_time + MAX_CLOCK_SKEW)
    return count + sum(schedules.correct_next_run(watch, current_time) for watch in watches_ahead)


@cache
def _build_ahead_query(recapture_days: int) -> Statement:
    """Return a query for the positions of columns that need correction."""
    due_times = enumerate(iterate_due_times(recapture_days))
    return Statement(
        build_exists_query(_filter_too_late(due_time, QUERY_TIME), str(index)) for index, due_time in due_times
    )


def _filter_too_late(due_time: DueTime, current_time: datetime) -> QuerySet[Model]:
    return due_time.model._default_manager.filter(
        due_time.condition, **{f"{due_time.column}__gt": current_time + due_time.max_wait + MAX_CLOCK_SKEW}
    )
