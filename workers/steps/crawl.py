"""One slice of a crawl: a child process that may die, and its lines, page by page, into rows."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.db import transaction

from crawler.job import Job, Kind, Known, Limits, Politeness, Scope, Source, SourceKind, Target, UserAgent
from crawler.lines import EndLine, PageLine, Sighting, from_json
from evidence.facts import SightingRecord
from evidence.slices import SliceTree, record_leaf
from exhibit.clock import now
from exhibit.urls import host_of, registrable_domain, url_key
from registry import crawling, sightings
from registry.models import CrawlSlice, FrontierUrl, HostDenial, Refusal
from registry.models import Sighting as SightingRow
from workers.wiring import House, contact_fields

SLICE_SECONDS = 240
BATCH_PAGES = 20
PASSING = frozenset({"budget", "timeout", "retry-after"})
"""Refusals that say nothing about the address: it goes back to the frontier, some times at most."""
FILE_KINDS = ("folder", "warc")


def crawl_slice(house: House, slice_id: int) -> None:
    """Work a slice off.

    1. Claim it under a new epoch, which fences an earlier claimer off.
    2. Start the child with the slice's URLs; it writes lines to a file and bytes into a spool folder.
    3. Bring its pages home while it runs, a batch in a transaction; each page is in the rows as a whole or not at all.
    4. End the slice: one log entry, leases free, unfinished URLs back in the frontier.
    """
    epoch = crawling.claim_slice(slice_id, house.stale_after)
    if epoch is None:
        return
    row = CrawlSlice.objects.select_related("crawl__watch__owner").get(pk=slice_id)
    spool = house.config.data_dir / "spool" / f"slice-{slice_id}-{epoch}"
    counts: dict[str, object] = {"reason": "nothing to do"}
    job = job_of(house, row, spool)
    if job is not None:
        with child(job, spool) as lines:
            counts = bring_home(house, slice_id, epoch, lines, spool)
    shutil.rmtree(spool, ignore_errors=True)
    if crawling.finish_slice(slice_id, epoch, counts=counts, opening=opening):
        house.hint("plan", [row.crawl_id])


def job_of(house: House, row: CrawlSlice, spool: Path) -> Job | None:
    """The child's job: exactly the slice's URLs; the frontier stays here. ``None`` when nothing is left to do."""
    urls = crawling.leased_urls(row.pk)
    if not urls:
        return None
    watch, config = row.crawl.watch, house.config
    sources = tuple(Source(kind=SourceKind(one.kind), path=Path(one.url)) for one in urls if one.kind in FILE_KINDS)
    targets = tuple(
        Target(url=one.url, kind=Kind(one.kind), depth=one.depth, page_url=one.page_url, context=one.context)
        for one in urls
        if one.kind not in FILE_KINDS
    )
    denied = dict(HostDenial.objects.values_list("host", "reason"))
    budget: Mapping[str, float] = watch.budget
    limits = {name: budget[name] for name in ("depth", "bytes", "hosts") if name in budget}
    return Job(
        bytes_dir=spool / "bytes",
        sources=sources,
        urls=() if sources else targets,
        follow=False,
        limits=Limits(seconds=SLICE_SECONDS, max_picture_bytes=config.max_picture_bytes, **limits),  # type: ignore[arg-type]
        politeness=Politeness(**watch.politeness),
        user_agent=UserAgent(**contact_fields(config.contact)),
        allowed_networks=config.allowed_networks,
        denied_hosts=denied,
        known=_known(watch.pk, targets),
        scope=_scope(watch.sources),
    )


def _known(watch_id: int, targets: Sequence[Target]) -> dict[str, Known]:
    """What earlier crawls know of the images on the pages of this slice."""
    pages = [target.url for target in targets] + [target.page_url for target in targets if target.page_url]
    return {
        url: Known(etag=one.etag, last_modified=one.last_modified, digest=one.digest)
        for url, one in crawling.validators(watch_id, pages).items()
    }


def _scope(sources: Sequence[Mapping[str, str]]) -> Scope:
    hosts = [host_of(source["url"]) for source in sources if source["kind"] not in FILE_KINDS]
    return Scope(domains=tuple(dict.fromkeys(registrable_domain(host) for host in hosts)))


@contextmanager
def child(job: Job, spool: Path) -> Iterator[Iterator[bytes]]:
    """Run the crawler as a child process; yields its lines as they are written. The child dies with this process."""
    spool.mkdir(parents=True, exist_ok=True)
    job.bytes_dir.mkdir(exist_ok=True)
    job_file = spool / "job.json"
    job_file.write_text(job.to_json(), encoding="utf-8")
    with (spool / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "crawler", str(job_file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=Path(__file__).resolve().parents[2],
        )
        try:
            assert process.stdout is not None
            yield iter(process.stdout)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()


def bring_home(house: House, slice_id: int, epoch: int, lines: Iterator[bytes], spool: Path) -> dict[str, object]:
    """Put the child's lines into rows, batch by batch; returns what it counted, or that it died."""
    batch: list[PageLine] = []
    refused: list[tuple[str, str, str, str]] = []
    for text in lines:
        if not text.endswith(b"\n"):
            break
        line = from_json(text)
        if isinstance(line, EndLine):
            keep_batch(house, slice_id, epoch, batch, refused, spool)
            _end_files(slice_id, epoch)
            return {**json.loads(text)["counts"], "reason": line.reason}
        if isinstance(line, PageLine):
            batch.append(line)
        else:
            refused.append((line.url, line.page_url, line.reason, line.sentence))
        if len(batch) + len(refused) >= BATCH_PAGES and not keep_batch(house, slice_id, epoch, batch, refused, spool):
            return {"reason": "taken over"}
    keep_batch(house, slice_id, epoch, batch, refused, spool)
    return {"reason": "child died"}


def keep_batch(
    house: House,
    slice_id: int,
    epoch: int,
    pages: list[PageLine],
    refused: list[tuple[str, str, str, str]],
    spool: Path,
) -> bool:
    """Record pages with all that was found on them, in one transaction; empties the lists.

    Returns:
        Whether the slice is still this claimer's.
    """
    seen = [(page, one) for page in pages for one in page.sightings]
    blocked = sightings.blocked({one.digest for _, one in seen})
    for digest in {one.digest for _, one in seen if not one.not_modified} - blocked:
        house.blobs.put_file(spool / "bytes" / digest.hex)
    refused += [(one.url, page.url, one.reason, one.sentence) for page in pages for one in page.refusals]
    refused += [
        (one.image_url, page.url, "blocked", "The operator's blocklist names these bytes.")
        for page, one in seen
        if one.digest in blocked
    ]
    with transaction.atomic():
        row = crawling.hold_slice(slice_id, epoch)
        if row is None:
            return False
        crawling.add_urls(row.crawl_id, _links(pages))
        waiting = sightings.keep_sightings(
            row, [_new_sighting(page, one) for page, one in seen if one.digest not in blocked]
        )
        _keep_refusals(row, refused)
        crawling.mark_urls(row, [page.url for page in pages], FrontierUrl.State.DONE)
        crawling.mark_urls(
            row, [url for url, _, reason, _ in refused if reason not in PASSING], FrontierUrl.State.REFUSED
        )
        if waiting:
            transaction.on_commit(lambda: house.hint("match", waiting))
    pages.clear()
    refused.clear()
    return True


def _end_files(slice_id: int, epoch: int) -> None:
    """Folders and WARC files of a slice are worked off when the child says so: no page line names them."""
    with transaction.atomic():
        row = crawling.hold_slice(slice_id, epoch)
        if row is not None:
            files = FrontierUrl.objects.filter(slice=row, state=FrontierUrl.State.LEASED, kind__in=FILE_KINDS)
            files.update(state=FrontierUrl.State.DONE)


def _links(pages: Sequence[PageLine]) -> Iterator[crawling.NewUrl]:
    """What the pages bring to the frontier: links, and images that there was no time for."""
    for page in pages:
        for link in page.links:
            yield crawling.NewUrl(link.url, str(link.kind), link.depth, link.page_url, link.context)
        for image in page.refusals:
            if image.reason in PASSING:
                yield crawling.NewUrl(image.url, "image", page.depth, page.final_url)


def _new_sighting(page: PageLine, one: Sighting) -> sightings.NewSighting:
    return sightings.NewSighting(
        page_url=one.page_url,
        image_url=one.image_url,
        final_url=one.final_url,
        digest=one.digest,
        size=one.size,
        media_type=one.media_type,
        status=one.status,
        request_headers=one.request_headers,
        response_headers=one.response_headers,
        peer=one.peer,
        fetched_at=one.fetched_at,
        bytes_came=not one.not_modified,
        found_in=one.found_in,
        context=one.context,
        page_title=page.title,
    )


def _keep_refusals(row: CrawlSlice, refused: Sequence[tuple[str, str, str, str]]) -> None:
    rows = [
        Refusal(
            crawl_id=row.crawl_id, key=url_key(url), url=url, page_url=page, reason=reason, sentence=sentence, at=now()
        )
        for url, page, reason, sentence in refused
    ]
    Refusal.objects.bulk_create(rows, ignore_conflicts=True)


def opening(row: CrawlSlice) -> dict[str, object]:
    """What the slice's log entry commits to: the root over its sightings (:mod:`evidence.slices`), and which it was."""
    facts = {
        "crawl": row.crawl.number,
        "owner": row.crawl.watch.owner.slug,
        "slice": row.number,
        "watch": row.crawl.watch.number,
    }
    leaves = [record_leaf(record_of(one)) for one in sightings.of_slice(row.pk)]
    return SliceTree(leaves).opening(facts) if leaves else {**facts, "count": 0}


def record_of(one: SightingRow) -> SightingRecord:
    """The record of a sighting as its slice's entry commits to it."""
    return SightingRecord(
        page_url=one.page_url,
        image_url=one.image_url,
        final_url=one.final_url,
        picture=one.picture.digest,
        status=one.status,
        headers=tuple((name, value) for name, value in one.response_headers),
        peer=one.peer,
        seen=one.last_seen,
    )
