"""Watches: creation, changes, schedules, and immediate runs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

from django.db import transaction

from exhibit.clock import now
from exhibit.errors import ConflictError, InvalidRequestError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.crawls import budgets, copy_checks, crawling, own_sites, page_changes, revisits, schedules, scoped
from registry.crawls.models import Crawl, Watch
from registry.crawls.schedules import TimeOfDay
from registry.db.claimable import UNFINISHED
from registry.db.rows import get_next_number, lock_row, require, update_row
from registry.log import audit_log
from registry.members import samples

FILE_KINDS = ("folder", "warc")
FILES, SEARCHES, LISTS, ARCHIVES, WEB = "files", "searches", "lists", "archives", "web"
MIN_INTERVAL = timedelta(minutes=1)
MAX_INTERVAL = timedelta(days=3650)
DEFAULT_BUDGET: Mapping[str, int] = {
    "pages": 1_000,
    "images": 20_000,
    "bytes": 2_000_000_000,
    "seconds": 6 * 3_600,
    "depth": 3,
}
"""Default budget of a run over web URLs."""
DEFAULT_BUDGETS: Mapping[str, Mapping[str, int | str]] = {
    WEB: {**DEFAULT_BUDGET, **budgets.RENDERING},
    SEARCHES: {name: DEFAULT_BUDGET[name] for name in ("images", "bytes", "seconds")},
    LISTS: {"depth": 0},
    ARCHIVES: {name: DEFAULT_BUDGET[name] for name in ("pages", "bytes", "seconds")},
    FILES: {},
}
"""Default budgets by group of sources: searches return only pictures; files and bulk lists are read completely."""

_GROUPS = {
    crawling.SEARCH: SEARCHES,
    crawling.BULK: LISTS,
    crawling.MANUAL: LISTS,
    crawling.ARCHIVE: ARCHIVES,
}
_DOMAINS = frozenset({"domains", "since", "until"})


class Subjects(TypedDict, total=False):
    """Subjects of a watch's searches; in a change, missing values and ``None`` leave a subject unchanged."""

    words: Sequence[str] | None
    works: Sequence[int] | None  # work numbers; empty for all works
    newest: bool | None  # start each run with the newest work instead of continuing
    domains: Sequence[str] | None  # domains whose pictures are requested from an archive
    since: str | None  # first and last year, month or day of captures
    until: str | None


def add_watch(  # noqa: PLR0913 - keyword-only; a watch has this many settings
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
    **search_subjects: Unpack[Subjects],
) -> Watch:
    """Create a scheduled watch; use :func:`start_crawl_now` to run it earlier.

    Results from files, archives and searches with the owner's key are private to the owner; results from the public web
    are not.

    Args:
        owner: The owner.
        name: Name of the watch.
        sources: Kinds and URLs (or file paths) of sources, all from one group.
        every: Interval between runs.
        budget: :class:`crawler.formats.job.Limits` of a run; missing values are set from :data:`DEFAULT_BUDGETS`.
        politeness: Values of :class:`crawler.formats.job.Politeness`.
        by: Account recorded in the audit log.
        when: Time of day of the runs; without it, the first run is after one interval.
        own: The sources are the owner's own sites (:mod:`registry.crawls.own_sites`).
        **search_subjects: Subjects of searches or archives.

    Raises:
        InvalidRequestError: The settings are invalid, or the name is taken.
    """
    samples.check_not_sample(owner)
    group = _get_single_group(kind for kind, _url in sources)
    _check_name_and_interval(name, every)
    budget = _normalise_budget(group, {**DEFAULT_BUDGETS[group], **budget})
    subjects = {name: value for name, value in search_subjects.items() if value}
    if subjects.keys() - _DOMAINS and group != SEARCHES:
        raise InvalidRequestError(
            Sentence("Only watches that use a search service can have words or works to search for.")
        )
    if (group == ARCHIVES) != ("domains" in subjects) or (subjects.keys() & _DOMAINS and group != ARCHIVES):
        raise InvalidRequestError(
            Sentence("A watch that searches a web archive requires domains. Other watches cannot have domains."),
            hint=Sentence("Specify the archive and the domain: --archive wayback --domain example.com"),
        )
    if own:
        own_sites.check_sources(sources)
    first_run = None if group == LISTS else now() + every if when is None else schedules.compute_first_run(every, when)
    with lock_row(owner):
        _check_name_is_free(owner, name)
        number = get_next_number(owner.watches)
        watch = Watch.objects.create(
            owner=owner,
            number=number,
            name=name,
            sources=[{"kind": kind, "url": url, **subjects} for kind, url in dict.fromkeys(sources)],
            budget=budget,
            politeness=dict(politeness),
            **_to_schedule_columns(every, first_run, when),
            private=group in (FILES, SEARCHES, ARCHIVES),
            own=own,
        )
        audit_log.log_change(
            "watch added", by=by, owner=owner, details={"sources": watch.sources, **_describe_settings(watch)}
        )
        return watch


def change_watch(  # noqa: PLR0913 - see add_watch
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
    """Change a watch; a running crawl continues under the new budget, and its next slice uses the new rate.

    Values that are not given stay unchanged. The next run is at ``when``, or within one interval if the interval has
    changed.

    Raises:
        NotFoundError: The watch has been deleted in the meantime.
        InvalidRequestError: The settings are invalid.
    """
    _check_schedulable(watch)
    with transaction.atomic():
        row = _lock_watch(watch)
        name = row.name if name is None else name
        every = timedelta(seconds=row.interval_seconds) if every is None else every
        _check_name_and_interval(name, every)
        previous_settings = _describe_settings(row)
        budget = _normalise_budget(
            _get_single_group(kind for kind, _url in list_sources(row)), {**row.budget, **budget}
        )
        if name != row.name:
            _check_name_is_free(watch.owner, name)
        schedule_columns = {} if is_list_watch(row) else _compute_changed_schedule(row, every, when)
        politeness = {**row.politeness, **politeness}
        needs_full_run = any(budget.get(key) != row.budget.get(key) for key in ("depth", "render"))
        needs_full_run |= any(
            politeness.get(key) != row.politeness.get(key) for key in ("obey_robots", "obey_reservations")
        )
        own = row.own if own is None else own
        if own:
            own_sites.check_sources(list_sources(row))
        needs_full_run |= own and not row.own  # known pictures may be proposed
        everything = row.everything or needs_full_run
        update_row(
            row, name=name, budget=budget, politeness=politeness, own=own, everything=everything, **schedule_columns
        )
        if needs_full_run:  # pages must not count as unchanged, even if the next run cannot cover all of them
            row.known_pages.update(etag="", last_modified="")
        audit_log.log_change(
            "watch changed",
            by=by,
            owner=watch.owner,
            details={"before": previous_settings, "after": _describe_settings(row)},
        )


def change_sources(
    watch: Watch, *, add: Sequence[tuple[str, str]] = (), remove: Collection[tuple[str, str]] = (), by: str
) -> None:
    """Add or remove sources of a watch, from the watch's own group of kinds; earlier sightings are kept.

    If a source is removed, a running crawl ends with its current results. Adding an existing source or removing a
    missing one has no effect. Raises the errors of :func:`change_watch`, also if no source would be left.
    """
    _check_schedulable(watch)
    with transaction.atomic():
        row = _lock_watch(watch)
        previous_sources = list_sources(row)
        new_sources = [source for source in dict.fromkeys([*previous_sources, *add]) if source not in remove]
        if new_sources == previous_sources:
            return
        is_queried = is_search_watch(row) or is_archive_watch(row)
        if row.own:
            own_sites.check_sources(new_sources)
        if is_queried or _get_single_group(kind for kind, _url in new_sources) != _get_single_group(
            kind for kind, _url in previous_sources
        ):
            raise InvalidRequestError(Sentence("A watch cannot combine files, searches and web URLs."))
        update_row(row, sources=[{"kind": kind, "url": url} for kind, url in new_sources])
        added_sources, removed_sources = (
            sorted({*new_sources} - {*previous_sources}),
            sorted({*previous_sources} - {*new_sources}),
        )
        if removed_sources:
            _stop_crawl(row)
            page_changes.delete_other_sites(row)
        about = {"watch": row.name, "added": added_sources, "removed": removed_sources}
        audit_log.log_change("watch's sources changed", by=by, owner=watch.owner, details=about)


def change_subjects(watch: Watch, *, by: str, **search_subjects: Unpack[Subjects]) -> None:
    """Change the words or works that a watch searches for, from the next crawl on.

    Raises the errors of :func:`change_watch`.
    """
    subjects = {name: value for name, value in search_subjects.items() if value is not None}
    if not subjects:
        return
    with transaction.atomic():
        row = _lock_watch(watch)
        if not is_search_watch(row):
            raise InvalidRequestError(
                Sentence("Only watches that use a search service can have words or works to search for.")
            )
        searches_words = bool(list_search_words(row))
        if "words" in subjects and not (subjects["words"] and searches_words):
            raise InvalidRequestError(Sentence("Enter what to search for."))
        if searches_words and (subjects.get("works") or subjects.get("newest")):
            raise InvalidRequestError(Sentence("This watch searches by words, not by works."))
        sources = [{name: value for name, value in {**source, **subjects}.items() if value} for source in row.sources]
        if sources == row.sources:
            return
        update_row(row, sources=sources)
        audit_log.log_change("watch's words changed", by=by, owner=watch.owner, details={"watch": row.name, **subjects})


def list_sources(watch: Watch) -> list[tuple[str, str]]:
    """Return the kind and URL of each of a watch's sources."""
    return [(source["kind"], source["url"]) for source in watch.sources]


def list_search_words(watch: Watch) -> list[str]:
    """Return the words that a watch searches for; empty if it does not search for words."""
    return [words for source in watch.sources for words in source.get("words", [])]


def _lock_watch(watch: Watch) -> Watch:
    """Lock a watch, and its owner, for this transaction; raises ``NotFoundError`` if it was deleted."""
    Owner.objects.select_for_update(no_key=True).get(pk=watch.owner_id)
    row = Watch.objects.select_for_update(no_key=True).filter(pk=watch.pk, removed_at=None).first()
    return require(row, Sentence("This watch was deleted in the meantime."))


def _get_single_group(kinds: Iterable[str]) -> str:
    groups = {_get_group(kind) for kind in kinds}
    if not groups:
        raise InvalidRequestError(Sentence("A watch needs at least one source."))
    if len(groups) > 1:
        raise InvalidRequestError(Sentence("A watch cannot combine files, searches and web URLs."))
    return groups.pop()


def _get_group(kind: str) -> str:
    return FILES if kind in FILE_KINDS else _GROUPS.get(kind, WEB)


def is_search_watch(watch: Watch) -> bool:
    """Return True if a watch queries search services instead of visiting sites."""
    return any(source["kind"] == crawling.SEARCH for source in watch.sources)


def is_archive_watch(watch: Watch) -> bool:
    """Return True if a watch requests pictures of domains from web archives."""
    return any(source["kind"] == crawling.ARCHIVE for source in watch.sources)


def is_list_watch(watch: Watch) -> bool:
    """Return True if a watch visits URLs from bulk lists or from a user; such a watch has no schedule.

    :mod:`registry.crawls.url_lists` and :mod:`registry.crawls.manual_visits` start it.
    """
    return any(_get_group(source["kind"]) == LISTS for source in watch.sources)


def is_manual_watch(watch: Watch) -> bool:
    """Return True if a watch visits single pages once, at a user's request (:mod:`registry.crawls.manual_visits`)."""
    return any(source["kind"] == crawling.MANUAL for source in watch.sources)


def is_unscheduled(watch: Watch) -> bool:
    """Return True if a watch runs only when a user starts it."""
    return watch.interval_seconds >= MAX_INTERVAL.total_seconds()


def is_site_watch(watch: Watch) -> bool:
    """Return True if a watch visits sites or pages that a user entered."""
    return {_get_group(source["kind"]) for source in watch.sources} == {WEB} and not revisits.is_revisit_watch(watch)


def _compute_changed_schedule(watch: Watch, every: timedelta, when: TimeOfDay | None) -> dict[str, Any]:
    """Return the columns of a changed schedule, which keeps its time of day unless a new one is given."""
    previous = schedules.load_time_of_day(watch)
    if when is not None:
        return _to_schedule_columns(every, schedules.compute_first_run(every, when), when)
    if int(every.total_seconds()) == watch.interval_seconds:
        return {}
    if previous is not None and every % schedules.DAY == timedelta(0):
        return _to_schedule_columns(every, previous.get_time_on(previous.find_last_day(now()) + every), previous)
    return _to_schedule_columns(every, now() + every, None)


def _to_schedule_columns(every: timedelta, first_run: datetime | None, when: TimeOfDay | None) -> dict[str, Any]:
    """Return the schedule's columns; the time of day defaults to that of the first run."""
    is_daily = first_run is not None and every % schedules.DAY == timedelta(0)
    time_of_day = (when or TimeOfDay.from_datetime(first_run)) if first_run is not None and is_daily else None
    return {
        "interval_seconds": int(every.total_seconds()),
        "next_run_at": first_run,
        "time_of_day": time_of_day and time_of_day.at,
        "time_zone": str(time_of_day.zone) if time_of_day else "",
    }


def _describe_settings(watch: Watch) -> dict[str, Any]:
    settings = {"watch": watch.name, "seconds": watch.interval_seconds}
    return settings | {"budget": watch.budget, "politeness": watch.politeness} | ({"own": True} if watch.own else {})


def _check_name_and_interval(name: str, every: timedelta) -> None:
    if not MIN_INTERVAL <= every <= MAX_INTERVAL:
        raise InvalidRequestError(Sentence("The interval of a watch must be between one minute and ten years."))
    if not name or name.isdecimal():
        raise InvalidRequestError(
            Sentence("%(name)s cannot be the name of a watch.", name=f"{name!r}"),
            hint=Sentence("Choose a name that contains at least one letter."),
        )


def _normalise_budget(group: str, budget: Mapping[str, Any]) -> dict[str, Any]:
    """Return a budget in its stored form; an empty money amount means no limit."""
    set_values = {name: value for name, value in budget.items() if value != ""}
    if group != SEARCHES and set_values.keys() & {"searches", budgets.RUN_COST_KEY, budgets.MONTH_COST_KEY}:
        raise InvalidRequestError(
            Sentence(
                "Only watches that use a search service can have a maximum number of searches or a spending limit."
            )
        )
    if group in (SEARCHES, FILES, ARCHIVES) and set_values.keys() & budgets.RENDERING.keys():
        raise InvalidRequestError(Sentence("Only a watch that visits pages can render them."))
    money_limits = budgets.parse_limits(set_values)
    if len({limit.currency for limit in money_limits.values()}) > 1:
        raise InvalidRequestError(Sentence("Use the same currency for the spending limits per run and per month."))
    return set_values | {name: str(limit) for name, limit in money_limits.items()}


def _check_name_is_free(owner: Owner, name: str) -> None:
    if scoped.list_watches(owner).filter(name=name).exists():
        raise InvalidRequestError(
            Sentence("%(owner)s already has a watch named %(name)s.", owner=owner.name, name=f"{name!r}"),
            hint=Sentence("Choose another name."),
        )


def make_free_name(owner: Owner, base_name: str) -> str:
    """Return an unused name for a watch, based on ``base_name``."""
    used_names = set(scoped.list_watches(owner).filter(name__startswith=base_name).values_list("name", flat=True))
    numbered_names = (f"{base_name} ({number})" for number in range(2, len(used_names) + 3))
    return next(name for name in (base_name, *numbered_names) if name not in used_names)


def remove_watch(watch: Watch, *, by: str) -> None:
    """Delete a watch; a running crawl is stopped, and its known copies are withdrawn.

    Its sightings stay, because cases and evidence depend on them.

    Raises:
        NotFoundError: The watch has already been deleted.
        InvalidRequestError: The watch only requests previously seen pictures.
    """
    _check_schedulable(watch)
    with transaction.atomic():
        row = _lock_watch(watch)
        Watch.objects.filter(pk=row.pk).update(removed_at=now(), paused=True)
        for known_copy in copy_checks.list_active_known_copies(watch.owner).filter(watch=watch):
            copy_checks.withdraw_known_copy(known_copy, by=by)
        _stop_crawl(row)
        audit_log.log_change("watch removed", by=by, owner=watch.owner, details={"watch": row.name})


def stop_crawl(crawl: Crawl, *, by: str) -> bool:
    """Request the end of a crawl, which stops within seconds; return True if it was running."""
    with transaction.atomic():
        if was_running := crawling.stop_crawl(crawl.pk):
            about = {"watch": crawl.watch.name, "crawl": crawl.number}
            audit_log.log_change("crawl stopped", by=by, owner=crawl.watch.owner, details=about)
    return was_running


def _stop_crawl(watch: Watch) -> None:
    """Stop the running crawl, if any; no other crawl can start while the watch is locked."""
    if running_crawl := get_running_crawl(watch):
        crawling.stop_crawl(running_crawl.pk)


def pause_watch(watch: Watch, *, by: str = "") -> None:
    """Pause a watch; a running crawl continues. Raises the errors of :func:`remove_watch`."""
    _set_paused(watch, by=by, is_paused=True)


def resume_watch(watch: Watch, *, by: str = "") -> None:
    """Resume a watch at its next regular time; raises the errors of :func:`remove_watch`."""
    _set_paused(watch, by=by, is_paused=False)


def _set_paused(watch: Watch, *, by: str, is_paused: bool) -> None:
    _check_schedulable(watch)
    with transaction.atomic():
        row = _lock_watch(watch)
        if row.paused == is_paused:
            return
        update_row(row, paused=is_paused)
        schedules.advance_next_run(row, now())
        entry_title = "watch paused" if is_paused else "watch resumed"
        audit_log.log_change(entry_title, by=by, owner=watch.owner, details={"watch": row.name})


def _check_schedulable(watch: Watch) -> None:
    samples.check_not_sample(watch.owner)
    if revisits.is_revisit_watch(watch):
        hint = Sentence(
            "It starts automatically when a new work is similar to pictures whose files are no longer stored."
        )
        raise InvalidRequestError(Sentence("%(watch)s has no schedule.", watch=watch.name), hint=hint)


def get_running_crawl(watch: Watch) -> Crawl | None:
    """Return the watch's running crawl, or ``None``."""
    return watch.crawls.filter(state__in=UNFINISHED).order_by("-number").first()


def start_crawl_now(watch: Watch, *, everything: bool = False) -> Crawl:
    """Start a crawl of the watch immediately, outside its schedule, or return the one that is running.

    With ``everything``, the crawl requests every page unconditionally; if a crawl is already running, this applies to
    the next one.

    Raises:
        ConflictError: The running crawl is ending.
        InvalidRequestError: The watch is paused or has no schedule.
    """
    _check_schedulable(watch)
    if is_manual_watch(watch):
        raise InvalidRequestError(
            Sentence("%(watch)s visits only URLs that a person enters.", watch=watch.name),
            hint=Sentence("Visit a page: exhibit api POST looks --field url=URL"),
        )
    if is_list_watch(watch) and get_running_crawl(watch) is None:
        raise InvalidRequestError(
            Sentence("All URLs in the lists of this watch have been visited."),
            hint=Sentence("Import another list: exhibit ingest FILE --watch %(name)s", name=watch.name),
        )
    if new_crawl := schedules.start_unscheduled_crawl(watch.pk, everything=everything):
        return new_crawl
    if Watch.objects.filter(pk=watch.pk, paused=True).exists():
        raise InvalidRequestError(
            Sentence("The watch %(name)s is paused.", name=watch.name), hint=Sentence("Resume it first.")
        )
    running_crawl = get_running_crawl(watch)
    if running_crawl is None or running_crawl.reason:
        raise ConflictError(Sentence("A run of this watch is ending."), hint=Sentence("Try again in a moment."))
    if everything:
        Watch.objects.filter(pk=watch.pk).update(everything=True)
    return running_crawl
