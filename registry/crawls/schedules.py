"""Schedules of watches, and the start of their crawls."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction
from django.utils import timezone

from exhibit.clock import SLACK, now
from exhibit.errors import WrongUseError
from exhibit.sentences import Sentence
from registry.crawls import inquiries, page_changes
from registry.crawls.crawling import ARCHIVE, BULK, HAND, PAST, SEARCH, NewUrl, add_urls
from registry.crawls.models import Crawl, Watch
from registry.db.claimable import UNFINISHED, StepState
from registry.db.rows import next_number, write

DAY, WEEK = timedelta(days=1), timedelta(days=7)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """A local time of day, and optionally a weekday, for watches whose interval is in whole days.

    The time zone may have daylight saving time. The weekday, 0 for Monday, applies only if runs are whole weeks apart;
    without one, the first run is on the next day.
    """

    at: time
    zone: tzinfo
    weekday: int | None = None

    @classmethod
    def of(cls, moment: datetime, zone: tzinfo | None = None) -> Self:
        """Return the time of day and weekday of a moment, in the installation's time zone unless ``zone`` is given."""
        zone = zone or timezone.get_default_timezone()
        local = moment.astimezone(zone)
        return cls(local.time(), zone, local.weekday())

    def on(self, day: date) -> datetime:
        """Return the UTC time on a day; a time skipped by a clock change moves later, a repeated one counts once."""
        return datetime.combine(day, self.at, self.zone).astimezone(UTC)

    def day_of(self, moment: datetime) -> date:
        """Return the last day on which this time has passed; a time moved by a clock change counts for its own day."""
        day = moment.astimezone(self.zone).date()
        return day if self.on(day) <= moment else day - DAY


def parse_time_of_day(
    at: str | None, weekday: str | None, zone: str | None, every: timedelta, previous: TimeOfDay | None = None
) -> TimeOfDay | None:
    """Parse a time of day for runs at this interval; return ``None`` if nothing is given.

    Values that are not given are taken from ``previous``; a new schedule uses the installation's time zone.

    Raises:
        WrongUseError: The time, weekday or zone is invalid, or there is a weekday but runs are not whole weeks apart.
    """
    if at is weekday is zone is None:
        return None
    if at is None and previous is None:
        raise WrongUseError("A weekday or a zone alone is no time.", hint="Say the time of day, too.")
    when = previous or TimeOfDay(time(), timezone.get_default_timezone())
    if at is not None:
        try:
            when = replace(when, at=datetime.strptime(at, "%H:%M").time())  # noqa: DTZ007 - of no day
        except ValueError:
            message = f"{at!r} is no time of day."
            raise WrongUseError(message, hint="Write it like this: 02:30.") from None
    if zone is not None:
        try:
            when = replace(when, zone=ZoneInfo(zone))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            message = f"{zone!r} is no time zone."
            raise WrongUseError(message, hint="Write it like this: Europe/Berlin.") from None
    if weekday is not None:
        if weekday not in WEEKDAYS:
            message = f"{weekday!r} is no weekday."
            raise WrongUseError(message, hint="Write it like this: monday.")
        if every % WEEK:
            raise WrongUseError(f"Only a watch that runs each week has a {weekday}.", hint="Let it run every 7 days.")
        when = replace(when, weekday=WEEKDAYS.index(weekday))
    return when


def load_time_of_day(watch: Watch) -> TimeOfDay | None:
    """Return a watch's time of day, with the weekday of its next run; ``None`` if it has none.

    Also returns ``None`` if this machine does not know its time zone; periods are then counted in hours.
    """
    if watch.time_of_day is None:
        return None
    try:
        zone = ZoneInfo(watch.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    when = TimeOfDay(watch.time_of_day, zone)
    return when if watch.next_run_at is None else replace(when, weekday=when.day_of(watch.next_run_at).weekday())


def compute_first_run(every: timedelta, when: TimeOfDay) -> datetime:
    """Return the first time of a schedule from now on; schedules with several runs a day have further times.

    Raises:
        WrongUseError: The interval does not fit a fixed time of day.
    """
    if every % DAY and DAY % every:
        sentence = Sentence(
            "A time of day can be set only if the interval is a whole number of days or divides a day evenly."
        )
        raise WrongUseError(sentence, hint=Sentence("Choose an interval such as 6 hours, one day or 7 days."))
    moment = now()
    today = moment.astimezone(when.zone).date()
    if every < DAY:
        return compute_next_run(when.on(today - DAY), every, moment)
    step = DAY
    if every % WEEK == timedelta(0) and when.weekday is not None:
        step = WEEK
        today += timedelta(days=(when.weekday - today.weekday()) % 7)
    start = when.on(today)
    return start if start > moment else when.on(today + step)


def compute_next_run(last: datetime, every: timedelta, moment: datetime, when: TimeOfDay | None = None) -> datetime:
    """Return the first time of a schedule after ``moment``; ``last`` is any of its times.

    With a time of day, the schedule counts days and keeps that local time through clock changes.
    """
    rounds = (moment - last) // every
    while (run_at := _add_interval(last, rounds * every, when)) <= moment:
        rounds += 1
    return run_at


def _add_interval(last: datetime, passed: timedelta, when: TimeOfDay | None) -> datetime:
    return last + passed if when is None else when.on(when.day_of(last) + passed)


def skip_missed_runs() -> None:
    """Skip times that fall into a running crawl of their watch: it has one run at a time, and catches up on none."""
    overdue = Watch.objects.filter(paused=False, next_run_at__lte=now(), crawls__state__in=UNFINISHED)
    for watch_id in set(overdue.values_list("pk", flat=True)):
        with transaction.atomic():
            watch, moment = _lock_watch(watch_id), now()
            if _has_running_crawl(watch):
                advance(watch, moment)


def advance(watch: Watch, moment: datetime) -> None:
    """Move a watch, locked by this transaction, to its first time after a moment, unless it is later already."""
    if watch.next_run_at is not None and watch.next_run_at <= moment:
        every = timedelta(seconds=watch.interval_seconds)
        watch.next_run_at = compute_next_run(watch.next_run_at, every, moment, load_time_of_day(watch))
        watch.save(update_fields=["next_run_at"])


def correct_next_run(watch: Watch, moment: datetime) -> bool:
    """Correct a next run that was set while the clock was ahead, keeping the schedule's rhythm; return True if changed.

    A first run may be a week ahead if a weekday was chosen.
    """
    every = timedelta(seconds=watch.interval_seconds)
    if watch.next_run_at is None or watch.next_run_at <= moment + max(every, WEEK) + SLACK:
        return False
    next_run = compute_next_run(watch.next_run_at, every, moment, load_time_of_day(watch))
    return bool(Watch.objects.filter(pk=watch.pk, next_run_at=watch.next_run_at).update(next_run_at=next_run))


def list_due_watches(min_delay: timedelta = timedelta()) -> list[int]:
    """Return watches that have been due for at least ``min_delay`` and have no running crawl."""
    running = Crawl.objects.filter(state__in=UNFINISHED).values("watch")
    due = Watch.objects.filter(paused=False, next_run_at__lte=now() - min_delay).exclude(pk__in=running)
    return list(due.order_by("next_run_at").values_list("pk", flat=True))


def start_crawl(watch_id: int) -> Crawl | None:
    """Start the watch's next crawl; return ``None`` if another process did, or it is not due.

    A time that is due again because the clock was set back is skipped, because its crawl has already started.
    """
    with transaction.atomic():
        watch, moment = _lock_watch(watch_id), now()
        if watch.paused or watch.next_run_at is None or watch.next_run_at > moment or _has_running_crawl(watch):
            return None
        has_run = watch.crawls.filter(started_at__range=(watch.next_run_at, moment)).exists()
        advance(watch, moment)
        return None if has_run else create_crawl(watch, moment)


def start_unscheduled(watch_id: int, *, everything: bool = False) -> Crawl | None:
    """Start an unscheduled crawl of the watch; return ``None`` if one is running or the watch is paused."""
    with transaction.atomic():
        watch = _lock_watch(watch_id)
        return None if watch.paused or _has_running_crawl(watch) else create_crawl(watch, now(), everything=everything)


def _lock_watch(watch_id: int) -> Watch:
    return Watch.objects.select_for_update(no_key=True).get(pk=watch_id)


def _has_running_crawl(watch: Watch) -> bool:
    return watch.crawls.filter(state__in=UNFINISHED).exists()


def create_crawl(watch: Watch, moment: datetime, *, everything: bool = False) -> Crawl:
    """Create the next crawl of a watch that is locked by this transaction and has no running crawl."""
    number = next_number(watch.crawls)
    columns = {"state": StepState.DOING, "started_at": moment, "sources": watch.sources}
    crawl = Crawl.objects.create(watch=watch, number=number, everything=everything or watch.everything, **columns)
    if watch.everything:
        write(watch, everything=False)
    inquiries.create_inquiries(crawl, watch.sources)
    unvisited_kinds = (PAST, SEARCH, BULK, HAND, ARCHIVE)
    sources = [(source["kind"], source["url"]) for source in watch.sources if source["kind"] not in unvisited_kinds]
    add_urls(crawl.pk, [NewUrl(url, "page" if kind in ("site", "list") else kind, 0) for kind, url in sources])
    page_changes.start(crawl)
    return crawl
