"""Lists of addresses in bulk: the watch that takes them, its crawl, and how far each list has been read."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.db import transaction

from exhibit.clock import now
from exhibit.errors import ConflictError, NotFoundError, WrongUseError
from exhibit.network.addresses import url_key
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.crawls import schedules, scoped, watching
from registry.crawls.crawling import BULK, NewUrl, add_keyed
from registry.crawls.models import AddressList, Crawl, Watch
from registry.db.bulk import storable
from registry.db.claimable import StepState

Skipped = tuple[int, list[str]]
"""How many lines were left out for one reason, and the first addresses of these."""

KNOWN = "known"
"""Why an address isn't kept that is in already."""
EXAMPLES, MAX_EXAMPLE = 3, 200
SOURCE = (BULK, "lists read by exhibit ingest")


def watch_of(owner: Owner, name: str, *, by: str) -> Watch:
    """The owner's watch of this name, which is made where there is none.

    Raises ``WrongUseError`` where it looks at places of its own.
    """
    try:
        watch = scoped.watch(owner, name)
    except NotFoundError:
        return watching.add_watch(owner, name, [SOURCE], every=timedelta(days=1), budget={}, politeness={}, by=by)
    if watching.places(watch) != [SOURCE]:
        raise WrongUseError(
            Sentence("The watch %(name)s has places of its own.", name=watch.name),
            hint=Sentence("Choose another name: lists have a watch for themselves."),
        )
    return watch


def politeness_of(owner: Owner, name: str) -> Mapping[str, float]:
    """How the watch of this name treats sites; nothing is said where there is none yet."""
    watch = scoped.watches(owner).filter(name=name).first()
    return {} if watch is None else watch.politeness


def begin(watch: Watch, path: str, wanted: str, stamp: str) -> tuple[AddressList, bool]:
    """How far a list has been read for what is wanted of it; and whether the file has changed since.

    ``stamp`` tells one state of the file from another. A file that has changed is read from its beginning.
    """
    key = url_key(f"{path} {wanted}")
    row, _new = AddressList.objects.get_or_create(watch=watch, key=key, defaults={"path": path, "stamp": stamp})
    if row.stamp == stamp:
        return row, False
    row.stamp, row.lines, row.kept, row.skipped, row.whole = stamp, 0, 0, {}, False
    row.save()
    return row, True


def keep(
    row: AddressList, urls: Mapping[bytes, NewUrl], left_out: Iterable[tuple[str, str]], lines: int
) -> list[tuple[str, str]]:
    """Put addresses of a list, by their keys, into the crawl of its watch, with how far the list is read by that.

    All of it or nothing. What is left out comes as reason and address, and goes back with the addresses that were in
    already. Raises ``ConflictError`` when another process reads the list.
    """
    with transaction.atomic():
        new = set(add_keyed(_open_crawl(row.watch_id).pk, urls)) if urls else set()
        out = [*left_out, *((KNOWN, url.url) for key, url in urls.items() if key not in new)]
        before = AddressList.objects.filter(pk=row.pk, lines=row.lines, stamp=row.stamp)
        count(row, len(new), out, lines)
        if not before.update(lines=row.lines, kept=row.kept, skipped=row.skipped):
            raise ConflictError(
                Sentence("Another process reads %(path)s.", path=row.path), hint=Sentence("Wait until it has ended.")
            )
    return out


def count(row: AddressList, kept: int, left_out: Iterable[tuple[str, str]], lines: int) -> None:
    """Count lines of a list that are read, and those of them that are left out, with the first addresses."""
    row.lines, row.kept = row.lines + lines, row.kept + kept
    out: defaultdict[str, list[str]] = defaultdict(list)
    for reason, url in left_out:
        out[reason].append(url[:MAX_EXAMPLE])
    firsts = {reason: list(dict.fromkeys(filter(None, urls)))[:EXAMPLES] for reason, urls in out.items()}
    came = {reason: (len(urls), list(map(storable, firsts[reason]))) for reason, urls in out.items()}
    row.skipped = together([row.skipped, came])


def together(parts: Iterable[Mapping[str, Skipped]]) -> dict[str, Skipped]:
    """By reason, how many lines were left out in all parts, and the first addresses, each once."""
    sums: dict[str, Skipped] = {}
    for reason, (count, examples) in (entry for part in parts for entry in part.items()):
        before, first = sums.get(reason, (0, []))
        sums[reason] = before + count, list(dict.fromkeys([*first, *examples]))[:EXAMPLES]
    return sums


def _open_crawl(watch_id: int) -> Crawl:
    """The watch's crawl that takes more addresses, or a new one; it can't end within this transaction."""
    watch = Watch.objects.select_for_update(no_key=True).get(pk=watch_id)
    if watch.removed_at is not None:
        raise NotFoundError(Sentence("This watch was deleted meanwhile."))
    running = watch.crawls.filter(state=StepState.DOING).select_for_update(no_key=True).first()
    if running is None:
        return schedules.begin(watch, now())
    if running.reason:
        raise ConflictError(Sentence("A run is just ending."), hint=Sentence("Try again in a moment."))
    return running
