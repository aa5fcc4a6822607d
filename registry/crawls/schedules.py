"""When watches run, and the crawls that begin then."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction
from django.utils import timezone

from exhibit.clock import SLACK, now
from exhibit.errors import WrongUseError
from exhibit.sentences import Sentence
from registry.crawls import changes, inquiries
from registry.crawls.crawling import ARCHIVE, BULK, HAND, PAST, SEARCH, NewUrl, add_urls
from registry.crawls.models import Crawl, Watch
from registry.db.claimable import UNFINISHED, StepState
from registry.db.rows import next_number, write

DAY, WEEK = timedelta(days=1), timedelta(days=7)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """The time of day at which a watch of whole days runs, in a zone that changes its clocks; and first on a weekday.

    The weekday, 0 for Monday, counts only when whole weeks lie between two runs; without one the next day will do.
    """

    at: time
    zone: tzinfo
    weekday: int | None = None

    @classmethod
    def of(cls, moment: datetime, zone: tzinfo | None = None) -> Self:
        """The time of day of a moment, and its weekday, where the installation is unless a zone is named."""
        zone = zone or timezone.get_default_timezone()
        local = moment.astimezone(zone)
        return cls(local.time(), zone, local.weekday())

    def on(self, day: date) -> datetime:
        """When it is that time on a day: later by what the clock skips, and once where the clock comes there twice."""
        return datetime.combine(day, self.at, self.zone).astimezone(UTC)

    def day_of(self, moment: datetime) -> date:
        """The last day on which it has been that time; what is late by a skipped hour belongs to its own day."""
        day = moment.astimezone(self.zone).date()
        return day if self.on(day) <= moment else day - DAY


def chosen(
    at: str | None, weekday: str | None, zone: str | None, every: timedelta, before: TimeOfDay | None = None
) -> TimeOfDay | None:
    """A time of day from words, for runs that lie so far apart; ``None`` where nothing is said.

    What isn't said is as it was before; of a new schedule it is where the installation is. Raises ``WrongUseError`` for
    what isn't a time, a weekday or a zone, and for a weekday of runs between which no whole weeks lie.
    """
    if at is weekday is zone is None:
        return None
    if at is None and before is None:
        raise WrongUseError("A weekday or a zone alone is no time.", hint="Say the time of day, too.")
    when = before or TimeOfDay(time(), timezone.get_default_timezone())
    if at is not None:
        try:
            when = replace(when, at=datetime.strptime(at, "%H:%M").time())  # noqa: DTZ007 - of no day
        except ValueError:
            told = f"{at!r} is no time of day."
            raise WrongUseError(told, hint="Write it like this: 02:30.") from None
    if zone is not None:
        try:
            when = replace(when, zone=ZoneInfo(zone))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            told = f"{zone!r} is no time zone."
            raise WrongUseError(told, hint="Write it like this: Europe/Berlin.") from None
    if weekday is not None:
        if weekday not in WEEKDAYS:
            told = f"{weekday!r} is no weekday."
            raise WrongUseError(told, hint="Write it like this: monday.")
        if every % WEEK:
            raise WrongUseError(f"Only a watch that runs each week has a {weekday}.", hint="Let it run every 7 days.")
        when = replace(when, weekday=WEEKDAYS.index(weekday))
    return when


def kept(watch: Watch) -> TimeOfDay | None:
    """The time of day of a watch, with the weekday of its next run; ``None`` for one by the hour, or without a time.

    ``None`` also where this machine doesn't know its zone: then its periods are counted in hours.
    """
    if watch.time_of_day is None:
        return None
    try:
        zone = ZoneInfo(watch.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    when = TimeOfDay(watch.time_of_day, zone)
    return when if watch.next_run_at is None else replace(when, weekday=when.day_of(watch.next_run_at).weekday())


def first_run(every: timedelta, when: TimeOfDay) -> datetime:
    """The first time of a schedule from now on; several a day run at others, too.

    Raises ``WrongUseError`` for runs that wouldn't be at that time on each of their days.
    """
    if every % DAY and DAY % every:
        sentence = Sentence("A time of day is for runs that lie whole days apart, or of which a whole number is a day.")
        raise WrongUseError(sentence, hint=Sentence("Let it run every 6 hours, every day or every 7 days."))
    moment = now()
    today = moment.astimezone(when.zone).date()
    if every < DAY:
        return following(when.on(today - DAY), every, moment)
    step = DAY
    if every % WEEK == timedelta(0) and when.weekday is not None:
        step = WEEK
        today += timedelta(days=(when.weekday - today.weekday()) % 7)
    begin = when.on(today)
    return begin if begin > moment else when.on(today + step)


def following(last: datetime, every: timedelta, moment: datetime, when: TimeOfDay | None = None) -> datetime:
    """The first time of a schedule after a moment, before or after one of its times.

    With a time of day the schedule counts days, and runs at that time on each, summer and winter.
    """
    rounds = (moment - last) // every
    while (found := _turn(last, rounds * every, when)) <= moment:
        rounds += 1
    return found


def _turn(last: datetime, passed: timedelta, when: TimeOfDay | None) -> datetime:
    return last + passed if when is None else when.on(when.day_of(last) + passed)


def pass_over() -> None:
    """Let the times go by that fall into a run of their watch: it runs once at a time, and makes up for none."""
    late = Watch.objects.filter(paused=False, next_run_at__lte=now(), crawls__state__in=UNFINISHED)
    for watch_id in set(late.values_list("pk", flat=True)):
        with transaction.atomic():
            watch, moment = _held(watch_id), now()
            if _has_crawl_under_way(watch):
                move_on(watch, moment)


def move_on(watch: Watch, moment: datetime) -> None:
    """Set a watch, held by this transaction, to its first time after a moment; one that is later already stays."""
    if watch.next_run_at is not None and watch.next_run_at <= moment:
        every = timedelta(seconds=watch.interval_seconds)
        watch.next_run_at = following(watch.next_run_at, every, moment, kept(watch))
        watch.save(update_fields=["next_run_at"])


def bring_back(watch: Watch, moment: datetime) -> bool:
    """Let a watch run within its interval whose next time was set while the clock was ahead; it keeps its rhythm.

    A first run may lie a week ahead, where a weekday was chosen.
    """
    every = timedelta(seconds=watch.interval_seconds)
    if watch.next_run_at is None or watch.next_run_at <= moment + max(every, WEEK) + SLACK:
        return False
    came = following(watch.next_run_at, every, moment, kept(watch))
    return bool(Watch.objects.filter(pk=watch.pk, next_run_at=watch.next_run_at).update(next_run_at=came))


def due_watches(late: timedelta = timedelta()) -> list[int]:
    """Watches whose next run is due, for so long at least, and that have no crawl under way."""
    running = Crawl.objects.filter(state__in=UNFINISHED).values("watch")
    due = Watch.objects.filter(paused=False, next_run_at__lte=now() - late).exclude(pk__in=running)
    return list(due.order_by("next_run_at").values_list("pk", flat=True))


def start_crawl(watch_id: int) -> Crawl | None:
    """Start the watch's next crawl; ``None`` when another process did, or when it isn't due.

    A time that came back because the clock was set back for a while isn't due again: its crawl has begun since.
    """
    with transaction.atomic():
        watch, moment = _held(watch_id), now()
        if watch.paused or watch.next_run_at is None or watch.next_run_at > moment or _has_crawl_under_way(watch):
            return None
        served = watch.crawls.filter(started_at__range=(watch.next_run_at, moment)).exists()
        move_on(watch, moment)
        return None if served else begin(watch, moment)


def start_between(watch_id: int, *, everything: bool = False) -> Crawl | None:
    """Start a crawl of the watch besides its times; ``None`` when one is under way, or the watch is paused."""
    with transaction.atomic():
        watch = _held(watch_id)
        return None if watch.paused or _has_crawl_under_way(watch) else begin(watch, now(), everything=everything)


def _held(watch_id: int) -> Watch:
    return Watch.objects.select_for_update(no_key=True).get(pk=watch_id)


def _has_crawl_under_way(watch: Watch) -> bool:
    return watch.crawls.filter(state__in=UNFINISHED).exists()


def begin(watch: Watch, moment: datetime, *, everything: bool = False) -> Crawl:
    """Begin the next crawl of a watch that is held by this transaction and has none under way."""
    number = next_number(watch.crawls)
    made = {"state": StepState.DOING, "started_at": moment, "sources": watch.sources}
    crawl = Crawl.objects.create(watch=watch, number=number, everything=everything or watch.everything, **made)
    if watch.everything:
        write(watch, everything=False)
    inquiries.begin(crawl, watch.sources)
    by_others = (PAST, SEARCH, BULK, HAND, ARCHIVE)
    sources = [(source["kind"], source["url"]) for source in watch.sources if source["kind"] not in by_others]
    add_urls(crawl.pk, [NewUrl(url, "page" if kind in ("site", "list") else kind, 0) for kind, url in sources])
    changes.begin(crawl)
    return crawl
