"""Watches as an owner arranges them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

from django.db import transaction

from exhibit.clock import now
from exhibit.errors import ConflictError, WrongUseError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.crawls import budgets, canaries, changes, crawling, own_places, revisits, schedules, scoped
from registry.crawls.models import Crawl, Watch
from registry.crawls.schedules import TimeOfDay
from registry.db.claimable import UNFINISHED
from registry.db.rows import alone_with, next_number, there, write
from registry.log import audit_log
from registry.members import samples

FILE_KINDS = ("folder", "warc")
FILES, SEARCHES, LISTS, ARCHIVES, WEB = "files", "searches", "lists", "archives", "web"
MIN_INTERVAL = timedelta(minutes=1)
MAX_INTERVAL = timedelta(days=3650)
BUDGET: Mapping[str, int] = {"pages": 1_000, "images": 20_000, "bytes": 2_000_000_000, "seconds": 6 * 3_600, "depth": 3}
"""What a run over addresses on the web may spend where nothing else is said."""
USUAL: Mapping[str, Mapping[str, int | str]] = {
    WEB: {**BUDGET, **budgets.RENDERING},
    SEARCHES: {name: BUDGET[name] for name in ("images", "bytes", "seconds")},
    LISTS: {"depth": 0},
    ARCHIVES: {name: BUDGET[name] for name in ("pages", "bytes", "seconds")},
    FILES: {},
}
"""The same of each sort of sources: a search names pictures alone; files and lists in bulk are read to their end."""

_GROUPS = {
    crawling.SEARCH: SEARCHES,
    crawling.BULK: LISTS,
    crawling.HAND: LISTS,
    crawling.ARCHIVE: ARCHIVES,
}
_DOMAINS = frozenset({"domains", "since", "until"})


class Subjects(TypedDict, total=False):
    """What a watch asks searches for; what isn't said, or is ``None``, stays as it is."""

    words: Sequence[str] | None
    works: Sequence[int] | None  # numbers of the works, none for all of them
    newest: bool | None  # whether each run begins with the newest work, instead of going on in turn
    domains: Sequence[str] | None  # whose pictures an archive is asked for
    since: str | None  # the first and the last year, month or day of its captures
    until: str | None


def add_watch(  # noqa: PLR0913 - each is named at the call, and a watch is no less than that
    owner: Owner,
    name: str,
    sources: Sequence[tuple[str, str]],
    *,
    every: timedelta,
    budget: Mapping[str, Any],
    politeness: Mapping[str, float],
    by: str = "",
    when: TimeOfDay | None = None,
    own: bool = False,
    **asked: Unpack[Subjects],
) -> Watch:
    """Arrange a scheduled crawl; :func:`start_now` is for sooner. Raises ``WrongUseError``.

    What comes from files, from archives, and what a search names that is asked with the owner's key, is private to the
    owner; what comes from the public web isn't. Sources are kinds and addresses (paths of files), of one sort. The
    budget (:class:`crawler.formats.job.Limits`) is :data:`USUAL` where it says nothing; politeness is that
    of :class:`crawler.formats.job.Politeness`. It runs first when one period has passed, or as ``when`` says. What it
    looks at may be the owner's ``own`` (:mod:`registry.crawls.own_places`).
    """
    samples.refuse(owner)
    group = _one_group(kind for kind, _url in sources)
    _check(name, every)
    budget = _checked_budget(group, {**USUAL[group], **budget})
    said = {name: value for name, value in asked.items() if value}
    if said.keys() - _DOMAINS and group != SEARCHES:
        raise WrongUseError(Sentence("Only a watch that asks a search has words or works to search for."))
    if (group == ARCHIVES) != ("domains" in said) or (said.keys() & _DOMAINS and group != ARCHIVES):
        raise WrongUseError(
            Sentence("A watch over an archive names the domains whose pictures it takes, and no other does."),
            hint=Sentence("Name the archive and the domain: --archive wayback --domain example.com"),
        )
    if own:
        own_places.check(sources)
    first = None if group == LISTS else now() + every if when is None else schedules.first_run(every, when)
    with alone_with(owner):
        _refuse_known(owner, name)
        number = next_number(owner.watches)
        watch = Watch.objects.create(
            owner=owner,
            number=number,
            name=name,
            sources=[{"kind": kind, "url": url, **said} for kind, url in dict.fromkeys(sources)],
            budget=budget,
            politeness=dict(politeness),
            **_times(every, first, when),
            private=group in (FILES, SEARCHES, ARCHIVES),
            own=own,
        )
        audit_log.changed("watch added", by=by, owner=owner, about={"sources": watch.sources, **_settings(watch)})
        return watch


def change_watch(  # noqa: PLR0913 - as add_watch
    watch: Watch,
    *,
    name: str | None = None,
    every: timedelta | None = None,
    budget: Mapping[str, Any],
    politeness: Mapping[str, float],
    by: str,
    when: TimeOfDay | None = None,
    own: bool | None = None,
) -> None:
    """Set a watch anew; a crawl under way goes on under the new budget, its next slice at the new pace.

    What isn't said stays. It runs next as ``when`` says, or within one period where that has changed. Raises
    ``NotFoundError`` when somebody has removed it meanwhile, ``WrongUseError`` when it can't be arranged like this.
    """
    _refuse_past(watch)
    with transaction.atomic():
        row = _held(watch)
        name = row.name if name is None else name
        every = timedelta(seconds=row.interval_seconds) if every is None else every
        _check(name, every)
        before = _settings(row)
        budget = _checked_budget(_one_group(kind for kind, _url in places(row)), {**row.budget, **budget})
        if name != row.name:
            _refuse_known(watch.owner, name)
        times = {} if takes_lists(row) else _changed_times(row, every, when)
        politeness = {**row.politeness, **politeness}
        sees_more = any(budget.get(one) != row.budget.get(one) for one in ("depth", "render"))
        sees_more |= any(politeness.get(one) != row.politeness.get(one) for one in ("obey_robots", "obey_reservations"))
        own = row.own if own is None else own
        if own:
            own_places.check(places(row))
        sees_more |= own and not row.own  # what it has seen may be proposed
        everything = row.everything or sees_more
        write(row, name=name, budget=budget, politeness=politeness, own=own, everything=everything, **times)
        if sees_more:  # "unchanged" would be no answer, in later runs too, if the next one has no time for all
            row.known_pages.update(etag="", last_modified="")
        audit_log.changed("watch changed", by=by, owner=watch.owner, about={"before": before, "after": _settings(row)})


def change_sources(
    watch: Watch, *, add: Sequence[tuple[str, str]] = (), remove: Collection[tuple[str, str]] = (), by: str
) -> None:
    """Let a watch look at more places of the sort it has, or at fewer. What was seen at the others stays.

    A crawl that is under way ends with what it has when a place is removed: nothing more of it is visited. Places that
    it has, or hasn't to begin with, are passed over. Raises as :func:`change_watch`, also when nothing would be left.
    """
    _refuse_past(watch)
    with transaction.atomic():
        row = _held(watch)
        before = places(row)
        after = [place for place in dict.fromkeys([*before, *add]) if place not in remove]
        if after == before:
            return
        is_asked = searches(row) or asks_archives(row)
        if row.own:
            own_places.check(after)
        if is_asked or _one_group(kind for kind, _url in after) != _one_group(kind for kind, _url in before):
            raise WrongUseError(Sentence("A watch can't mix files, searches and addresses on the web."))
        write(row, sources=[{"kind": kind, "url": url} for kind, url in after])
        added, removed = sorted({*after} - {*before}), sorted({*before} - {*after})
        if removed:
            _stop_crawl(row)
            changes.forget_other_sites(row)
        about = {"watch": row.name, "added": added, "removed": removed}
        audit_log.changed("watch's sources changed", by=by, owner=watch.owner, about=about)


def change_subjects(watch: Watch, *, by: str, **asked: Unpack[Subjects]) -> None:
    """Search for other words or works from the next crawl on; raises as :func:`change_watch`."""
    said = {name: value for name, value in asked.items() if value is not None}
    if not said:
        return
    with transaction.atomic():
        row = _held(watch)
        if not searches(row):
            raise WrongUseError(Sentence("Only a watch that asks a search has words or works to search for."))
        asks_words = bool(searched_words(row))
        if "words" in said and not (said["words"] and asks_words):
            raise WrongUseError(Sentence("Say what to search for."))
        if asks_words and (said.get("works") or said.get("newest")):
            raise WrongUseError(Sentence("It asks for words, not for works."))
        sources = [{name: value for name, value in {**source, **said}.items() if value} for source in row.sources]
        if sources == row.sources:
            return
        write(row, sources=sources)
        audit_log.changed("watch's words changed", by=by, owner=watch.owner, about={"watch": row.name, **said})


def places(watch: Watch) -> list[tuple[str, str]]:
    """Kind and address of each of a watch's sources."""
    return [(source["kind"], source["url"]) for source in watch.sources]


def searched_words(watch: Watch) -> list[str]:
    """What a watch searches for that asks a search for words; else nothing."""
    return [words for source in watch.sources for words in source.get("words", [])]


def _held(watch: Watch) -> Watch:
    """The watch, locked for this transaction with its owner's others; raises ``NotFoundError`` for a removed one."""
    Owner.objects.select_for_update(no_key=True).get(pk=watch.owner_id)
    row = Watch.objects.select_for_update(no_key=True).filter(pk=watch.pk, removed_at=None).first()
    return there(row, Sentence("This watch was deleted meanwhile."))


def _one_group(kinds: Iterable[str]) -> str:
    groups = {_group(kind) for kind in kinds}
    if not groups:
        raise WrongUseError(Sentence("A watch needs at least one place to look at."))
    if len(groups) > 1:
        raise WrongUseError(Sentence("A watch can't mix files, searches and addresses on the web."))
    return groups.pop()


def _group(kind: str) -> str:
    return FILES if kind in FILE_KINDS else _GROUPS.get(kind, WEB)


def searches(watch: Watch) -> bool:
    """Whether a watch asks searches instead of visiting sites."""
    return any(source["kind"] == crawling.SEARCH for source in watch.sources)


def asks_archives(watch: Watch) -> bool:
    """Whether a watch takes what web archives hold of domains."""
    return any(source["kind"] == crawling.ARCHIVE for source in watch.sources)


def takes_lists(watch: Watch) -> bool:
    """Whether a watch visits what lists in bulk or a person name: no schedule starts it.

    :mod:`registry.crawls.lists` and :mod:`registry.crawls.looks` do.
    """
    return any(_group(source["kind"]) == LISTS for source in watch.sources)


def looks_by_hand(watch: Watch) -> bool:
    """Whether a watch visits single pages, each once, because a person asked for it (:mod:`registry.crawls.looks`)."""
    return any(source["kind"] == crawling.HAND for source in watch.sources)


def runs_once(watch: Watch) -> bool:
    """Whether a watch ran, or runs, when somebody started it, and not again by itself."""
    return watch.interval_seconds >= MAX_INTERVAL.total_seconds()


def visits_sites(watch: Watch) -> bool:
    """Whether a watch visits places on the web that somebody named."""
    return {_group(source["kind"]) for source in watch.sources} == {WEB} and not revisits.is_past(watch)


def _changed_times(watch: Watch, every: timedelta, when: TimeOfDay | None) -> dict[str, Any]:
    """Columns of another schedule: at its own time of day as before, unless another is said; none where none is."""
    before = schedules.kept(watch)
    if when is not None:
        return _times(every, schedules.first_run(every, when), when)
    if int(every.total_seconds()) == watch.interval_seconds:
        return {}
    if before is not None and every % schedules.DAY == timedelta(0):
        return _times(every, before.on(before.day_of(now()) + every), before)
    return _times(every, now() + every, None)


def _times(every: timedelta, first: datetime | None, when: TimeOfDay | None) -> dict[str, Any]:
    """Columns of when a watch runs; its time of day is that of its first run, unless one is said."""
    of_days = first is not None and every % schedules.DAY == timedelta(0)
    chosen = (when or TimeOfDay.of(first)) if first is not None and of_days else None
    return {
        "interval_seconds": int(every.total_seconds()),
        "next_run_at": first,
        "time_of_day": chosen and chosen.at,
        "time_zone": str(chosen.zone) if chosen else "",
    }


def _settings(watch: Watch) -> dict[str, Any]:
    told = {"watch": watch.name, "seconds": watch.interval_seconds}
    return told | {"budget": watch.budget, "politeness": watch.politeness} | ({"own": True} if watch.own else {})


def _check(name: str, every: timedelta) -> None:
    if not MIN_INTERVAL <= every <= MAX_INTERVAL:
        raise WrongUseError(Sentence("A watch runs at most once a minute and at least once in ten years."))
    if not name or name.isdecimal():
        raise WrongUseError(
            Sentence("%(name)s can't name a watch.", name=f"{name!r}"),
            hint=Sentence("Give it a name with a letter in it."),
        )


def _checked_budget(group: str, budget: Mapping[str, Any]) -> dict[str, Any]:
    """A budget as it is kept: money that is said to be nothing, an empty text, isn't limited."""
    kept = {name: value for name, value in budget.items() if value != ""}
    if group != SEARCHES and kept.keys() & {"searches", budgets.RUN, budgets.MONTH}:
        raise WrongUseError(Sentence("Only a watch that asks a search has a number of searches or costs money."))
    if group in (SEARCHES, FILES, ARCHIVES) and kept.keys() & budgets.RENDERING.keys():
        raise WrongUseError(Sentence("Only a watch that visits pages can render them."))
    may = budgets.limits(kept)
    if len({limit.currency for limit in may.values()}) > 1:
        raise WrongUseError(Sentence("Say the money of a run and of a month in one currency."))
    return kept | {name: str(limit) for name, limit in may.items()}


def _refuse_known(owner: Owner, name: str) -> None:
    if scoped.watches(owner).filter(name=name).exists():
        raise WrongUseError(
            Sentence("%(owner)s has a watch %(name)s already.", owner=owner.name, name=f"{name!r}"),
            hint=Sentence("Choose another name."),
        )


def free_name(owner: Owner, wanted: str) -> str:
    """A name like the one wanted that no watch of the owner has."""
    taken = set(scoped.watches(owner).filter(name__startswith=wanted).values_list("name", flat=True))
    more = (f"{wanted} ({number})" for number in range(2, len(taken) + 3))
    return next(name for name in (wanted, *more) if name not in taken)


def remove_watch(watch: Watch, *, by: str) -> None:
    """Run it no more and list it no longer; a crawl under way is stopped, its canaries are withdrawn.

    What its crawls saw stays: cases and evidence rest on it. Raises ``NotFoundError`` when somebody has removed it
    already, ``WrongUseError`` when it only asks for pictures seen before.
    """
    _refuse_past(watch)
    with transaction.atomic():
        row = _held(watch)
        Watch.objects.filter(pk=row.pk).update(removed_at=now(), paused=True)
        for canary in canaries.active(watch.owner).filter(watch=watch):
            canaries.withdraw(canary, by=by)
        _stop_crawl(row)
        audit_log.changed("watch removed", by=by, owner=watch.owner, about={"watch": row.name})


def stop(crawl: Crawl, *, by: str) -> bool:
    """Let a crawl end with what it has, within some seconds; says whether it was under way."""
    with transaction.atomic():
        if stopped := crawling.stop(crawl.pk):
            about = {"watch": crawl.watch.name, "crawl": crawl.number}
            audit_log.changed("crawl stopped", by=by, owner=crawl.watch.owner, about=about)
    return stopped


def _stop_crawl(watch: Watch) -> None:
    """Stop the crawl that is under way, if there is one; another can't begin while the watch is held."""
    if under_way := crawl_under_way(watch):
        crawling.stop(under_way.pk)


def pause(watch: Watch, *, by: str = "") -> None:
    """Start no more crawls; one that is under way goes on. Raises as :func:`remove_watch`."""
    _set_paused(watch, by=by, paused=True)


def resume(watch: Watch, *, by: str = "") -> None:
    """Start crawls again, at the next of the usual times; raises as :func:`remove_watch`."""
    _set_paused(watch, by=by, paused=False)


def _set_paused(watch: Watch, *, by: str, paused: bool) -> None:
    _refuse_past(watch)
    with transaction.atomic():
        row = _held(watch)
        if row.paused == paused:
            return
        write(row, paused=paused)
        schedules.move_on(row, now())
        what = "watch paused" if paused else "watch resumed"
        audit_log.changed(what, by=by, owner=watch.owner, about={"watch": row.name})


def _refuse_past(watch: Watch) -> None:
    samples.refuse(watch.owner)
    if revisits.is_past(watch):
        hint = Sentence("It runs by itself when a new work resembles pictures whose bytes have expired.")
        raise WrongUseError(Sentence("%(watch)s has no times of its own.", watch=watch.name), hint=hint)


def crawl_under_way(watch: Watch) -> Crawl | None:
    """The crawl that has begun and hasn't ended."""
    return watch.crawls.filter(state__in=UNFINISHED).order_by("-number").first()


def start_now(watch: Watch, *, everything: bool = False) -> Crawl:
    """Start a crawl of the watch at once, beside its schedule; one that is under way already counts as that.

    It asks for every page anew if it is to; of one that is under way the next does.

    Raises ``ConflictError`` when that one is ending, ``WrongUseError`` for a watch that is paused or has no times.
    """
    _refuse_past(watch)
    if looks_by_hand(watch):
        raise WrongUseError(
            Sentence("%(watch)s visits only what a person names.", watch=watch.name),
            hint=Sentence("Visit a page: exhibit api POST looks --field url=URL"),
        )
    if takes_lists(watch) and crawl_under_way(watch) is None:
        raise WrongUseError(
            Sentence("All that its lists named has been visited."),
            hint=Sentence("Read another list: exhibit ingest FILE --watch %(name)s", name=watch.name),
        )
    if started := schedules.start_between(watch.pk, everything=everything):
        return started
    if Watch.objects.filter(pk=watch.pk, paused=True).exists():
        raise WrongUseError(
            Sentence("The watch %(name)s is paused.", name=watch.name), hint=Sentence("Resume it first.")
        )
    under_way = crawl_under_way(watch)
    if under_way is None or under_way.reason:
        raise ConflictError(Sentence("A run is just ending."), hint=Sentence("Try again in a moment."))
    if everything:
        Watch.objects.filter(pk=watch.pk).update(everything=True)
    return under_way
