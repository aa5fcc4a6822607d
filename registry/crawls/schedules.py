"""When watches run, and the crawls that begin then."""

from datetime import datetime, time, timedelta, tzinfo

from django.db import transaction
from django.utils import timezone

from exhibit.clock import SLACK, now
from registry.crawls import changes, inquiries
from registry.crawls.crawling import BULK, PAST, SEARCH, NewUrl, add_urls
from registry.db.rows import next_number
from registry.models import UNFINISHED, Crawl, StepState, Watch

DAY, WEEK = timedelta(days=1), timedelta(days=7)


def first_run(every: timedelta, at: time, weekday: int, zone: tzinfo) -> datetime:
    """The first time of a schedule from now on, at this time of day in the zone; several a day run at others, too.

    The weekday, 0 for Monday, counts only when whole weeks lie between two runs.
    """
    moment = now()
    today = moment.astimezone(zone).replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    if every < DAY:
        return following(today - DAY, every, moment)
    step = WEEK if every % WEEK == timedelta(0) else DAY
    begin = today + timedelta(days=(weekday - today.weekday()) % 7) if step == WEEK else today
    return (begin if begin > moment else begin + step).astimezone(moment.tzinfo)


def following(last: datetime, every: timedelta, moment: datetime) -> datetime:
    """The first time of a schedule after a moment; one of whole days keeps its time of day, summer and winter."""
    local = last.astimezone(timezone.get_default_timezone() if every % DAY == timedelta(0) else moment.tzinfo)
    rounds = max(1, (moment - last) // every)
    while (found := (local + rounds * every).astimezone(moment.tzinfo)) <= moment:
        rounds += 1
    return found


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
        watch.next_run_at = following(watch.next_run_at, timedelta(seconds=watch.interval_seconds), moment)
        watch.save(update_fields=["next_run_at"])


def bring_back(watch: Watch, moment: datetime) -> bool:
    """Let a watch run within its interval whose next time was set while the clock was ahead; it keeps its rhythm.

    A first run may lie a week ahead, where a weekday was chosen.
    """
    every = timedelta(seconds=watch.interval_seconds)
    if watch.next_run_at is None or watch.next_run_at <= moment + max(every, WEEK) + SLACK:
        return False
    earlier = watch.next_run_at - every * -(-(watch.next_run_at - moment) // every)
    came = following(earlier, every, moment)
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


def start_between(watch_id: int) -> Crawl | None:
    """Start a crawl of the watch besides its times; ``None`` when one is under way, or the watch is paused."""
    with transaction.atomic():
        watch = _held(watch_id)
        return None if watch.paused or _has_crawl_under_way(watch) else begin(watch, now())


def _held(watch_id: int) -> Watch:
    return Watch.objects.select_for_update(no_key=True).get(pk=watch_id)


def _has_crawl_under_way(watch: Watch) -> bool:
    return watch.crawls.filter(state__in=UNFINISHED).exists()


def begin(watch: Watch, moment: datetime) -> Crawl:
    """Begin the next crawl of a watch that is held by this transaction and has none under way."""
    number = next_number(watch.crawls)
    made = {"state": StepState.DOING, "started_at": moment, "sources": watch.sources}
    crawl = Crawl.objects.create(watch=watch, number=number, **made)
    inquiries.begin(crawl, watch.sources)
    by_others = (PAST, SEARCH, BULK)
    sources = [(source["kind"], source["url"]) for source in watch.sources if source["kind"] not in by_others]
    add_urls(crawl.pk, [NewUrl(url, "page" if kind in ("site", "list") else kind, 0) for kind, url in sources])
    changes.begin(crawl)
    return crawl
