"""Execution of a crawl slice in a child process that may die, and storage of its output page by page."""

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
    EarlierVisit,
    Job,
    Kind,
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
from crawler.state.novelty import (
    HOST_PAUSE_REASONS,
    SKIP_REASON,
    TEMPORARY_REASONS,
    get_target_pattern,
    has_links_to_other_patterns,
    has_new_images,
)
from evidence.log.proofs import SliceTree, compute_record_leaf
from exhibit.digests import Digest
from exhibit.errors import ServiceMissingError
from exhibit.network.addresses import get_registrable_domain, get_url_host
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import Sighting
from registry.crawls import copy_checks, crawling, known_pages, page_changes, sightings, watch_settings
from registry.crawls.budgets import get_remaining_budget, load_render_gains
from registry.crawls.crawler_process import crawl_child
from registry.crawls.known_pages import omit_patterns
from registry.crawls.models import Crawl, CrawlSlice, FrontierUrl, HostDenial, Refusal
from registry.crawls.revisits import is_revisit_watch
from registry.crawls.sightings import to_record
from registry.db import steps
from registry.pictures import blocklist
from registry.pictures.models import Picture
from registry.services.disk import is_disk_full
from registry.services.services import Services, build_contact_fields
from registry.works.search_version import compute_search_version

SLICE_SECONDS = 240.0
GRACE_SECONDS = 60.0  # a child is killed if it is still running this long after its time limit

BATCH_PAGES = 20
BATCH_SECONDS = 1.0
MAX_CLAIMS = 3  # after this number of attempts, a slice is ended and its URLs return to the frontier

FILE_KINDS = ("folder", "warc")
SEEN_BEFORE = "seen-before"
"""Value of ``found_in`` for pictures that are requested again at a known URL; their pages are not visited."""
NETWORK_REASONS = frozenset({Reason.UNRESOLVABLE, Reason.UNREACHABLE, Reason.ROBOTS_UNAVAILABLE})
"""Refusal reasons that affect every URL if this machine has no network access."""
NORMAL_ENDS = frozenset({"budget-pages", "budget-images", "budget-bytes", "budget-seconds", "stopped", "disk-full"})
"""End reasons that are not caused by a URL."""


@dataclass(slots=True)
class Batch:
    """Output lines that are pending storage."""

    file: bytes | None = None  # frontier key of the folder or WARC file they come from
    position: str = ""  # read position after these lines; empty without progress
    pages: list[PageLine] = field(default_factory=list)
    refusals: list[RefusalLine] = field(default_factory=list)
    # Hosts whose visits are paused; kept across batches
    paused_hosts: dict[str, crawling.HostPause] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pages) + len(self.refusals)

    def add(self, line: PageLine | RefusalLine) -> None:
        """Add a line."""
        self.position = line.position
        if isinstance(line, PageLine):
            self.pages.append(line)
        else:
            self.refusals.append(line)
            self._record_pause(line)
        for image in line.refusals if isinstance(line, PageLine) else ():
            self._record_pause(image)

    def _record_pause(self, refusal: RefusalLine | Refused) -> None:
        if refusal.reason in HOST_PAUSE_REASONS:
            self.paused_hosts[get_url_host(refusal.url)] = crawling.HostPause(refusal.reason, refusal.sentence)


def crawl_slices(services: Services, ids: Sequence[int]) -> None:
    """Process slices one after another."""
    for pk in ids:
        crawl_slice(services, pk)


def crawl_slice(services: Services, slice_id: int) -> None:
    """Process a slice.

    1. Claim it under a new epoch, which invalidates an earlier claim, unless the disk is nearly full.
    2. Start the child process with the slice's URLs; it writes lines to a pipe and bytes to a spool folder.
    3. Store its pages while it runs, one transaction per batch; each page is stored completely or not at all.
    4. End the slice: write one log entry, release leases, and return unfinished URLs to the frontier.
    """
    if is_disk_full(services):
        return
    epoch = crawling.claim_slice(slice_id, services.stale_after)
    if epoch is None:
        return
    with steps.guard_processing(CrawlSlice, [slice_id]):
        try:
            _process_slice(services, slice_id, epoch)
        except ServiceMissingError as error:  # the child cannot write; this is not caused by a URL
            steps.hold_up(CrawlSlice, [slice_id], error.sentence)


def _process_slice(services: Services, slice_id: int, epoch: int) -> None:
    row = CrawlSlice.objects.select_related("crawl__watch__owner").get(pk=slice_id)
    for old_spool in (services.config.data_dir / "spool").glob(f"slice-{slice_id}-*"):  # left by earlier claimants
        shutil.rmtree(old_spool, ignore_errors=True)
    spool = services.config.data_dir / "spool" / f"slice-{slice_id}-{epoch}"
    counts: dict[str, Any] = {"reason": "broke off again and again"}
    if row.attempts <= MAX_CLAIMS:
        counts = run_child_process(services, row, epoch, spool)
    shutil.rmtree(spool, ignore_errors=True)
    refused_counts = counts.get("refused")
    is_suspect = counts["reason"] not in NORMAL_ENDS and not (
        isinstance(refused_counts, dict) and SKIP_REASON in refused_counts
    )
    omit_patterns(slice_id, epoch)
    paused_hosts = counts.pop("waiting", {})
    if crawling.finish_slice(
        slice_id, epoch, counts=counts, suspect=is_suspect, build_log_data=build_log_data, paused_hosts=paused_hosts
    ):
        services.enqueue(Crawl, [row.crawl_id])


def run_child_process(services: Services, row: CrawlSlice, epoch: int, spool: Path) -> dict[str, Any]:
    """Run the child process and store its results; return its counts, the reason for its end, and paused hosts."""
    urls = crawling.list_leased_urls(row.pk)
    if not urls or row.crawl.reason:
        return {"reason": row.crawl.reason or "finished"}
    file = next((url for url in urls if url.kind in FILE_KINDS), None)
    job = make_job(services, row, spool, urls, file)
    with crawl_child(job, spool, pause=min(BATCH_SECONDS, services.stale_after.total_seconds() / 4)) as lines:
        counts = store_results(services, row.pk, epoch, lines, spool, file=None if file is None else file.key)
    reason = str(counts["reason"])  # continued later unless it was read completely or the budget is spent
    was_read = reason == "finished" or (reason.startswith("budget-") and reason != "budget-seconds")
    if file is not None and was_read:
        with transaction.atomic():  # the lines contain pictures, not the file itself
            locked_row = crawling.lock_slice(row.pk, epoch)
            if locked_row is not None:
                crawling.mark_urls(locked_row, [file.key], FrontierUrl.State.DONE)
    return counts


def make_job(
    services: Services, row: CrawlSlice, spool: Path, urls: Sequence[crawling.NewUrl], file: crawling.NewUrl | None
) -> Job:
    """Return the child's job: one folder or WARC file, or exactly the slice's URLs, without a frontier."""
    watch, config = row.crawl.watch, services.config
    sources: tuple[Source, ...] = ()
    if file is not None:
        sources = (Source(kind=SourceKind(file.kind), path=Path(file.url), after=file.position),)
    found_in = (
        SEEN_BEFORE if is_revisit_watch(watch) else crawling.SEARCH if watch_settings.is_search_watch(watch) else ""
    )
    if watch_settings.is_list_watch(watch):
        found_in = crawling.MANUAL if watch_settings.is_manual_watch(watch) else SourceKind.LIST
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
    denied_hosts = dict(HostDenial.objects.values_list("host", "reason"))
    return Job(
        bytes_dir=spool / "bytes",
        sources=sources,
        urls=() if sources else targets,
        follow=False,
        limits=_make_limits(services, row, files=len(sources)),
        politeness=Politeness(**watch.politeness),
        user_agent=UserAgent(**build_contact_fields(config.contact)),
        allowed_networks=config.allowed_networks,
        denied_hosts=denied_hosts,
        known=_load_known_content(row.crawl, targets),
        known_sheets=known_pages.load_sheets(row.crawl),
        scope=_make_scope(row.crawl.sources),
        render=Render(watch.budget.get("render", Render.NEVER)),
        rendered=load_render_gains(row.crawl) if watch.budget.get("render") == Render.AUTO else {},
        browser=config.capture_browser,
    )


def _make_limits(services: Services, row: CrawlSlice, *, files: int) -> Limits:
    """Return the slice's limits: the crawl's remaining budget, and a few minutes.

    The number of pages has already been limited when the URLs were leased.
    """
    remaining, defaults, budget = get_remaining_budget(row.crawl), Limits(), row.crawl.watch.budget
    return Limits(
        pages=remaining.images if files else defaults.pages,
        images=max(1, remaining.images if files or "images" in budget else defaults.images),
        bytes=max(1, remaining.bytes if files or "bytes" in budget else defaults.bytes),
        seconds=min(max(remaining.seconds, 0.1), SLICE_SECONDS),
        depth=0 if watch_settings.is_search_watch(row.crawl.watch) else int(budget.get("depth", defaults.depth)),
        max_picture_bytes=services.config.max_picture_bytes,
        render_pages=remaining.render_pages,
        render_seconds=remaining.render_seconds,
    )


def _load_known_content(crawl: Crawl, targets: Sequence[Target]) -> dict[str, EarlierVisit]:
    """Return validators and digests from earlier crawls for the slice's pages and their images."""
    pages = [target.url for target in targets if target.kind is Kind.PAGE]
    page_validators = page_changes.load_validators(crawl, pages)
    known_by_url = {
        url: EarlierVisit(etag=etag, last_modified=last_modified)
        for url, (etag, last_modified) in page_validators.items()
    }
    pages_with_images = [target.url for target in targets] + [target.page_url for target in targets if target.page_url]
    for url, (etag, last_modified, digest) in sightings.load_validators(crawl.watch_id, pages_with_images).items():
        known_by_url[url] = EarlierVisit(etag=etag, last_modified=last_modified, digest=digest)
    return known_by_url


def _make_scope(sources: Sequence[Mapping[str, str]]) -> Scope:
    kinds_without_host = {*FILE_KINDS, crawling.PAST, crawling.SEARCH, crawling.BULK, crawling.MANUAL, crawling.ARCHIVE}
    hosts = [get_url_host(source["url"]) for source in sources if source["kind"] not in kinds_without_host]
    return Scope(domains=tuple(dict.fromkeys(get_registrable_domain(host) for host in hosts)))


def store_results(
    services: Services, slice_id: int, epoch: int, lines: Iterator[bytes | None], spool: Path, *, file: bytes | None
) -> dict[str, Any]:
    """Store the child's output, batch by batch, and renew the slice's claim while the child is silent.

    Args:
        services: The services.
        slice_id: The slice's primary key.
        epoch: The claimant's epoch.
        lines: The child's lines; ``None`` marks a pause.
        spool: Folder of the child's files.
        file: Frontier key of the folder or WARC file that is being read.

    Returns:
        The child's counts or, if the child did not finish, the counts of stored results and the reason. ``waiting``
        contains :class:`crawling.HostPause` by host.
    """
    batch = Batch(file)
    counts = _store_lines(services, slice_id, epoch, lines, spool, batch)
    seconds_by_host = counts.get("waiting", {})
    paused_hosts = {
        host: replace(pause, seconds=seconds_by_host.get(host, 0.0)) for host, pause in batch.paused_hosts.items()
    }
    return counts | {"waiting": paused_hosts}


def _store_lines(
    services: Services, slice_id: int, epoch: int, lines: Iterator[bytes | None], spool: Path, batch: Batch
) -> dict[str, Any]:
    counts: dict[str, Any] = {"pages": 0, "images": 0, "bytes": 0, "scripts_not_run": 0, "left_out": {}}
    last_renewed = stored_at = time.monotonic()
    for text in lines:
        line = None if text is None else from_json(text)
        if isinstance(line, EndLine):
            batch.position = line.position
            store_batch(services, slice_id, epoch, batch, spool)
            if line.reason == "error":
                continue  # the child's exit code identifies the error
            return {**json.loads(text or b"")["counts"], "reason": line.reason}
        if line is not None:
            batch.add(line)
            _add_counts(line, counts)
        if len(batch) < BATCH_PAGES and time.monotonic() - stored_at < BATCH_SECONDS and line is not None:
            continue
        stored_at = time.monotonic()
        if not store_batch(services, slice_id, epoch, batch, spool):
            return {**counts, "reason": "taken over"}
        if is_disk_full(services):
            return {**counts, "reason": "disk-full"}
        if crawling.is_stopped(slice_id):
            return {**counts, "reason": crawling.STOPPED}
        if stored_at - last_renewed > SLICE_SECONDS + GRACE_SECONDS:
            return {**counts, "reason": "child hung"}
    store_batch(services, slice_id, epoch, batch, spool)
    return {**counts, "reason": "child died"}


def _add_counts(line: PageLine | RefusalLine, counts: dict[str, Any]) -> None:
    if isinstance(line, PageLine):
        counts["pages"] += 1
        counts["images"] += len(line.sightings)
        counts["bytes"] += sum(sighting.size for sighting in line.sightings)
        counts["scripts_not_run"] += line.scripts_not_run
        counts["left_out"] = dict(Counter(counts["left_out"]) + Counter(line.left_out))


def store_batch(services: Services, slice_id: int, epoch: int, batch: Batch, spool: Path) -> bool:
    """Store pages with everything found on them, in one transaction, and empty the batch.

    Returns True if the slice is still claimed; raises ``ServiceMissingError`` if this machine has no network access.
    """
    reasons = {line.reason for line in batch.refusals}
    reasons |= {refusal.reason for page in batch.pages for refusal in page.refusals}
    if reasons & NETWORK_REASONS:
        services.guard.check_network()
    if not len(batch) and not batch.position:
        return crawling.renew_claim(slice_id, epoch)
    page_sightings = [(page, sighting) for page in batch.pages for sighting in page.sightings]
    blocked_digests = blocklist.find_blocked_digests({sighting.digest for _, sighting in page_sightings})
    downloaded_digests = {
        sighting.digest for _, sighting in page_sightings if not sighting.not_modified
    } - blocked_digests
    blobs, files = services.blobs, {digest: spool / "bytes" / digest.hex for digest in downloaded_digests}
    blobs.put_all(list(files.values()))
    titled_sightings = [
        (sighting, page.title) for page, sighting in page_sightings if sighting.digest not in blocked_digests
    ]
    refusals = [
        *_iterate_refusals(batch),
        *(
            _make_blocked_refusal(page, sighting)
            for page, sighting in page_sightings
            if sighting.digest in blocked_digests
        ),
    ]
    with transaction.atomic():
        row = crawling.lock_slice(slice_id, epoch)
        if row is None:
            return False
        added_keys = crawling.add_urls_by_key(
            row.crawl_id, {url.key: url for url in _iterate_links(row.crawl, batch.pages)}
        )
        known_digests = (
            sightings.filter_seen_digests(row.crawl, {sighting.digest for _, sighting in page_sightings})
            | blocked_digests
        )
        copy_checks.record_redirects(row.crawl.watch, [(page.url, page.final_url) for page in batch.pages])
        pending_pictures = sightings.store_sightings(row, titled_sightings, compute_search_version())
        # retention may have deleted these files before their rows were locked
        blobs.put_all([path for digest, path in files.items() if digest not in blobs])
        _store_refusals(row, refusals)
        _mark_processed(row, batch, known_digests, set(added_keys))
        known_pages.record_visits(
            row.crawl, batch.pages, [line for line in batch.refusals if line.reason not in TEMPORARY_REASONS]
        )
        if batch.file is not None and batch.position:
            crawling.store_position(row, batch.file, batch.position)
        if pending_pictures:
            services.enqueue(Picture, pending_pictures)
    batch.pages.clear()
    batch.refusals.clear()
    batch.position = ""
    return True


def _mark_processed(row: CrawlSlice, batch: Batch, known_digests: set[Digest], added_keys: set[bytes]) -> None:
    """Mark a batch's URLs as processed.

    Args:
        row: The slice.
        batch: The batch.
        known_digests: Digests of pictures that the crawl had seen before this batch.
        added_keys: Frontier keys of URLs that the batch has added.
    """
    keys: dict[bool, list[bytes]] = {True: [], False: []}
    for page in batch.pages:
        new_links = (link for link in page.links if row.crawl.by_change or _to_new_url(link).key in added_keys)
        keys[
            has_new_images(page, known_digests) or has_links_to_other_patterns(get_target_pattern(page), new_links)
        ].append(_get_page_key(page))
        known_digests.update(sighting.digest for sighting in page.sightings)
    for is_new, page_keys in keys.items():
        if page_keys:
            crawling.mark_urls(row, page_keys, FrontierUrl.State.DONE, has_new=is_new)
    final_refusals = [line for line in batch.refusals if line.reason not in TEMPORARY_REASONS]
    crawling.return_urls(row, [_get_refusal_key(line) for line in batch.refusals if line.reason in HOST_PAUSE_REASONS])
    temporary_refusals = [line for line in batch.refusals if line.reason in TEMPORARY_REASONS - HOST_PAUSE_REASONS]
    crawling.mark_urls(row, [_get_refusal_key(line) for line in final_refusals], FrontierUrl.State.REFUSED)
    failed_keys = crawling.retry_later(row, [_get_refusal_key(line) for line in temporary_refusals])
    _store_refusals(row, [line for line in temporary_refusals if _get_refusal_key(line) in failed_keys])


def _get_refusal_key(line: RefusalLine) -> bytes:
    return crawling.NewUrl(line.url, "", 0, line.page_url, position=line.position).key


def _get_page_key(page: PageLine) -> bytes:
    """Return the frontier key of a page line; a single image is identified by its URL and its page's URL."""
    page_url = page.sightings[0].page_url if page.kind is Kind.IMAGE and page.sightings else ""
    page_url = "" if page_url == page.url else page_url
    return crawling.NewUrl(page.url, str(page.kind), 0, page_url, position=page.position).key


def _iterate_refusals(batch: Batch) -> Iterator[RefusalLine]:
    """Yield the child's final refusals, including those of images on pages."""
    yield from (line for line in batch.refusals if line.reason not in TEMPORARY_REASONS)
    for page in batch.pages:
        for refusal in page.refusals:
            if refusal.reason not in TEMPORARY_REASONS:
                yield RefusalLine(url=refusal.url, page_url=page.url, reason=refusal.reason, sentence=refusal.sentence)


def _make_blocked_refusal(page: PageLine, sighting: Sighting) -> RefusalLine:
    sentence = Sentence("The operator's blocklist contains these bytes.")
    return RefusalLine(url=sighting.image_url, page_url=page.url, reason=Reason.BLOCKED, sentence=sentence)


def _iterate_links(crawl: Crawl, pages: Sequence[PageLine]) -> Iterator[crawling.NewUrl]:
    """Yield additions to the frontier: links, and images that temporarily could not be fetched."""
    for page in pages:
        links = [_to_new_url(link) for link in page.links]
        if crawl.by_change:
            linked_urls = {link.url for link in links}  # earlier lines may have contained other links, without dates
            dated_links = [
                Link(url=url, kind=Kind.PAGE, depth=page.depth + 1) for url in page.modified if url not in linked_urls
            ]
            links += [_to_new_url(link) for link in dated_links]
            links = page_changes.filter_links(crawl, [(link, page.modified.get(link.url)) for link in links])
        yield from links
        for image in page.refusals:
            if image.reason in TEMPORARY_REASONS:
                yield crawling.NewUrl(image.url, "image", page.depth, page.final_url)


def _to_new_url(link: Link) -> crawling.NewUrl:
    pattern = get_target_pattern(link)
    values = link.url, str(link.kind), link.depth, link.page_url, link.context
    return crawling.NewUrl(*values, pattern=pattern, elsewhere=link.elsewhere)


def _store_refusals(row: CrawlSlice, refusals: Iterable[RefusalLine]) -> None:
    rows = [
        crawling.make_refusal(row.crawl_id, line.url, line.reason, line.sentence, line.page_url) for line in refusals
    ]
    Refusal.objects.bulk_create(rows, ignore_conflicts=True)


def build_log_data(row: CrawlSlice) -> dict[str, object]:
    """Return the data of the slice's log entry: its identity, and the Merkle root over its sightings (``log.slices``).

    This data is part of the evidence bundles of every owner whose work was seen, so it must not reveal the watch.
    """
    facts = {"crawl": row.crawl_id, "slice": row.number}
    leaves = [compute_record_leaf(to_record(sighting)) for sighting in sightings.list_sightings_by_slice(row.pk)]
    return SliceTree(leaves).build_opening(facts) if leaves else {**facts, "count": 0}
