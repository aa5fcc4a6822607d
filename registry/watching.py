"""Watches as an owner arranges them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Max

from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry import crawling, owned, revisits, trail
from registry.models import Crawl, Owner, StepState, Watch

FILE_KINDS = ("folder", "warc")
SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=3650)


def add_watch(
    owner: Owner,
    name: str,
    sources: Sequence[tuple[str, str]],
    *,
    every: timedelta,
    budget: Mapping[str, int],
    politeness: Mapping[str, float],
    by: str = "",
) -> Watch:
    """Arrange a scheduled crawl, due for the first time when one period has passed; :func:`start_now` is for sooner.

    What comes from files is private to the owner; what comes from the public web isn't.

    Args:
        owner: whose.
        name: unique among the owner's watches.
        sources: kind and address (a path for files), at least one; files and addresses can't be mixed.
        every: time between the starts of two crawls.
        budget: limits of each crawl, see :class:`crawler.job.Limits`.
        politeness: see :class:`crawler.job.Politeness`.
        by: who arranges it, for the log.

    Raises:
        WrongUseError: it can't be arranged like this.
    """
    from_files = {kind in FILE_KINDS for kind, _ in sources}
    if len(from_files) != 1:
        raise WrongUseError("A watch needs a source, and can't mix files with addresses on the web.")
    if not SHORTEST <= every <= LONGEST:
        raise WrongUseError("A watch runs at most once a minute and at least once in ten years.")
    if not name or name.isdecimal():
        raise WrongUseError(f"{name!r} can't name a watch.", hint="Give it a name with a letter in it.")
    with transaction.atomic():
        Owner.objects.select_for_update(no_key=True).get(pk=owner.pk)
        if owned.watches(owner).filter(name=name).exists():
            raise WrongUseError(f"{owner.name} has a watch {name!r} already.", hint="Choose another name.")
        number = (owner.watches.aggregate(last=Max("number"))["last"] or 0) + 1
        watch = Watch.objects.create(
            owner=owner,
            number=number,
            name=name,
            sources=[{"kind": kind, "url": url} for kind, url in dict.fromkeys(sources)],
            interval_seconds=int(every.total_seconds()),
            budget=dict(budget),
            politeness=dict(politeness),
            next_run_at=now() + every,
            private=from_files.pop(),
        )
        about = {"watch": name, "sources": watch.sources, "seconds": watch.interval_seconds, "budget": watch.budget}
        trail.changed("watch added", by=by, owner=owner, about={**about, "politeness": watch.politeness})
        return watch


def pause(watch: Watch, *, by: str = "") -> None:
    """Start no more crawls; one that is under way goes on."""
    _set_paused(watch, by=by, paused=True)


def _set_paused(watch: Watch, *, by: str, paused: bool) -> None:
    with transaction.atomic():
        if Watch.objects.filter(pk=watch.pk, paused=not paused).update(paused=paused):
            what = "watch paused" if paused else "watch resumed"
            trail.changed(what, by=by, owner=watch.owner, about={"watch": watch.name})


def resume(watch: Watch, *, by: str = "") -> None:
    """Start crawls again, at the usual time.

    Raises:
        WrongUseError: the watch only asks for pictures seen before.
    """
    _refuse_past(watch)
    _set_paused(watch, by=by, paused=False)


def _refuse_past(watch: Watch) -> None:
    if revisits.is_past(watch):
        raise WrongUseError(
            f"{watch.name} has no times of its own.",
            hint="It runs by itself when a new work resembles pictures whose bytes have expired.",
        )


def crawl_under_way(watch: Watch) -> Crawl | None:
    """The crawl that has begun and hasn't ended."""
    return watch.crawls.filter(state__in=[StepState.TODO, StepState.DOING]).order_by("-number").first()


def start_now(watch: Watch) -> Crawl:
    """Start the watch's next crawl at once; one that is under way already counts as that.

    Raises:
        WrongUseError: the watch is paused, or only asks for pictures seen before.
    """
    _refuse_past(watch)
    if watch.paused:
        raise WrongUseError(f"The watch {watch.name} is paused.", hint=f"exhibit watch resume {watch.name}")
    Watch.objects.filter(pk=watch.pk, next_run_at__gt=now()).update(next_run_at=now())
    started = crawling.start_crawl(watch.pk) or crawl_under_way(watch)
    if started is None:
        raise WrongUseError(f"The watch {watch.name} can't be started now.", hint="Try again in a moment.")
    return started
