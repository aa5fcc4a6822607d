"""Bulk URL lists: the watch that they belong to, its crawl, and the progress of each list."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.db import transaction

from exhibit.clock import now
from exhibit.errors import ConflictError, InvalidRequestError, NotFoundError
from exhibit.network.addresses import compute_url_key
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.crawls import schedules, scoped, watch_settings
from registry.crawls.crawling import BULK, NewUrl, add_urls_by_key
from registry.crawls.models import AddressList, Crawl, Watch
from registry.db.bulk import to_storable
from registry.db.claimable import StepState

SkippedCount = tuple[int, list[str]]
"""Number of lines skipped for a reason, with the first of their URLs."""

ALREADY_KNOWN = "known"
"""Reason for skipping URLs that are already in the crawl."""
MAX_EXAMPLES, MAX_EXAMPLE_LENGTH = 3, 200
SOURCE = (BULK, "lists read by exhibit ingest")


def get_or_create_watch(owner: Owner, name: str, *, by: str) -> Watch:
    """Return or create the owner's watch with this name; raises ``InvalidRequestError`` if it has other sources."""
    try:
        watch = scoped.get_watch(owner, name)
    except NotFoundError:
        return watch_settings.add_watch(owner, name, [SOURCE], every=timedelta(days=1), budget={}, politeness={}, by=by)
    if watch_settings.list_sources(watch) != [SOURCE]:
        raise InvalidRequestError(
            Sentence("The watch %(name)s already has other sources.", name=watch.name),
            hint=Sentence("Choose another name. URL lists need a separate watch."),
        )
    return watch


def get_politeness(owner: Owner, name: str) -> Mapping[str, float]:
    """Return the politeness settings of the watch with this name; empty if it does not exist yet."""
    watch = scoped.list_watches(owner).filter(name=name).first()
    return {} if watch is None else watch.politeness


def start_list(watch: Watch, path: str, filter_key: str, stamp: str) -> tuple[AddressList, bool]:
    """Return the progress of a list for a filter, and True if the file has changed since it was last read.

    ``stamp`` identifies a version of the file. A changed file is read from the start.
    """
    key = compute_url_key(f"{path} {filter_key}")
    row, _new = AddressList.objects.get_or_create(watch=watch, key=key, defaults={"path": path, "stamp": stamp})
    if row.stamp == stamp:
        return row, False
    row.stamp, row.lines, row.kept, row.skipped, row.whole = stamp, 0, 0, {}, False
    row.save()
    return row, True


def add_list_urls(
    row: AddressList, urls: Mapping[bytes, NewUrl], skipped: Iterable[tuple[str, str]], lines: int
) -> list[tuple[str, str]]:
    """Add a list's URLs, by key, to its watch's crawl, and update the list's progress in the same transaction.

    Args:
        row: The list.
        urls: URLs to add.
        skipped: Lines skipped by the caller, as reason and URL.
        lines: Number of lines read.

    Returns:
        The skipped lines, including URLs that were already in the crawl.

    Raises:
        ConflictError: Another process reads the list, or the crawl is ending.
        NotFoundError: The watch has been deleted.
    """
    with transaction.atomic():
        new_keys = set(add_urls_by_key(_get_open_crawl(row.watch_id).pk, urls)) if urls else set()
        skipped_lines = [*skipped, *((ALREADY_KNOWN, url.url) for key, url in urls.items() if key not in new_keys)]
        unchanged_row = AddressList.objects.filter(pk=row.pk, lines=row.lines, stamp=row.stamp)
        count_lines(row, len(new_keys), skipped_lines, lines)
        if not unchanged_row.update(lines=row.lines, kept=row.kept, skipped=row.skipped):
            raise ConflictError(
                Sentence("Another process is reading %(path)s.", path=row.path),
                hint=Sentence("Wait until it has finished."),
            )
    return skipped_lines


def count_lines(row: AddressList, added_count: int, skipped: Iterable[tuple[str, str]], lines: int) -> None:
    """Count the read and skipped lines of a list, and collect the first skipped URLs."""
    row.lines, row.kept = row.lines + lines, row.kept + added_count
    urls_by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for reason, url in skipped:
        urls_by_reason[reason].append(url[:MAX_EXAMPLE_LENGTH])
    examples = {
        reason: list(dict.fromkeys(filter(None, urls)))[:MAX_EXAMPLES] for reason, urls in urls_by_reason.items()
    }
    new_skips = {
        reason: (len(urls), list(map(to_storable, examples[reason]))) for reason, urls in urls_by_reason.items()
    }
    row.skipped = merge_skipped([row.skipped, new_skips])


def merge_skipped(parts: Iterable[Mapping[str, SkippedCount]]) -> dict[str, SkippedCount]:
    """Merge the counts and first URLs of skipped lines by reason; each URL appears once."""
    sums: dict[str, SkippedCount] = {}
    for reason, (count, examples) in (entry for part in parts for entry in part.items()):
        previous_count, first_examples = sums.get(reason, (0, []))
        sums[reason] = previous_count + count, list(dict.fromkeys([*first_examples, *examples]))[:MAX_EXAMPLES]
    return sums


def _get_open_crawl(watch_id: int) -> Crawl:
    """Return the watch's running crawl, or a new one; it accepts URLs and cannot end during this transaction."""
    watch = Watch.objects.select_for_update(no_key=True).get(pk=watch_id)
    if watch.removed_at is not None:
        raise NotFoundError(Sentence("This watch was deleted in the meantime."))
    running_crawl = watch.crawls.filter(state=StepState.RUNNING).select_for_update(no_key=True).first()
    if running_crawl is None:
        return schedules.create_crawl(watch, now())
    if running_crawl.reason:
        raise ConflictError(Sentence("A run of this watch is ending."), hint=Sentence("Try again in a moment."))
    return running_crawl
