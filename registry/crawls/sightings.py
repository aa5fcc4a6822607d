"""Sightings and the pictures they show: what a page of a crawl brings home, in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Min, Q
from psycopg.types.json import Jsonb

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.network.urls import host_of, registrable_domain, url_key
from registry.db.bulk import copy_into, storable
from registry.db.steps import MAX_ATTEMPTS
from registry.models import BlockedDigest, BytesState, CrawlSlice, Match, Picture, Sighting, StepState, WorkPicture

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class NewSighting:
    """One picture seen at an image URL on a page."""

    page_url: str
    image_url: str
    final_url: str
    digest: Digest
    size: int
    media_type: str
    status: int
    request_headers: Headers
    response_headers: Headers
    peer: str
    fetched_at: datetime
    bytes_came: bool
    found_in: str
    context: str
    page_title: str


def blocked(digests: Iterable[Digest]) -> set[Digest]:
    """Those of the digests whose bytes may not be stored."""
    rows = BlockedDigest.objects.filter(digest__in=list(digests)).values_list("digest", flat=True)
    return {digest for digest in rows if digest is not None}


def keep_pictures(pictures: Iterable[tuple[Digest, int, datetime]]) -> dict[Digest, int]:
    """Keep pictures by digest, and lock their rows until the transaction ends.

    Args:
        pictures: digest, size in bytes, first seen.

    Returns:
        Primary keys by digest. Must run inside a transaction; rows are locked in the order of their digests.
    """
    given = {digest: (digest.raw, size, seen) for digest, size, seen in pictures}
    rows = [(*given[digest], "todo", 0, "", "", "", Jsonb([]), "stored", "") for digest in sorted(given)]
    columns = (
        "digest", "size", "first_seen", "state", "attempts", "error", "format", "refusal", "low_information",
        "bytes_state", "searched",
    )  # fmt: skip
    copy_into("registry_picture", columns, rows, conflict=("digest",))
    locked = Picture.objects.select_for_update(no_key=True).filter(digest__in=list(given)).order_by("digest")
    return {digest: pk for digest, pk in locked.values_list("digest", "pk") if digest is not None}


def keep_sightings(of: CrawlSlice, sightings: Sequence[NewSighting], mark: str) -> list[int]:
    """Keep sightings of a slice; one that its crawl has already stays as it is. Must run inside a transaction.

    Pictures that were matched before, and whose match makes this sighting a matter, are put to work again, and so are
    those whose search isn't what a search is now.

    Args:
        of: the slice.
        sightings: what it saw.
        mark: of a search as it is now (:func:`workers.matching.search_version.search_mark`).

    Returns:
        Primary keys of the pictures that now wait for their step.
    """
    pictures = keep_pictures([(one.digest, one.size, one.fetched_at) for one in sightings])
    private_to = of.crawl.watch.owner_id if of.crawl.watch.private else None
    earlier = _earlier_first_seen(of.crawl.watch_id, pictures.values())
    rows = {}
    for one in sightings:
        picture = pictures[one.digest]
        keys = (url_key(one.page_url), url_key(one.image_url))
        first = earlier.get((*keys, picture), one.fetched_at) if not one.bytes_came else one.fetched_at
        host = host_of(one.page_url)[:260]  # of a page that a sitemap names and nobody has visited
        rows[*keys, picture] = (
            of.crawl_id, of.pk, picture, *keys, one.page_url, one.image_url, one.final_url, host,
            registrable_domain(host)[:260], one.found_in, one.context, one.page_title, one.media_type[:100],
            one.status, _json(one.request_headers), _json(one.response_headers), one.peer[:60], first,
            one.fetched_at, one.bytes_came, private_to,
        )  # fmt: skip
    columns = (
        "crawl_id", "slice_id", "picture_id", "page_key", "image_key", "page_url", "image_url", "final_url", "host",
        "party", "found_in", "context", "page_title", "media_type", "status", "request_headers", "response_headers",
        "peer", "first_seen", "last_seen", "bytes_came", "private_to_id",
    )  # fmt: skip
    key = ("crawl_id", "page_key", "image_key", "picture_id")
    copy_into("registry_sighting", columns, rows.values(), conflict=key)
    _take_back([pictures[one.digest] for one in sightings if one.bytes_came])
    return _put_to_work(list(pictures.values()), mark)


def _json(headers: Headers) -> Jsonb:
    return Jsonb([[storable(name), storable(value)] for name, value in headers])


def _earlier_first_seen(watch_id: int, pictures: Iterable[int]) -> dict[tuple[bytes, bytes, int], datetime]:
    """When each (page, image, picture) of the watch was first seen, in any crawl."""
    rows = Sighting.objects.filter(crawl__watch_id=watch_id, picture_id__in=list(pictures))
    places = rows.values_list("page_key", "image_key", "picture_id").annotate(first=Min("first_seen"))
    return {(bytes(page), bytes(image), picture): first for page, image, picture, first in places}


def _take_back(pictures: Sequence[int]) -> None:
    """Of locked pictures, those whose bytes had expired and have come again are compared with later works too."""
    expired = Picture.objects.filter(pk__in=pictures, bytes_state=BytesState.EXPIRED)
    fresh = {"state": StepState.TODO, "not_before": None, "held_since": None, "waits_since": now()}
    expired.update(bytes_state=BytesState.STORED, attempts=0, searched="", **fresh)
    # what was given up gets one more try: the reason may have gone, or it harms nobody but itself
    given_up = Picture.objects.filter(pk__in=pictures, state=StepState.FAILED)
    given_up.update(attempts=MAX_ATTEMPTS - 1, **fresh)


def _put_to_work(pictures: Sequence[int], mark: str) -> list[int]:
    """Of locked pictures, those that wait for their step: new ones, and those that a new sighting makes a matter of."""
    matched = Match.objects.filter(found_id__in=pictures).exclude(decision="none").values("found_id")
    registered = WorkPicture.objects.filter(picture_id__in=pictures).values("picture_id")
    otherwise = ~Q(searched=mark) & Q(bytes_state=BytesState.STORED, refusal="")
    concerned = Q(pk__in=matched) | Q(pk__in=registered) | otherwise
    Picture.objects.filter(concerned, pk__in=pictures, state=StepState.DONE).update(
        state=StepState.TODO, not_before=None, held_since=None, attempts=0, waits_since=now()
    )
    waiting = Picture.objects.filter(pk__in=pictures, state=StepState.TODO)
    return sorted(waiting.values_list("pk", flat=True))


def of_slice(slice_id: int) -> list[Sighting]:
    """The sightings of a slice in the order that its log entry commits to: by page key, image key and digest."""
    rows = Sighting.objects.filter(slice_id=slice_id).select_related("picture")
    return list(rows.order_by("page_key", "image_key", "picture__digest"))
