"""Storage of sightings and their pictures, in one transaction per batch of pages."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeAlias

from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet

from evidence.log.proofs import SightingRecord
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.network.addresses import compute_url_key, get_registrable_domain, get_url_host
from exhibit.types import Decision, Headers, Sighting
from registry.crawls.external_statements import statements_to_json
from registry.crawls.models import Crawl, CrawlSlice, Proposal, Sighting as SightingRow, Watch
from registry.db import steps
from registry.db.bulk import copy_into, to_storable
from registry.db.claimable import StepState
from registry.db.rows import copy_columns
from registry.pictures.models import BytesState, Picture, PictureReport
from registry.works.models import WorkPicture

SightingIdentity: TypeAlias = tuple[bytes, bytes, int]
"""The keys of page and image, and the picture: a sighting's identity within a crawl."""
Validator: TypeAlias = tuple[str, str, Digest | None]
"""An image's ``ETag`` and ``Last-Modified`` headers, and the digest of its bytes at that time."""


def list_public_pictures() -> QuerySet[Picture]:
    """Return pictures from public sightings, except pictures that were purged or reported as illegal."""
    public_sightings = SightingRow.objects.filter(picture=OuterRef("pk"), private_to=None)
    reports = PictureReport.objects.filter(picture=OuterRef("pk"))
    return Picture.objects.filter(Exists(public_sightings), ~Exists(reports), ~Q(bytes_state=BytesState.PURGED))


def filter_seen_digests(crawl: Crawl, digests: Iterable[Digest]) -> set[Digest]:
    """Return the digests of pictures that a crawl has already seen.

    For a crawl that visits only changed pages, earlier crawls of its watch count as well.
    """
    crawl_filter = {"crawl__watch": crawl.watch_id} if crawl.by_change else {"crawl": crawl.pk}
    rows = SightingRow.objects.filter(picture__digest__in=list(digests), **crawl_filter)
    return {digest for digest in rows.values_list("picture__digest", flat=True) if digest is not None}


def store_pictures(pictures: Iterable[tuple[Digest, int, datetime]]) -> dict[Digest, int]:
    """Store pictures, given as digest, size and time first seen; return primary keys by digest.

    Must run in a transaction: the rows stay locked, in the order of their digests.
    """
    rows = {digest: Picture(digest=digest, size=size, first_seen=first_seen) for digest, size, first_seen in pictures}
    copy_into(rows.values(), conflict=("digest",))
    locked_pictures = Picture.objects.select_for_update(no_key=True).filter(digest__in=list(rows)).order_by("digest")
    return {digest: pk for digest, pk in locked_pictures.values_list("digest", "pk") if digest is not None}


def store_sightings(
    slice_row: CrawlSlice, titled_sightings: Sequence[tuple[Sighting, str]], search_version: str
) -> list[int]:
    """Store a slice's sightings, each with the title of its page; sightings already in the crawl stay unchanged.

    Pictures with matches, and those whose last search used another version (see
    :func:`registry.works.search_version.compute_search_version`), are processed again. Must run in a transaction.

    Args:
        slice_row: The slice.
        titled_sightings: Sightings and page titles.
        search_version: The current search version.

    Returns:
        Primary keys of the pictures that are pending processing.
    """
    pictures = store_pictures(
        [(sighting.digest, sighting.size, sighting.fetched_at or now()) for sighting, _ in titled_sightings]
    )
    first_seen_by_identity = _load_first_seen(slice_row.crawl.watch_id, pictures.values())
    rows = {}
    for sighting, title in titled_sightings:
        identity = (compute_url_key(sighting.page_url), compute_url_key(sighting.image_url), pictures[sighting.digest])
        first_seen = (
            first_seen_by_identity.get(identity, sighting.fetched_at) if sighting.not_modified else sighting.fetched_at
        )
        rows[identity] = _to_row(slice_row, sighting, title, identity, first_seen)
    copy_into(rows.values(), conflict=("crawl_id", "page_key", "image_key", "picture_id"))
    _restore_expired([pictures[sighting.digest] for sighting, _ in titled_sightings if not sighting.not_modified])
    return _requeue_pictures(list(pictures.values()), search_version, slice_row.crawl.watch)


def _to_row(
    slice_row: CrawlSlice, sighting: Sighting, page_title: str, identity: SightingIdentity, first_seen: datetime | None
) -> SightingRow:
    host = get_url_host(sighting.page_url)[:260]  # host of an unvisited page from a sitemap
    page_key, image_key, picture = identity
    watch = slice_row.crawl.watch
    return SightingRow(
        crawl_id=slice_row.crawl_id,
        slice=slice_row,
        picture_id=picture,
        page_key=page_key,
        image_key=image_key,
        **copy_columns(sighting, "page_url", "image_url", "final_url", "found_in", "context", "status"),
        host=host,
        party=get_registrable_domain(host)[:260],
        page_title=page_title,
        media_type=sighting.media_type[:100],
        request_headers=_to_storable_headers(sighting.request_headers),
        response_headers=_to_storable_headers(sighting.response_headers),
        peer=sighting.peer[:60],
        certificate=sighting.certificate[:160],
        first_seen=first_seen,
        last_seen=sighting.fetched_at,
        period=sighting.period,
        elsewhere=statements_to_json(sighting.elsewhere),
        received_bytes=not sighting.not_modified,
        private_to_id=watch.owner_id if watch.private else None,
    )


def _to_storable_headers(headers: Headers) -> list[list[str]]:
    return [[to_storable(name), to_storable(value)] for name, value in headers]


def _load_first_seen(watch_id: int, pictures: Iterable[int]) -> dict[SightingIdentity, datetime | None]:
    """Return the time when any crawl of the watch first saw each (page, image, picture)."""
    rows = SightingRow.objects.filter(crawl__watch_id=watch_id, picture_id__in=list(pictures))
    first_sightings = rows.values_list("page_key", "image_key", "picture_id").annotate(first=Min("first_seen"))
    return {(bytes(page), bytes(image), picture): first_seen for page, image, picture, first_seen in first_sightings}


def _restore_expired(pictures: Sequence[int]) -> None:
    """Reset locked pictures whose expired bytes were downloaded again, so that later works can match them."""
    expired_pictures = Picture.objects.filter(pk__in=pictures, bytes_state=BytesState.EXPIRED)
    expired_pictures.update(bytes_state=BytesState.STORED, searched="", **steps.build_reset_columns())
    # Failed pictures get one more attempt, because the cause may be fixed; another failure affects only them.
    failed_pictures = Picture.objects.filter(pk__in=pictures, state=StepState.FAILED)
    failed_pictures.update(**{**steps.build_reset_columns(), "attempts": steps.MAX_ATTEMPTS - 1})


def _requeue_pictures(pictures: Sequence[int], search_version: str, watch: Watch) -> list[int]:
    """Reset locked pictures that need processing because of a new sighting; return all pending ones.

    Pictures from an owner's own site are always processed again, because they may be proposed as works.
    """
    match_decisions = [decision for decision in Decision if decision is not Decision.NONE]
    matched_pictures = Picture.objects.filter(pk__in=pictures, matches_as_found__decision__in=match_decisions).values(
        "pk"
    )
    registered_pictures = WorkPicture.objects.filter(picture_id__in=pictures).values("picture_id")
    is_outdated = ~Q(searched=search_version) & Q(bytes_state=BytesState.STORED, refusal="")
    needs_processing = Q(pk__in=matched_pictures) | Q(pk__in=registered_pictures) | is_outdated
    if watch.own:
        proposals = Proposal.objects.filter(owner=watch.owner_id, picture=OuterRef("pk"))
        needs_processing |= Q(bytes_state=BytesState.STORED, refusal="") & ~Q(incomplete=True) & ~Q(Exists(proposals))
    Picture.objects.filter(needs_processing, pk__in=pictures, state=StepState.DONE).update(
        **steps.build_reset_columns()
    )
    pending_pictures = Picture.objects.filter(pk__in=pictures, state=StepState.QUEUED)
    return sorted(pending_pictures.values_list("pk", flat=True))


def list_sightings_by_slice(slice_id: int) -> list[SightingRow]:
    """Return a slice's sightings in the order of its log entry: by page key, image key and digest."""
    rows = SightingRow.objects.filter(slice_id=slice_id).select_related("picture")
    return list(rows.order_by("page_key", "image_key", "picture__digest"))


def load_validators(watch_id: int, pages: Iterable[str]) -> dict[str, Validator]:
    """Return the validators of images on these pages by image URL, for the latest bytes downloaded by the watch.

    Only images whose bytes are stored are included. Images with expired bytes must be downloaded again so that they can
    be compared with later works.
    """
    keys = [compute_url_key(page) for page in pages]
    stored_sightings = SightingRow.objects.filter(picture__bytes_state=BytesState.STORED).select_related("picture")
    rows = stored_sightings.filter(crawl__watch_id=watch_id, page_key__in=keys)
    validators_by_url: dict[str, Validator] = {}
    latest_sightings = (
        rows.filter(received_bytes=True)
        .order_by("image_key", F("last_seen").desc(nulls_last=True))
        .distinct("image_key")
    )
    for row in latest_sightings:
        headers = {name.lower(): value for name, value in row.response_headers}
        etag, last_modified = headers.get("etag", ""), headers.get("last-modified", "")
        if etag or last_modified:
            validators_by_url[row.image_url] = (etag, last_modified, row.picture.digest)
    return validators_by_url


def to_record(sighting: SightingRow) -> SightingRecord:
    """Return the record of a sighting that its slice's log entry commits to."""
    return SightingRecord(
        **copy_columns(sighting, "page_url", "image_url", "final_url", "status", "peer", "certificate", "period"),
        picture=sighting.picture.digest,
        headers=tuple((name, value) for name, value in sighting.response_headers),
        seen=sighting.last_seen,
    )
