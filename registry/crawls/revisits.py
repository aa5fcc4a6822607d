"""Revisits: previously seen pictures whose bytes have expired are requested again by a regular crawl.

The crawl downloads them under its usual rules (address guard, robots.txt, rate and limits), and its results are new
sightings. This module itself fetches nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Q, QuerySet

from exhibit.clock import now
from exhibit.network.addresses import compute_url_key, get_url_host
from exhibit.sentences import Sentence, concatenate_sentences
from registry.accounts.models import Owner
from registry.crawls import schedules
from registry.crawls.crawling import PAST, NewUrl, add_urls, is_denied
from registry.crawls.models import Crawl, FrontierUrl, Refusal, Revisit, Sighting, Watch
from registry.db.bulk import copy_into
from registry.db.claimable import StepState
from registry.db.rows import get_next_number

Outcome = Revisit.Outcome
NAME = "Pictures seen before"
MAX_URLS = 2
"""Maximum number of URLs requested per picture, the latest first."""
GONE_REASONS = frozenset({"http-404", "http-410"})
_NEWEST = F("last_seen").desc(nulls_last=True)
_NO_URL = Sentence("A similar picture was seen earlier, but Exhibit no longer stores a URL for that picture.")
_SIMILARITY_SENTENCES = {
    (True, False): Sentence(
        "A picture seen on %(day)s at %(url)s is similar to this work (hash distance: %(bits)s of 256 bits)."
    ),
    (True, True): Sentence(
        "A picture seen on %(day)s at %(url)s is similar to this work (hash distance: %(bits)s of 256 "
        "bits; in a reduced copy, %(details)s details match in position and %(share)s of the pixels agree)."
    ),
    (False, False): Sentence(
        "A picture seen on %(day)s at %(url)s is similar to this work (according to its descriptor)."
    ),
    (False, True): Sentence(
        "A picture seen on %(day)s at %(url)s is similar to this work (according to its descriptor; in "
        "a reduced copy, %(details)s details match in position and %(share)s of the pixels agree)."
    ),
}
"""Sentences by two flags: hashes are close, and small copies were compared."""
_SAME_BYTES = Sentence("The same bytes were retrieved again.")
_CHANGED = Sentence("Its file was no longer stored, and the URL now returns different bytes.")
_NO_LONGER_SERVED = Sentence("Its file was no longer stored, and the URL no longer returns the picture:")
_UNREACHED = Sentence("Its file was no longer stored and could not be retrieved again:")
SOURCE = {"kind": PAST, "url": "where pictures were seen before"}


@dataclass(frozen=True, slots=True)
class RevisitCandidate:
    """A picture without bytes, by its primary key, that may show a registered picture."""

    picture: int
    hamming: int  # distance of the nearest hashes; 256 if only the descriptor matched
    inliers: int | None = None  # details that its small copy shares with the work
    dense: float | None = None  # fraction of pixels that agree


def request_pictures_again(owner_id: int, registered_picture: int, candidates: Sequence[RevisitCandidate]) -> None:
    """Request pictures that are similar to a registered one again, in the owner's crawl. Call it in a transaction.

    Earlier requests are kept and not repeated.
    """
    requested_pictures = set(
        Revisit.objects.filter(owner=owner_id, registered=registered_picture).values_list("found_id", flat=True)
    )
    new_candidates = [candidate for candidate in candidates if candidate.picture not in requested_pictures]
    if not new_candidates:
        return
    crawl = queue_visits(
        owner_id, [address for candidate in new_candidates for address in list_recent_urls(candidate.picture, owner_id)]
    )
    current_time = now()
    rows = [
        Revisit(
            owner_id=owner_id, registered_id=registered_picture, found_id=candidate.picture, crawl=crawl,
            hamming=candidate.hamming,
            inliers=candidate.inliers, dense=candidate.dense, requested_at=current_time,
        )
        for candidate in new_candidates
    ]  # fmt: skip
    copy_into(rows, conflict=("owner_id", "registered_id", "found_id"))


def queue_visits(owner_id: int, addresses: Iterable[tuple[str, str]]) -> Crawl:
    """Add (page, image) URLs to the owner's revisit crawl, and return the crawl. Call it in a transaction."""
    crawl = _get_or_start_crawl(owner_id)
    add_urls(crawl.pk, [NewUrl(image, "image", 0, page) for page, image in addresses])
    return crawl


def list_recent_urls(picture: int, owner_id: int) -> list[tuple[str, str]]:
    """Return the latest (page, image) URLs of a picture that are visible to this owner."""
    sightings = (
        list_visible_sightings(owner_id).filter(picture_id=picture, image_url__startswith="http").order_by(_NEWEST)
    )
    page_by_image: dict[str, str] = {}
    for page, image in sightings.values_list("page_url", "image_url")[:50]:
        if image not in page_by_image and len(page_by_image) < MAX_URLS and not is_denied(get_url_host(image)):
            page_by_image[image] = page
    return [(page, image) for image, page in page_by_image.items()]


def list_visible_sightings(owner_id: int) -> QuerySet[Sighting]:
    """Return public sightings, and those from this owner's own sources."""
    return Sighting.objects.filter(Q(private_to=None) | Q(private_to_id=owner_id))


def filter_visible_pictures(owner_id: int, pictures: Iterable[int]) -> set[int]:
    """Return the given pictures that are visible to this owner."""
    return set(list_visible_sightings(owner_id).filter(picture__in=list(pictures)).values_list("picture_id", flat=True))


def _get_or_start_crawl(owner_id: int) -> Crawl:
    """Return the owner's running revisit crawl, or a new one."""
    owner = Owner.objects.select_for_update(no_key=True).get(pk=owner_id)
    watch = next(
        (watch for watch in owner.watches.filter(name=NAME) if is_revisit_watch(watch)), None
    ) or _create_watch(owner)
    running_crawl = watch.crawls.filter(state=StepState.RUNNING, reason="").select_for_update(no_key=True).first()
    return running_crawl or schedules.create_crawl(watch, now())


def _create_watch(owner: Owner) -> Watch:
    number = get_next_number(owner.watches)
    name = NAME if not owner.watches.filter(name=NAME).exists() else f"{NAME} ({number})"
    return Watch.objects.create(owner=owner, number=number, name=name, sources=[SOURCE], paused=True)


def is_revisit_watch(watch: Watch) -> bool:
    """Return True if a watch only requests previously seen pictures again; such a watch has no schedule."""
    return any(source["kind"] == PAST for source in watch.sources)


def record_results(limit: int = 200) -> int:
    """Record the results of requests whose crawl has ended; return their number."""
    with transaction.atomic():
        ended_revisits = Revisit.objects.filter(outcome=Outcome.WAITING, crawl__state=StepState.DONE).order_by("pk")
        rows = list(
            ended_revisits.select_for_update(skip_locked=True, no_key=True, of=("self",)).select_related("crawl")[
                :limit
            ]
        )
        for row in rows:
            received_bytes = Sighting.objects.filter(
                crawl=row.crawl, picture=row.found_id, received_bytes=True
            ).exists()
            row.outcome, row.sentence = _get_outcome(row, received_bytes=received_bytes)
            row.ended_at = now()
        Revisit.objects.bulk_update(rows, ["outcome", "sentence", "ended_at"])
    return len(rows)


def _get_outcome(row: Revisit, *, received_bytes: bool) -> tuple[Outcome, str]:
    sightings = list_visible_sightings(row.owner_id).filter(picture_id=row.found_id).exclude(crawl=row.crawl)
    last_sighting = sightings.order_by(_NEWEST).first()
    if last_sighting is None:
        return Outcome.UNREACHED, _NO_URL
    day = last_sighting.period or "—" if last_sighting.last_seen is None else last_sighting.last_seen.date().isoformat()
    description = _describe_earlier_sighting(row, day=day, url=last_sighting.image_url)
    if received_bytes:
        return Outcome.CAME, concatenate_sentences(description, _SAME_BYTES)
    images = [image for _, image in list_recent_urls(row.found_id, row.owner_id)]
    keys = [compute_url_key(image) for image in images]
    if Sighting.objects.filter(crawl=row.crawl, image_key__in=keys).exists():
        return Outcome.CHANGED, concatenate_sentences(description, _CHANGED)
    refusal = Refusal.objects.filter(crawl=row.crawl, key__in=keys).order_by("pk").first()
    if refusal is not None and refusal.reason in GONE_REASONS:
        return Outcome.GONE, concatenate_sentences(description, _NO_LONGER_SERVED, refusal.sentence)
    reason = _find_failure_reason(row.crawl, images) if refusal is None else refusal.sentence
    return Outcome.UNREACHED, concatenate_sentences(description, _UNREACHED, reason)


def _describe_earlier_sighting(row: Revisit, **values: str) -> str:
    """Describe when and where the picture was seen, with the measurements of its similarity."""
    has_hash, has_small_copy = row.hamming < 256, row.inliers is not None and row.dense is not None
    measurements: dict[str, object] = {"bits": row.hamming} if has_hash else {}
    if has_small_copy:
        measurements |= {"details": row.inliers, "share": f"{row.dense:.0%}"}
    return Sentence(_SIMILARITY_SENTENCES[has_hash, has_small_copy], **values, **measurements)


def _find_failure_reason(crawl: Crawl, images: Iterable[str]) -> str:
    if not images:
        return Sentence("the picture came from a file, or from a host that is not visited.")
    pending_urls = crawl.frontier.filter(url__in=list(images), state=FrontierUrl.State.PENDING)
    return (
        Sentence("the crawl ended before the URL was requested.")
        if pending_urls.exists()
        else Sentence("no response was received.")
    )
