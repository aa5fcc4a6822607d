"""Bulk URL lists: the watch that accepts them, its crawl, and the progress of each list."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.db import transaction

from exhibit.clock import now
from exhibit.errors import ConflictError, NotFoundError, WrongUseError
from exhibit.network.addresses import url_key
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.crawls import schedules, scoped, watch_settings
from registry.crawls.crawling import BULK, NewUrl, add_urls_by_key
from registry.crawls.models import AddressList, Crawl, Watch
from registry.db.bulk import to_storable
from registry.db.claimable import StepState

Skipped = tuple[int, list[str]]
"""Number of lines skipped for one reason, and the first URLs among them."""

ALREADY_KNOWN = "known"
"""Reason for skipping URLs that are already in the crawl."""
EXAMPLES, MAX_EXAMPLE = 3, 200
SOURCE = (BULK, "lists read by exhibit ingest")


def get_or_create_watch(owner: Owner, name: str, *, by: str) -> Watch:
    """Return or create the owner's watch of this name; raises ``WrongUseError`` if it has other sources."""
    try:
        watch = scoped.watch(owner, name)
    except NotFoundError:
        return watch_settings.add_watch(owner, name, [SOURCE], every=timedelta(days=1), budget={}, politeness={}, by=by)
    if watch_settings.list_sources(watch) != [SOURCE]:
        raise WrongUseError(
            Sentence("The watch %(name)s already has other sources.", name=watch.name),
            hint=Sentence("Choose another name. Lists need a watch of their own."),
        )
    return watch


def get_politeness(owner: Owner, name: str) -> Mapping[str, float]:
    """Return the politeness settings of the watch of this name; empty if it does not exist yet."""
    watch = scoped.watches(owner).filter(name=name).first()
    return {} if watch is None else watch.politeness


def start_list(watch: Watch, path: str, filter_key: str, stamp: str) -> tuple[AddressList, bool]:
    """Return the progress of a list for a filter, and True if the file has changed since.

    ``stamp`` identifies a version of the file. A changed file is read from the start.
    """
    key = url_key(f"{path} {filter_key}")
    row, _new = AddressList.objects.get_or_create(watch=watch, key=key, defaults={"path": path, "stamp": stamp})
    if row.stamp == stamp:
        return row, False
    row.stamp, row.lines, row.kept, row.skipped, row.whole = stamp, 0, 0, {}, False
    row.save()
    return row, True


def add_list_urls(
    row: AddressList, urls: Mapping[bytes, NewUrl], left_out: Iterable[tuple[str, str]], lines: int
) -> list[tuple[str, str]]:
    """Add a list's URLs, by key, to its watch's crawl, and update the list's progress in the same transaction.

    Args:
        row: The list.
        urls: URLs to add.
        left_out: Lines skipped by the caller: reason and URL.
        lines: Number of lines read.

    Returns:
        The skipped lines, including URLs that were already in the crawl.

    Raises:
        ConflictError: Another process reads the list, or the crawl is just ending.
        NotFoundError: The watch has been deleted.
    """
    with transaction.atomic():
        new = set(add_urls_by_key(_get_open_crawl(row.watch_id).pk, urls)) if urls else set()
        out = [*left_out, *((ALREADY_KNOWN, url.url) for key, url in urls.items() if key not in new)]
        unchanged_row = AddressList.objects.filter(pk=row.pk, lines=row.lines, stamp=row.stamp)
        count_lines(row, len(new), out, lines)
        if not unchanged_row.update(lines=row.lines, kept=row.kept, skipped=row.skipped):
            raise ConflictError(
                Sentence("Another process is reading %(path)s.", path=row.path),
                hint=Sentence("Wait until it has finished."),
            )
    return out


def count_lines(row: AddressList, added: int, left_out: Iterable[tuple[str, str]], lines: int) -> None:
    """Count lines of a list that were read and skipped, and collect the first skipped URLs."""
    row.lines, row.kept = row.lines + lines, row.kept + added
    out: defaultdict[str, list[str]] = defaultdict(list)
    for reason, url in left_out:
        out[reason].append(url[:MAX_EXAMPLE])
    examples = {reason: list(dict.fromkeys(filter(None, urls)))[:EXAMPLES] for reason, urls in out.items()}
    new_skips = {reason: (len(urls), list(map(to_storable, examples[reason]))) for reason, urls in out.items()}
    row.skipped = merge_skipped([row.skipped, new_skips])


def merge_skipped(parts: Iterable[Mapping[str, Skipped]]) -> dict[str, Skipped]:
    """Merge the counts and first URLs of skipped lines by reason; each URL appears once."""
    sums: dict[str, Skipped] = {}
    for reason, (count, examples) in (entry for part in parts for entry in part.items()):
        previous, first = sums.get(reason, (0, []))
        sums[reason] = previous + count, list(dict.fromkeys([*first, *examples]))[:EXAMPLES]
    return sums


def _get_open_crawl(watch_id: int) -> Crawl:
    """Return the watch's crawl that accepts more URLs, or a new one; it cannot end during this transaction."""
    watch = Watch.objects.select_for_update(no_key=True).get(pk=watch_id)
    if watch.removed_at is not None:
        raise NotFoundError(Sentence("This watch was deleted in the meantime."))
    running = watch.crawls.filter(state=StepState.DOING).select_for_update(no_key=True).first()
    if running is None:
        return schedules.create_crawl(watch, now())
    if running.reason:
        raise ConflictError(
            Sentence("A run is ending. Try again in a moment."), hint=Sentence("Try again in a moment.")
        )
    return running
