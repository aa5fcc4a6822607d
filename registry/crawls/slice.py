"""Execution of a crawl slice: a child process that may die, and storage of its output, page by page."""

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from django.db import transaction

from crawler.formats.job import (
    Job,
    Kind,
    Known,
    Limits,
    Link,
    Politeness,
    Render,
    Scope,
    Source,
    SourceKind,
    Target,
    UserAgent,
)
from crawler.formats.lines import EndLine, PageLine, Refusal as Refused, RefusalLine, from_json
from crawler.state.novelty import LEFT_OUT, PASSING, WAITING, leads_on, pattern_of_target, shows_new
from evidence.log.proofs import SliceTree, record_leaf
from exhibit.digests import Digest
from exhibit.errors import ServiceMissingError
from exhibit.network.addresses import host_of, registrable_domain
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import Sighting
from registry.crawls import canaries, changes, crawling, known_pages, sightings, watching
from registry.crawls.budgets import left, rendered
from registry.crawls.child import crawl_child
from registry.crawls.known_pages import leave_out
from registry.crawls.models import Crawl, CrawlSlice, FrontierUrl, HostDenial, Refusal
from registry.crawls.revisits import is_past
from registry.crawls.sightings import record_of
from registry.db import steps
from registry.pictures import blocks
from registry.pictures.models import Picture
from registry.services.disk import disk_is_full
from registry.services.services import Services, contact_fields
from registry.works.search_version import search_mark

SLICE_SECONDS = 240.0
SECONDS_OVER = 60.0  # a child that has not ended this long after its time limit is killed

BATCH_PAGES = 20
BATCH_SECONDS = 1.0
MAX_CLAIMS = 3  # after this many attempts, a slice is given up and its URLs return to the frontier

FILE_KINDS = ("folder", "warc")
BEFORE = "seen-before"
"""Origin of pictures that are requested again where they were seen before; their pages are not visited."""
UNREACHED = frozenset({Reason.UNRESOLVABLE, Reason.UNREACHABLE, Reason.ROBOTS_UNAVAILABLE})
"""Refusals that would affect every URL if this machine has no network."""
PLAIN_ENDS = frozenset({"budget-pages", "budget-images", "budget-bytes", "budget-seconds", "stopped", "disk-full"})
"""Ends that no URL caused."""


@dataclass(slots=True)
class Batch:
    """Output lines waiting to be stored."""

    file: bytes | None = None  # frontier key of the folder or WARC file they come from
    position: str = ""  # how far it has been read with them; empty without progress
    pages: list[PageLine] = field(default_factory=list)
    refused: list[RefusalLine] = field(default_factory=list)
    waiting: dict[str, crawling.Waiting] = field(default_factory=dict)  # hosts not visited for now; kept across batches

    def __len__(self) -> int:
        return len(self.pages) + len(self.refused)

    def add(self, line: PageLine | RefusalLine) -> None:
        """Add a line."""
        self.position = line.position
        if isinstance(line, PageLine):
            self.pages.append(line)
        else:
            self.refused.append(line)
            self._wait(line)
        for image in line.refusals if isinstance(line, PageLine) else ():
            self._wait(image)

    def _wait(self, refused: RefusalLine | Refused) -> None:
        if refused.reason in WAITING:
            self.waiting[host_of(refused.url)] = crawling.Waiting(refused.reason, refused.sentence)


def crawl_slices(services: Services, ids: Sequence[int]) -> None:
    """Crawl slices one after the other."""
    for pk in ids:
        crawl_slice(services, pk)


def crawl_slice(services: Services, slice_id: int) -> None:
    """Process a slice.

    1. Claim it under a new epoch, which locks out an earlier claimant, unless the disk is nearly full.
    2. Start the child with the slice's URLs; it writes lines to a pipe and bytes to a spool folder.
    3. Store its pages while it runs, one transaction per batch; each page is stored completely or not at all.
    4. End the slice: write one log entry, release leases, and return unfinished URLs to the frontier.
    """
    if disk_is_full(services):
        return
    epoch = crawling.claim_slice(slice_id, services.stale_after)
    if epoch is None:
        return
    with steps.ending(CrawlSlice, [slice_id]):
        try:
            _work_off(services, slice_id, epoch)
        except ServiceMissingError as error:  # the child cannot write, which no URL caused
            steps.hold_up(CrawlSlice, [slice_id], error.sentence)


def _work_off(services: Services, slice_id: int, epoch: int) -> None:
    row = CrawlSlice.objects.select_related("crawl__watch__owner").get(pk=slice_id)
    for left_behind in (services.config.data_dir / "spool").glob(f"slice-{slice_id}-*"):  # from earlier claimants
        shutil.rmtree(left_behind, ignore_errors=True)
    spool = services.config.data_dir / "spool" / f"slice-{slice_id}-{epoch}"
    counts: dict[str, Any] = {"reason": "broke off again and again"}
    if row.attempts <= MAX_CLAIMS:
        counts = run_child(services, row, epoch, spool)
    shutil.rmtree(spool, ignore_errors=True)
    refused = counts.get("refused")
    suspect = counts["reason"] not in PLAIN_ENDS and not (isinstance(refused, dict) and LEFT_OUT in refused)
    leave_out(slice_id, epoch)
    waiting = counts.pop("waiting", {})
    if crawling.finish_slice(slice_id, epoch, counts=counts, suspect=suspect, opening=opening, waiting=waiting):
        services.enqueue(Crawl, [row.crawl_id])


def run_child(services: Services, row: CrawlSlice, epoch: int, spool: Path) -> dict[str, Any]:
    """Run the child and store its results; return its counts, the reason for its end, and waiting hosts."""
    urls = crawling.leased_urls(row.pk)
    if not urls or row.crawl.reason:
        return {"reason": row.crawl.reason or "finished"}
    file = next((url for url in urls if url.kind in FILE_KINDS), None)
    job = job_of(services, row, spool, urls, file)
    with crawl_child(job, spool, pause=min(BATCH_SECONDS, services.stale_after.total_seconds() / 4)) as lines:
        counts = store_results(services, row.pk, epoch, lines, spool, file=None if file is None else file.key)
    reason = str(counts["reason"])  # continued later, unless read to its end or its budget
    was_read = reason == "finished" or (reason.startswith("budget-") and reason != "budget-seconds")
    if file is not None and was_read:
        with transaction.atomic():  # the lines name pictures, not the file itself
            locked = crawling.hold_slice(row.pk, epoch)
            if locked is not None:
                crawling.mark_urls(locked, [file.key], FrontierUrl.State.DONE)
    return counts


def job_of(
    services: Services, row: CrawlSlice, spool: Path, urls: Sequence[crawling.NewUrl], file: crawling.NewUrl | None
) -> Job:
    """Return the child's job: one folder or WARC file, or exactly the slice's URLs. The child gets no frontier."""
    watch, config = row.crawl.watch, services.config
    sources: tuple[Source, ...] = ()
    if file is not None:
        sources = (Source(kind=SourceKind(file.kind), path=Path(file.url), after=file.position),)
    found_in = BEFORE if is_past(watch) else crawling.SEARCH if watching.searches(watch) else ""
    if watching.takes_lists(watch):
        found_in = crawling.HAND if watching.looks_by_hand(watch) else SourceKind.LIST
    targets = tuple(
        Target(
            url=url.url,
            kind=Kind.IMAGE if url.kind == crawling.CAPTURE else Kind(url.kind),
            depth=url.depth,
            page_url=url.page_url,
            context=url.context,
            elsewhere=url.elsewhere,
            found_in=found_in,
            captured=url.position if url.kind == crawling.CAPTURE else "",
        )
        for url in urls
        if url.kind not in FILE_KINDS
    )
    denied = dict(HostDenial.objects.values_list("host", "reason"))
    return Job(
        bytes_dir=spool / "bytes",
        sources=sources,
        urls=() if sources else targets,
        follow=False,
        limits=_limits(services, row, files=len(sources)),
        politeness=Politeness(**watch.politeness),
        user_agent=UserAgent(**contact_fields(config.contact)),
        allowed_networks=config.allowed_networks,
        denied_hosts=denied,
        known=_known(row.crawl, targets),
        scope=_scope(row.crawl.sources),
        render=Render(watch.budget.get("render", Render.NEVER)),
        rendered=rendered(row.crawl) if watch.budget.get("render") == Render.AUTO else {},
        browser=config.capture_browser,
    )


def _limits(services: Services, row: CrawlSlice, *, files: int) -> Limits:
    """Return the slice's limits: the crawl's remaining budget, and a few minutes. Pages were limited when leasing."""
    may, usual, budget = left(row.crawl), Limits(), row.crawl.watch.budget
    return Limits(
        pages=may.images if files else usual.pages,
        images=max(1, may.images if files or "images" in budget else usual.images),
        bytes=max(1, may.bytes if files or "bytes" in budget else usual.bytes),
        seconds=min(max(may.seconds, 0.1), SLICE_SECONDS),
        depth=0 if watching.searches(row.crawl.watch) else int(budget.get("depth", usual.depth)),
        max_picture_bytes=services.config.max_picture_bytes,
        render_pages=may.render_pages,
        render_seconds=may.render_seconds,
    )


def _known(crawl: Crawl, targets: Sequence[Target]) -> dict[str, Known]:
    """Return validators and digests from earlier crawls, for the slice's pages and the images on them."""
    pages = [target.url for target in targets if target.kind is Kind.PAGE]
    page_validators = changes.validators(crawl, pages)
    known = {url: Known(etag=tag, last_modified=since) for url, (tag, since) in page_validators.items()}
    pages_with_images = [target.url for target in targets] + [target.page_url for target in targets if target.page_url]
    for url, (tag, since, digest) in sightings.validators(crawl.watch_id, pages_with_images).items():
        known[url] = Known(etag=tag, last_modified=since, digest=digest)
    return known


def _scope(sources: Sequence[Mapping[str, str]]) -> Scope:
    without_host = {*FILE_KINDS, crawling.PAST, crawling.SEARCH, crawling.BULK, crawling.HAND, crawling.ARCHIVE}
    hosts = [host_of(source["url"]) for source in sources if source["kind"] not in without_host]
    return Scope(domains=tuple(dict.fromkeys(registrable_domain(host) for host in hosts)))


def store_results(
    services: Services, slice_id: int, epoch: int, lines: Iterator[bytes | None], spool: Path, *, file: bytes | None
) -> dict[str, Any]:
    """Store the child's output, batch by batch, and renew the slice's claim while the child is silent.

    Args:
        services: The services.
        slice_id: The slice's primary key.
        epoch: The claimant's epoch.
        lines: The child's lines; ``None`` is a pause.
        spool: Folder of the child's files.
        file: Frontier key of the folder or WARC file that is read.

    Returns:
        The child's counts or, if it did not finish, the counts of stored results and the reason. ``waiting`` contains
        :class:`crawling.Waiting` by host.
    """
    batch = Batch(file)
    counts = _store(services, slice_id, epoch, lines, spool, batch)
    seconds = counts.get("waiting", {})
    waiting = {host: replace(reason, seconds=seconds.get(host, 0.0)) for host, reason in batch.waiting.items()}
    return counts | {"waiting": waiting}


def _store(
    services: Services, slice_id: int, epoch: int, lines: Iterator[bytes | None], spool: Path, batch: Batch
) -> dict[str, Any]:
    counted: dict[str, Any] = {"pages": 0, "images": 0, "bytes": 0, "scripts_not_run": 0, "left_out": {}}
    since = last_stored = time.monotonic()
    for text in lines:
        line = None if text is None else from_json(text)
        if isinstance(line, EndLine):
            batch.position = line.position
            keep_batch(services, slice_id, epoch, batch, spool)
            if line.reason == "error":
                continue  # the child's exit code tells which error
            return {**json.loads(text or b"")["counts"], "reason": line.reason}
        if line is not None:
            batch.add(line)
            _count(line, counted)
        if len(batch) < BATCH_PAGES and time.monotonic() - last_stored < BATCH_SECONDS and line is not None:
            continue
        last_stored = time.monotonic()
        if not keep_batch(services, slice_id, epoch, batch, spool):
            return {**counted, "reason": "taken over"}
        if disk_is_full(services):
            return {**counted, "reason": "disk-full"}
        if crawling.is_stopped(slice_id):
            return {**counted, "reason": crawling.STOPPED}
        if last_stored - since > SLICE_SECONDS + SECONDS_OVER:
            return {**counted, "reason": "child hung"}
    keep_batch(services, slice_id, epoch, batch, spool)
    return {**counted, "reason": "child died"}


def _count(line: PageLine | RefusalLine, counted: dict[str, Any]) -> None:
    if isinstance(line, PageLine):
        counted["pages"] += 1
        counted["images"] += len(line.sightings)
        counted["bytes"] += sum(sighting.size for sighting in line.sightings)
        counted["scripts_not_run"] += line.scripts_not_run
        counted["left_out"] = dict(Counter(counted["left_out"]) + Counter(line.left_out))


def keep_batch(services: Services, slice_id: int, epoch: int, batch: Batch, spool: Path) -> bool:
    """Store pages with everything found on them, in one transaction, and empty the batch.

    Returns True if the slice is still claimed; raises ``ServiceMissingError`` if this machine has no network.
    """
    reasons = {line.reason for line in batch.refused}
    reasons |= {refusal.reason for page in batch.pages for refusal in page.refusals}
    if reasons & UNREACHED:
        services.guard.check_network()
    if not len(batch) and not batch.position:
        return crawling.still_holds(slice_id, epoch)
    page_sightings = [(page, sighting) for page in batch.pages for sighting in page.sightings]
    blocked = blocks.blocked({sighting.digest for _, sighting in page_sightings})
    came = {sighting.digest for _, sighting in page_sightings if not sighting.not_modified} - blocked
    blobs, files = services.blobs, {digest: spool / "bytes" / digest.hex for digest in came}
    blobs.put_all(list(files.values()))
    new = [(sighting, page.title) for page, sighting in page_sightings if sighting.digest not in blocked]
    refused = [
        *_refusals(batch),
        *(_blocked(page, sighting) for page, sighting in page_sightings if sighting.digest in blocked),
    ]
    with transaction.atomic():
        row = crawling.hold_slice(slice_id, epoch)
        if row is None:
            return False
        added = crawling.add_keyed(row.crawl_id, {url.key: url for url in _links(row.crawl, batch.pages)})
        before = sightings.seen_before(row.crawl, {sighting.digest for _, sighting in page_sightings}) | blocked
        canaries.note_redirects(row.crawl.watch, [(page.url, page.final_url) for page in batch.pages])
        waiting = sightings.keep_sightings(row, new, search_mark())
        # retention may have removed these files before their rows were locked
        blobs.put_all([path for digest, path in files.items() if digest not in blobs])
        _keep_refusals(row, refused)
        _mark(row, batch, before, set(added))
        known_pages.keep(row.crawl, batch.pages, [line for line in batch.refused if line.reason not in PASSING])
        if batch.file is not None and batch.position:
            crawling.keep_position(row, batch.file, batch.position)
        if waiting:
            services.enqueue(Picture, waiting)
    batch.pages.clear()
    batch.refused.clear()
    batch.position = ""
    return True


def _mark(row: CrawlSlice, batch: Batch, before: set[Digest], added: set[bytes]) -> None:
    """Mark a batch's URLs as processed, given pictures that the crawl had seen before and the URLs just added."""
    keys: dict[bool, list[bytes]] = {True: [], False: []}
    for page in batch.pages:
        fresh = (link for link in page.links if row.crawl.by_change or _new(link).key in added)
        keys[shows_new(page, before) or leads_on(pattern_of_target(page), fresh)].append(_key(page))
        before.update(sighting.digest for sighting in page.sightings)
    for is_new, of_pages in keys.items():
        if of_pages:
            crawling.mark_urls(row, of_pages, FrontierUrl.State.DONE, new=is_new)
    final = [line for line in batch.refused if line.reason not in PASSING]
    crawling.leave_waiting(row, [_refused_key(line) for line in batch.refused if line.reason in WAITING])
    passing = [line for line in batch.refused if line.reason in PASSING - WAITING]
    crawling.mark_urls(row, [_refused_key(line) for line in final], FrontierUrl.State.REFUSED)
    given_up = crawling.put_off(row, [_refused_key(line) for line in passing])
    _keep_refusals(row, [line for line in passing if _refused_key(line) in given_up])


def _refused_key(line: RefusalLine) -> bytes:
    return crawling.NewUrl(line.url, "", 0, line.page_url, position=line.position).key


def _key(page: PageLine) -> bytes:
    """Return the frontier key of a page line; a single image is identified by its URL and its page's URL."""
    shown_by = page.sightings[0].page_url if page.kind is Kind.IMAGE and page.sightings else ""
    shown_by = "" if shown_by == page.url else shown_by
    return crawling.NewUrl(page.url, str(page.kind), 0, shown_by, position=page.position).key


def _refusals(batch: Batch) -> Iterator[RefusalLine]:
    """Yield the child's final refusals, including those of images on pages."""
    yield from (line for line in batch.refused if line.reason not in PASSING)
    for page in batch.pages:
        for refusal in page.refusals:
            if refusal.reason not in PASSING:
                yield RefusalLine(url=refusal.url, page_url=page.url, reason=refusal.reason, sentence=refusal.sentence)


def _blocked(page: PageLine, sighting: Sighting) -> RefusalLine:
    sentence = Sentence("The operator's blocklist contains these bytes.")
    return RefusalLine(url=sighting.image_url, page_url=page.url, reason=Reason.BLOCKED, sentence=sentence)


def _links(crawl: Crawl, pages: Sequence[PageLine]) -> Iterator[crawling.NewUrl]:
    """Yield additions to the frontier: links, and images that could not be fetched for now."""
    for page in pages:
        links = [_new(link) for link in page.links]
        if crawl.by_change:
            linked_urls = {link.url for link in links}  # earlier lines may have contained others, without dates
            dated = [
                Link(url=url, kind=Kind.PAGE, depth=page.depth + 1) for url in page.modified if url not in linked_urls
            ]
            links += [_new(link) for link in dated]
            links = changes.due_or_new(crawl, [(link, page.modified.get(link.url)) for link in links])
        yield from links
        for image in page.refusals:
            if image.reason in PASSING:
                yield crawling.NewUrl(image.url, "image", page.depth, page.final_url)


def _new(link: Link) -> crawling.NewUrl:
    pattern = pattern_of_target(link)
    place = link.url, str(link.kind), link.depth, link.page_url, link.context
    return crawling.NewUrl(*place, pattern=pattern, elsewhere=link.elsewhere)


def _keep_refusals(row: CrawlSlice, refused: Iterable[RefusalLine]) -> None:
    rows = [crawling.refusal(row.crawl_id, line.url, line.reason, line.sentence, line.page_url) for line in refused]
    Refusal.objects.bulk_create(rows, ignore_conflicts=True)


def opening(row: CrawlSlice) -> dict[str, object]:
    """Return the data of the slice's log entry: its identity, and the Merkle root over its sightings (``log.slices``).

    This data is part of the evidence bundles of every owner whose work was seen, so it must not reveal who watches.
    """
    facts = {"crawl": row.crawl_id, "slice": row.number}
    leaves = [record_leaf(record_of(sighting)) for sighting in sightings.of_slice(row.pk)]
    return SliceTree(leaves).opening(facts) if leaves else {**facts, "count": 0}
