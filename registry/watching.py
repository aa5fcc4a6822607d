"""Watches as an owner arranges them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max

from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry import canaries, crawling, owned, revisits, schedules, trail
from registry.models import Crawl, Owner, Watch

FILE_KINDS = ("folder", "warc")
FILES, SEARCHES, WEB = "files", "searches", "web"
SHORTEST = timedelta(minutes=1)
LONGEST = timedelta(days=3650)
BUDGET: Mapping[str, int] = {"pages": 1_000, "images": 20_000, "bytes": 2_000_000_000, "seconds": 6 * 3_600, "depth": 3}
"""What a run over addresses on the web may spend where nothing else is said; files are read to their end."""


def add_watch(  # noqa: PLR0913 - each is named at the call, and a watch is no less than that
    owner: Owner,
    name: str,
    sources: Sequence[tuple[str, str]],
    *,
    every: timedelta,
    budget: Mapping[str, int],
    politeness: Mapping[str, float],
    by: str = "",
    first: datetime | None = None,
    words: Sequence[str] = (),
) -> Watch:
    """Arrange a scheduled crawl; :func:`start_now` is for sooner.

    What comes from files, and what a search names that is asked with the owner's key, is private to the owner; what
    comes from the public web isn't.

    Args:
        owner: whose.
        name: unique among the owner's watches.
        sources: kind and address (a path for files), at least one; files and addresses can't be mixed.
        every: time between the starts of two crawls.
        budget: limits of each crawl, see :class:`crawler.job.Limits`; :data:`BUDGET` where it says nothing.
        politeness: see :class:`crawler.job.Politeness`.
        by: who arranges it, for the log.
        first: when it runs first; when one period has passed, if absent.
        words: what a search is asked for that takes words.

    Raises:
        WrongUseError: it can't be arranged like this.
    """
    groups = {_group(kind) for kind, _ in sources}
    if len(groups) != 1:
        raise WrongUseError("A watch needs a source, and can't mix files, searches and addresses on the web.")
    group = groups.pop()
    _check(name, every)
    with transaction.atomic():
        Owner.objects.select_for_update(no_key=True).get(pk=owner.pk)
        _refuse_known(owner, name)
        said: dict[str, list[str]] = {"words": list(words)} if words else {}
        number = (owner.watches.aggregate(last=Max("number"))["last"] or 0) + 1
        watch = Watch.objects.create(
            owner=owner,
            number=number,
            name=name,
            sources=[{"kind": kind, "url": url, **said} for kind, url in dict.fromkeys(sources)],
            interval_seconds=int(every.total_seconds()),
            budget=dict(budget) if group == FILES else {**BUDGET, **budget},
            politeness=dict(politeness),
            next_run_at=first or now() + every,
            private=group != WEB,
        )
        trail.changed("watch added", by=by, owner=owner, about={"sources": watch.sources, **_settings(watch)})
        return watch


def change_watch(
    watch: Watch,
    *,
    name: str,
    every: timedelta,
    first: datetime,
    budget: Mapping[str, float],
    politeness: Mapping[str, float],
    by: str,
) -> None:
    """Set a watch anew; a crawl that is under way goes on under the new budget, its next slice at the new pace.

    Args:
        watch: which.
        name: its name from now on.
        every: time between the starts of two crawls.
        first: when it runs next.
        budget: what is set anew of the limits of each crawl; the others stay.
        politeness: what is set anew of how hosts are treated; the rest stays.
        by: who sets it, for the log.

    Raises:
        WrongUseError: it can't be arranged like this.
    """
    _refuse_past(watch)
    _check(name, every)
    with transaction.atomic():
        Owner.objects.select_for_update(no_key=True).get(pk=watch.owner_id)
        row = Watch.objects.select_for_update(no_key=True).get(pk=watch.pk)
        before = _settings(row)
        if name != row.name:
            _refuse_known(watch.owner, name)
        row.name, row.interval_seconds, row.next_run_at = name, int(every.total_seconds()), first
        row.budget, row.politeness = {**row.budget, **budget}, {**row.politeness, **politeness}
        row.save(update_fields=["name", "interval_seconds", "next_run_at", "budget", "politeness"])
        trail.changed("watch changed", by=by, owner=watch.owner, about={"before": before, "after": _settings(row)})


def _group(kind: str) -> str:
    return FILES if kind in FILE_KINDS else SEARCHES if kind == crawling.SEARCH else WEB


def searches(watch: Watch) -> bool:
    """Whether a watch asks searches instead of visiting sites."""
    return any(source["kind"] == crawling.SEARCH for source in watch.sources)


def _settings(watch: Watch) -> dict[str, Any]:
    return {
        "watch": watch.name,
        "seconds": watch.interval_seconds,
        "budget": watch.budget,
        "politeness": watch.politeness,
    }


def _check(name: str, every: timedelta) -> None:
    if not SHORTEST <= every <= LONGEST:
        raise WrongUseError("A watch runs at most once a minute and at least once in ten years.")
    if not name or name.isdecimal():
        raise WrongUseError(f"{name!r} can't name a watch.", hint="Give it a name with a letter in it.")


def _refuse_known(owner: Owner, name: str) -> None:
    if owned.watches(owner).filter(name=name).exists():
        raise WrongUseError(f"{owner.name} has a watch {name!r} already.", hint="Choose another name.")


def free_name(owner: Owner, wanted: str) -> str:
    """A name like the one wanted that no watch of the owner has."""
    taken = set(owned.watches(owner).filter(name__startswith=wanted).values_list("name", flat=True))
    more = (f"{wanted} ({number})" for number in range(2, len(taken) + 3))
    return next(name for name in (wanted, *more) if name not in taken)


def remove_watch(watch: Watch, *, by: str) -> None:
    """Run it no more and list it no longer; a crawl under way is stopped, its canaries are withdrawn.

    What its crawls saw stays: cases and evidence rest on it.

    Raises:
        WrongUseError: the watch only asks for pictures seen before.
    """
    _refuse_past(watch)
    with transaction.atomic():
        if not Watch.objects.filter(pk=watch.pk, removed_at=None).update(removed_at=now(), paused=True):
            return
        for canary in canaries.active(watch.owner).filter(watch=watch):
            canaries.withdraw(canary, by=by)
        under_way = crawl_under_way(watch)
        if under_way is not None:
            crawling.stop(under_way.pk)
        trail.changed("watch removed", by=by, owner=watch.owner, about={"watch": watch.name})


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
    return watch.crawls.filter(state__in=schedules.UNDER_WAY).order_by("-number").first()


def start_now(watch: Watch) -> Crawl:
    """Start a crawl of the watch at once, beside its schedule; one that is under way already counts as that.

    Raises:
        WrongUseError: the watch is paused, or only asks for pictures seen before.
    """
    _refuse_past(watch)
    if watch.paused:
        raise WrongUseError(f"The watch {watch.name} is paused.", hint=f"exhibit watch resume {watch.name}")
    started = schedules.start_between(watch.pk) or crawl_under_way(watch)
    if started is None:
        raise WrongUseError(f"The watch {watch.name} can't be started now.", hint="Try again in a moment.")
    return started
