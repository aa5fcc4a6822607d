"""Schedules of watches, and starting their crawls."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction
from django.utils import timezone

from exhibit.clock import MAX_CLOCK_SKEW, now
from exhibit.errors import InvalidRequestError
from exhibit.sentences import Sentence
from registry.crawls import inquiries, page_changes
from registry.crawls.crawling import ARCHIVE, BULK, MANUAL, PAST, SEARCH, NewUrl, add_urls
from registry.crawls.models import Crawl, Watch
from registry.db.claimable import UNFINISHED, StepState
from registry.db.rows import get_next_number, update_row

DAY, WEEK = timedelta(days=1), timedelta(days=7)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """A local time of day, optionally with a weekday, for watches whose interval is in whole days.

    The time zone may have daylight saving time. The weekday (0 is Monday) applies only to intervals of whole weeks.
    Without a weekday, the first run is on the next day.
    """

    at: time
    zone: tzinfo
    weekday: int | None = None

    @classmethod
    def from_datetime(cls, value: datetime, zone: tzinfo | None = None) -> Self:
        """Create the time of day and weekday of a datetime, by default in the installation's time zone."""
        zone = zone or timezone.get_default_timezone()
        local_time = value.astimezone(zone)
        return cls(local_time.time(), zone, local_time.weekday())

    def get_time_on(self, day: date) -> datetime:
        """Return the UTC time on a day.

        A time that a clock change skips is moved later; a time that it repeats is used once.
        """
        return datetime.combine(day, self.at, self.zone).astimezone(UTC)

    def find_last_day(self, before: datetime) -> date:
        """Return the last day on which this time has passed.

        A time that was moved by a clock change belongs to its original day.
        """
        day = before.astimezone(self.zone).date()
        return day if self.get_time_on(day) <= before else day - DAY


def parse_time_of_day(
    at: str | None, weekday: str | None, zone: str | None, every: timedelta, previous: TimeOfDay | None = None
) -> TimeOfDay | None:
    """Parse a time of day for runs at this interval; return ``None`` if no value is given.

    Values that are not given are taken from ``previous``; a new schedule uses the installation's time zone.

    Raises:
        InvalidRequestError: The time, weekday or zone is invalid, or there is a weekday but runs are not whole weeks
        apart.
    """
    if at is weekday is zone is None:
        return None
    if at is None and previous is None:
        raise InvalidRequestError("A weekday or a time zone requires a time of day.", hint="Add the time of day.")
    time_of_day = previous or TimeOfDay(time(), timezone.get_default_timezone())
    if at is not None:
        try:
            time_of_day = replace(time_of_day, at=datetime.strptime(at, "%H:%M").time())  # noqa: DTZ007 - time only
        except ValueError:
            message = f"{at!r} is not a time of day."
            raise InvalidRequestError(message, hint="Use this format: 02:30.") from None
    if zone is not None:
        try:
            time_of_day = replace(time_of_day, zone=ZoneInfo(zone))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            message = f"{zone!r} is not a time zone."
            raise InvalidRequestError(message, hint="Use this format: Europe/Berlin.") from None
    if weekday is not None:
        if weekday not in WEEKDAYS:
            message = f"{weekday!r} is not a weekday."
            raise InvalidRequestError(message, hint="Use this format: monday.")
        if every % WEEK:
            raise InvalidRequestError(
                f"A weekday ({weekday}) can be set only for weekly watches.", hint="Set the interval to 7 days."
            )
        time_of_day = replace(time_of_day, weekday=WEEKDAYS.index(weekday))
    return time_of_day


def load_time_of_day(watch: Watch) -> TimeOfDay | None:
    """Return a watch's time of day with the weekday of its next run, or ``None`` if it has no time of day.

    Also returns ``None`` if this machine does not know its time zone; intervals are then counted in hours.
    """
    if watch.time_of_day is None:
        return None
    try:
        zone = ZoneInfo(watch.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    time_of_day = TimeOfDay(watch.time_of_day, zone)
    return (
        time_of_day
        if watch.next_run_at is None
        else replace(time_of_day, weekday=time_of_day.find_last_day(watch.next_run_at).weekday())
    )


def compute_first_run(interval: timedelta, time_of_day: TimeOfDay) -> datetime:
    """Return the first time of a schedule from now on; with several runs a day, further times follow on that day.

    Raises:
        InvalidRequestError: The interval does not fit a fixed time of day.
    """
    if interval % DAY and DAY % interval:
        message = Sentence(
            "A time of day can be set only if the interval is a whole number of days or divides a day evenly."
        )
        raise InvalidRequestError(message, hint=Sentence("Choose an interval such as 6 hours, one day or 7 days."))
    current_time = now()
    today = current_time.astimezone(time_of_day.zone).date()
    if interval < DAY:
        return compute_next_run(time_of_day.get_time_on(today - DAY), interval, current_time)
    step = DAY
    if interval % WEEK == timedelta(0) and time_of_day.weekday is not None:
        step = WEEK
        today += timedelta(days=(time_of_day.weekday - today.weekday()) % 7)
    start = time_of_day.get_time_on(today)
    return start if start > current_time else time_of_day.get_time_on(today + step)


def compute_next_run(
    known_run: datetime, interval: timedelta, after: datetime, time_of_day: TimeOfDay | None = None
) -> datetime:
    """Return the first time of a schedule after ``after``; ``known_run`` is any of its times.

    With a time of day, the schedule counts days and keeps that local time through clock changes.
    """
    interval_count = (after - known_run) // interval
    while (run_at := _add_interval(known_run, interval_count * interval, time_of_day)) <= after:
        interval_count += 1
    return run_at


def _add_interval(known_run: datetime, offset: timedelta, time_of_day: TimeOfDay | None) -> datetime:
    return (
        known_run + offset
        if time_of_day is None
        else time_of_day.get_time_on(time_of_day.find_last_day(known_run) + offset)
    )


def skip_missed_runs() -> None:
    """Skip scheduled times that passed while a crawl of the same watch was running.

    A watch has one crawl at a time, and skipped runs are not made up later.
    """
    overdue_watches = Watch.objects.filter(paused=False, next_run_at__lte=now(), crawls__state__in=UNFINISHED)
    for watch_id in set(overdue_watches.values_list("pk", flat=True)):
        with transaction.atomic():
            watch, current_time = _lock_watch(watch_id), now()
            if _has_running_crawl(watch):
                advance_next_run(watch, current_time)


def advance_next_run(watch: Watch, after: datetime) -> None:
    """Set a watch's next run to its first time after ``after``, unless it is already later.

    The watch must be locked by this transaction.
    """
    if watch.next_run_at is not None and watch.next_run_at <= after:
        interval = timedelta(seconds=watch.interval_seconds)
        watch.next_run_at = compute_next_run(watch.next_run_at, interval, after, load_time_of_day(watch))
        watch.save(update_fields=["next_run_at"])


def correct_next_run(watch: Watch, current_time: datetime) -> bool:
    """Correct a next run that was set while the clock was ahead, keeping the schedule; return True if changed.

    A first run may be a week ahead if a weekday was chosen.
    """
    interval = timedelta(seconds=watch.interval_seconds)
    if watch.next_run_at is None or watch.next_run_at <= current_time + max(interval, WEEK) + MAX_CLOCK_SKEW:
        return False
    next_run = compute_next_run(watch.next_run_at, interval, current_time, load_time_of_day(watch))
    return bool(Watch.objects.filter(pk=watch.pk, next_run_at=watch.next_run_at).update(next_run_at=next_run))


def list_due_watches(min_delay: timedelta = timedelta()) -> list[int]:
    """Return watches (primary keys) that have been due for at least ``min_delay`` and have no running crawl."""
    running_crawls = Crawl.objects.filter(state__in=UNFINISHED).values("watch")
    due_watches = Watch.objects.filter(paused=False, next_run_at__lte=now() - min_delay).exclude(pk__in=running_crawls)
    return list(due_watches.order_by("next_run_at").values_list("pk", flat=True))


def start_crawl(watch_id: int) -> Crawl | None:
    """Start the watch's next crawl; return ``None`` if it is not due or another process has started it.

    A time that is due again because the clock was set back is skipped: its crawl has already started.
    """
    with transaction.atomic():
        watch, current_time = _lock_watch(watch_id), now()
        if watch.paused or watch.next_run_at is None or watch.next_run_at > current_time or _has_running_crawl(watch):
            return None
        has_run = watch.crawls.filter(started_at__range=(watch.next_run_at, current_time)).exists()
        advance_next_run(watch, current_time)
        return None if has_run else create_crawl(watch, current_time)


def start_unscheduled_crawl(watch_id: int, *, everything: bool = False) -> Crawl | None:
    """Start an unscheduled crawl of the watch; return ``None`` if one is running or the watch is paused."""
    with transaction.atomic():
        watch = _lock_watch(watch_id)
        return None if watch.paused or _has_running_crawl(watch) else create_crawl(watch, now(), everything=everything)


def _lock_watch(watch_id: int) -> Watch:
    return Watch.objects.select_for_update(no_key=True).get(pk=watch_id)


def _has_running_crawl(watch: Watch) -> bool:
    return watch.crawls.filter(state__in=UNFINISHED).exists()


def create_crawl(watch: Watch, started_at: datetime, *, everything: bool = False) -> Crawl:
    """Create the next crawl of a watch that is locked by this transaction and has no running crawl."""
    number = get_next_number(watch.crawls)
    columns = {"state": StepState.RUNNING, "started_at": started_at, "sources": watch.sources}
    crawl = Crawl.objects.create(watch=watch, number=number, everything=everything or watch.everything, **columns)
    if watch.everything:
        update_row(watch, everything=False)
    inquiries.create_inquiries(crawl, watch.sources)
    unvisited_kinds = (PAST, SEARCH, BULK, MANUAL, ARCHIVE)
    sources = [(source["kind"], source["url"]) for source in watch.sources if source["kind"] not in unvisited_kinds]
    add_urls(crawl.pk, [NewUrl(url, "page" if kind in ("site", "list") else kind, 0) for kind, url in sources])
    page_changes.select_first_pages(crawl)
    return crawl
