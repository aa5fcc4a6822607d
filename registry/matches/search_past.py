"""Search of all pictures ever seen for new works, several works in one pass over the indexes."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from django.db import transaction

from exhibit.clock import now
from exhibit.errors import ExhibitError
from exhibit.machine import machine_fault
from exhibit.types import Decision, Verification
from indexer.picture.features import Features, extract
from indexer.picture.spaces import PHASH, PIPELINE
from indexer.search.candidates import Candidate, iterate_distinct
from indexer.search.seen_pictures import WorkQueries, is_promising, search_seen_pictures
from registry.crawls import revisits
from registry.crawls.revisits import RevisitCandidate
from registry.db import steps
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.ports import get_descriptors, get_indexes
from registry.matches import declared_fingerprints, match_storage
from registry.matches.registered_works import RegisteredWorks, make_queries, record_relations
from registry.pictures.models import BytesState, Picture
from registry.services.services import Services
from registry.works.marks import RegisteredPicture, load_registered_pictures
from registry.works.models import WorkPicture

MAX_PICTURES = 2000  # maximum number of pictures verified for one new work
MAX_REQUESTS = 100  # maximum number of pictures without bytes requested again for one new work, the best first
MAX_SMALL = 500  # maximum number of pictures without bytes whose small copies are compared for one new work
MAX_AT_ONCE = 30
"""Number of pictures compared with a new work before other new works get their turn.

This many cases may be opened before the flood limit (``Config.flood_floor``) applies to all. Works with fewer
candidates are compared with all.
"""
STORE_BATCH_SIZE = 50  # comparisons stored together: the most that an interruption can cost
MAX_STEP_SECONDS = 60.0
"""Seconds after which a search yields to others, to be continued later."""
NO_HASH_DISTANCE = 256


@dataclass(slots=True)
class WorkSearch:
    """A registered picture for which the past is searched."""

    row: WorkPicture
    registered_picture: RegisteredPicture
    features: Features
    queries: WorkQueries
    distances: dict[int, int] = field(default_factory=dict)  # best first: bits; 256 if only the descriptor matched
    promising: set[int] = field(default_factory=set)  # subset of ``distances``
    left_out: set[int] = field(default_factory=set)  # further candidates that could not be compared, or were too many


def search_pictures(services: Services, ids: Sequence[int]) -> None:
    """Search the pictures already seen for each new picture of a work, and open the resulting cases.

    1. Claim the works and measure them; search both indexes for all of them at once. Record relations to the owner's
       others.
    2. Compare each with its candidates, from stored bytes. If there are many, the few most similar ones come first, and
       their cases are opened: a hundredth of the comparisons finds nine tenths of the matches. The others follow once
       every work has got that far. Results are stored in portions, so an interrupted search can be continued.
    3. Compare pictures with expired bytes by their stored small copy; those that still resemble the work are requested
       again where they were seen (:mod:`registry.crawls.revisits`), and so are pictures measured by contributors.

    Candidates that were left out are searched again when they are seen again. After ``MAX_STEP_SECONDS``, other works
    get their
    turn: each call advances its first work by at least one step.

    The work's own fingerprints were committed before. Together with the commit-before-search order for pictures in
    :mod:`registry.matches.match`, this ensures that the later of the two finds the other.
    """
    claimed = steps.claim(WorkPicture, ids, services.stale_after)
    if not claimed:
        return
    deadline = time.monotonic() + MAX_STEP_SECONDS
    ready_searches: list[WorkSearch] = []
    with steps.processing(WorkPicture, claimed, shared=True):
        try:
            get_descriptors(services).refresh()
            get_descriptors(services).serving.open()
            get_indexes(services).refresh(Collection.PICTURES)
            get_indexes(services).refresh(Collection.WORKS)
            _search_prints(services, claimed)
            searches = list(_prepare_searches(services, claimed))
            _find_candidates(services, searches)
            ready_searches = searches
        except ExhibitError:
            get_indexes(services).close_collection(Collection.PICTURES)
            raise
    for position, work in enumerate(ready_searches):
        with steps.processing(WorkPicture, [work.row.pk]):
            if position and time.monotonic() > deadline:
                steps.wait(WorkPicture, work.row.pk, now())
            else:
                _search(services, work, deadline)


def _prepare_searches(services: Services, ids: Iterable[int]) -> Iterator[WorkSearch]:
    """Yield each registered picture's search; damage in one does not affect the others."""
    rows = list(WorkPicture.objects.select_related("work").filter(pk__in=list(ids)).order_by("pk"))
    pictures = load_registered_pictures(row.picture_id for row in rows)
    for row in rows:
        with steps.processing(WorkPicture, [row.pk]):
            queries, features = make_queries(services, pictures[row.picture_id])
            yield WorkSearch(row, pictures[row.picture_id], features, queries)


def _search_prints(services: Services, ids: list[int]) -> None:
    """Search for works declared by fingerprints only, and remove them from ``ids``."""
    for row in WorkPicture.objects.filter(pk__in=ids).exclude(stated=None):
        ids.remove(row.pk)
        with steps.processing(WorkPicture, [row.pk]):
            declared_fingerprints.search_past(services, row)


def _find_candidates(services: Services, searches: Sequence[WorkSearch]) -> None:
    """Set the candidates of each registered picture, in one shared pass over the indexes."""
    hashes = get_indexes(services).of(Collection.PICTURES, PHASH)
    descriptors = get_indexes(services).of(Collection.PICTURES, get_descriptors(services).serving.space)
    vectors, candidate_lists = (
        len(hashes),
        search_seen_pictures([work.queries for work in searches], hashes, descriptors),
    )
    for work, candidates in zip(searches, candidate_lists, strict=True):
        _set_candidates(services, work, candidates, vectors)


def _set_candidates(services: Services, work: WorkSearch, candidates: Sequence[Candidate], vectors: int) -> None:
    pictures = get_indexes(services).pictures(Collection.PICTURES, candidates)
    pictures_by_hit = {hit: pictures.get((hit.space, hit.number)) for hit in candidates}
    bits = {pictures_by_hit[hit]: round(hit.distance) for hit in reversed(candidates) if hit.space == PHASH.id}
    nearest = iterate_distinct(candidates, pictures_by_hit.get, MAX_PICTURES)
    work.distances = {picture: bits.get(picture, NO_HASH_DISTANCE) for picture in nearest}
    promising = {pictures_by_hit[hit] for hit in candidates if is_promising(hit)}
    work.promising = {picture for picture in work.distances if picture in promising}
    work.left_out = {picture for picture in pictures_by_hit.values() if picture is not None} - work.distances.keys()
    _save_progress(work, vectors=vectors, alike=len(work.distances))


def _search(services: Services, work: WorkSearch, deadline: float) -> None:
    if "related" not in work.row.progress:
        _save_progress(work, related=record_relations(services, work.row, work.features))
    already_compared = match_storage.list_compared(work.row.picture_id, PIPELINE) & work.distances.keys()
    uncompared = [picture for picture in work.distances if picture not in already_compared]
    states = [BytesState.STORED, BytesState.EXPIRED]
    rows = Picture.objects.only("digest", "thumbnail", "bytes_state").filter(bytes_state__in=states).in_bulk(uncompared)
    stored = [rows[pk] for pk in uncompared if pk in rows and rows[pk].bytes_state == BytesState.STORED]
    is_first = "at_once" not in work.row.progress and len(stored) > MAX_AT_ONCE
    promising = [picture for picture in stored if picture.pk in work.promising]
    to_compare = promising[:MAX_AT_ONCE] if is_first else stored
    for start in range(0, len(to_compare), STORE_BATCH_SIZE):
        batch = to_compare[start : start + STORE_BATCH_SIZE]
        _compare(services, work, batch)
        _save_progress(work, compared=len(already_compared) + start + len(batch))
        if time.monotonic() > deadline:
            steps.wait(WorkPicture, work.row.pk, now())
            return
    if is_first:
        with transaction.atomic():
            _send_signal(services, work)
            _save_progress(work, at_once=len(to_compare))
            steps.wait(WorkPicture, work.row.pk, now())
        return
    expired_ids = [pk for pk in uncompared if pk in rows and rows[pk].bytes_state == BytesState.EXPIRED]
    visible = revisits.filter_visible(work.row.work.owner_id, expired_ids)
    expired = [rows[pk] for pk in expired_ids if pk in visible]
    to_request = list(_select_for_request(services, work, expired))
    contributed = _list_contributed_urls([pk for pk in expired_ids if pk not in visible][:MAX_REQUESTS])
    with transaction.atomic():
        _send_signal(services, work)
        revisits.request_again(work.row.work.owner_id, work.row.picture_id, to_request)
        if contributed:
            revisits.queue_visits(work.row.work.owner_id, contributed)
        _save_progress(work, expired=len(expired), asked_again=len(to_request))
        steps.finish(WorkPicture, [work.row.pk])


def _list_contributed_urls(pictures: Iterable[int]) -> list[tuple[str, str]]:
    """Return the (page, image) URLs at which contributors saw pictures whose bytes were never stored here."""
    pictures_seen = Picture.objects.filter(
        pk__in=list(pictures), edgeresult__outcome="kept", edgeresult__target__isnull=False
    )
    return list(pictures_seen.values_list("edgeresult__target__page_url", "edgeresult__target__url"))


def _send_signal(services: Services, work: WorkSearch) -> None:
    """Send the signal for stored matches, and mark omitted candidates for another search. Call it in a transaction."""
    matching_pictures = match_storage.list_matching_pictures(work.row.picture_id)
    match_storage.lock_pictures({*matching_pictures, *work.left_out})
    Picture.objects.filter(pk__in=work.left_out).update(searched="")
    if matching_pictures:
        match_storage.matches_stored.send(None, services=services, registered=[work.row.picture_id])


def _compare(services: Services, work: WorkSearch, pictures: Sequence[Picture]) -> None:
    """Compare a work with some pictures and store the results, in its own transaction."""
    rows, works = [], RegisteredWorks(services, registered_pictures={work.row.picture_id: work.registered_picture})
    for picture in pictures:
        try:
            features = extract(services.blobs.get(picture.digest), services.limits)
            rows.append(
                (work.row.picture_id, picture.pk, works.compare_alone(features, work.row.picture_id, work.features))
            )
        except ExhibitError as error:  # just expired, or damaged since it was measured
            if machine_fault(error):
                raise
            work.left_out.add(picture.pk)
    with transaction.atomic():
        match_storage.store_matches(rows)


def _select_for_request(services: Services, work: WorkSearch, expired: Sequence[Picture]) -> Iterator[RevisitCandidate]:
    """Yield pictures whose small copy also resembles the work, or that have none; the most promising first."""
    count = 0
    for position, picture in enumerate(expired[:MAX_SMALL]):
        if count == MAX_REQUESTS:
            return
        if position % STORE_BATCH_SIZE == 0:
            _save_progress(work)
        verification = _compare_small_copy(services, work, picture)
        if verification is not None and verification.decision is Decision.NONE:
            continue
        count += 1
        measurements = (None, None) if verification is None else (verification.inliers, verification.dense)
        yield RevisitCandidate(picture.pk, work.distances[picture.pk], *measurements)


def _compare_small_copy(services: Services, work: WorkSearch, picture: Picture) -> Verification | None:
    """Return the comparison with the stored small copy, or ``None`` if there is none that can be read."""
    if picture.thumbnail is None:
        return None
    with suppress(ExhibitError):
        small_features = extract(services.blobs.get(picture.thumbnail), services.limits)
        works = RegisteredWorks(services, registered_pictures={work.row.picture_id: work.registered_picture})
        return works.compare_alone(small_features, work.row.picture_id, work.features)
    return None


def _save_progress(work: WorkSearch, **counts: int) -> None:
    """Store the progress of a search, and renew its claim."""
    work.row.progress = {**work.row.progress, **counts}
    WorkPicture.objects.filter(pk=work.row.pk).update(progress=work.row.progress, claimed_at=now())
