"""Search of all previously seen pictures for new works, with several works in one pass over the indexes."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from django.db import transaction

from exhibit.clock import now
from exhibit.errors import ExhibitError
from exhibit.machine import describe_machine_fault
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
MAX_REQUESTS = 100  # maximum number of pictures without bytes that are fetched again for one new work, the best first
MAX_SMALL_COPIES = 500  # maximum number of pictures without bytes whose small copies are compared for one new work
MAX_AT_ONCE = 30
"""Number of pictures compared with a new work in the first pass, before other new works are searched.

This many cases may be opened before the flood limit (``Config.flood_floor``) applies to all. Works with fewer
candidates are compared with all.
"""
STORE_BATCH_SIZE = 50  # comparisons stored together; an interruption loses at most this many
MAX_STEP_SECONDS = 60.0
"""Seconds after which a search yields to others, to be continued later."""
NO_HASH_DISTANCE = 256


@dataclass(slots=True)
class WorkSearch:
    """A registered picture for which previously seen pictures are searched."""

    row: WorkPicture
    registered_picture: RegisteredPicture
    features: Features
    queries: WorkQueries
    distances: dict[int, int] = field(default_factory=dict)  # bits, best first; 256: only the descriptor matched
    promising_pictures: set[int] = field(default_factory=set)  # subset of ``distances``
    # Candidates that could not be compared or exceeded the limit
    skipped_pictures: set[int] = field(default_factory=set)


def search_pictures(services: Services, ids: Sequence[int]) -> None:
    """Search all previously seen pictures for each new picture of a work, and open the resulting cases.

    1. Claim and measure the works; search both indexes for all of them at once. Record relations to the owner's other
       works.
    2. Compare each work with its candidates, from stored bytes. If there are many, compare the most similar ones first
       and open their cases: one percent of the comparisons finds 90 percent of the matches. Compare the others after
       this was done for every work. Results are stored in batches, so that an interrupted search can be continued.
    3. Compare pictures with expired bytes by their stored small copies. Those that still resemble the work are fetched
       again from their URLs (:mod:`registry.crawls.revisits`), and so are pictures measured by contributors.

    Skipped candidates are searched again at their next sighting. After ``MAX_STEP_SECONDS``, other works are processed
    first; each call advances its first work by at least one step.

    The work's fingerprints must already be committed. Because :mod:`registry.matches.match` also commits a picture's
    fingerprints before it searches, whichever is added later, the work or the picture, finds the other.
    """
    claimed = steps.claim(WorkPicture, ids, services.stale_after)
    if not claimed:
        return
    deadline = time.monotonic() + MAX_STEP_SECONDS
    ready_searches: list[WorkSearch] = []
    with steps.guard_processing(WorkPicture, claimed, is_shared=True):
        try:
            get_descriptors(services).refresh()
            get_descriptors(services).serving.open()
            get_indexes(services).refresh(Collection.PICTURES)
            get_indexes(services).refresh(Collection.WORKS)
            _search_declared_works(services, claimed)
            searches = list(_prepare_searches(services, claimed))
            _find_candidates(services, searches)
            ready_searches = searches
        except ExhibitError:
            get_indexes(services).close_collection(Collection.PICTURES)
            raise
    for position, search in enumerate(ready_searches):
        with steps.guard_processing(WorkPicture, [search.row.pk]):
            if position and time.monotonic() > deadline:
                steps.postpone_by_id(WorkPicture, search.row.pk, now())
            else:
                _continue_search(services, search, deadline)


def _prepare_searches(services: Services, ids: Iterable[int]) -> Iterator[WorkSearch]:
    """Yield the search of each registered picture. A damaged picture does not affect the others."""
    rows = list(WorkPicture.objects.select_related("work").filter(pk__in=list(ids)).order_by("pk"))
    pictures = load_registered_pictures(row.picture_id for row in rows)
    for row in rows:
        with steps.guard_processing(WorkPicture, [row.pk]):
            queries, features = make_queries(services, pictures[row.picture_id])
            yield WorkSearch(row, pictures[row.picture_id], features, queries)


def _search_declared_works(services: Services, ids: list[int]) -> None:
    """Search for works that were declared by fingerprints only, and remove them from ``ids``."""
    for row in WorkPicture.objects.filter(pk__in=ids).exclude(stated=None):
        ids.remove(row.pk)
        with steps.guard_processing(WorkPicture, [row.pk]):
            declared_fingerprints.search_seen_pictures(services, row)


def _find_candidates(services: Services, searches: Sequence[WorkSearch]) -> None:
    """Set the candidates of each registered picture, in one shared pass over the indexes."""
    hashes = get_indexes(services).get_index(Collection.PICTURES, PHASH)
    descriptors = get_indexes(services).get_index(Collection.PICTURES, get_descriptors(services).serving.space)
    vector_count, candidate_lists = (
        len(hashes),
        search_seen_pictures([search.queries for search in searches], hashes, descriptors),
    )
    for search, candidates in zip(searches, candidate_lists, strict=True):
        _set_candidates(services, search, candidates, vector_count)


def _set_candidates(services: Services, search: WorkSearch, candidates: Sequence[Candidate], vector_count: int) -> None:
    pictures = get_indexes(services).map_pictures(Collection.PICTURES, candidates)
    pictures_by_hit = {hit: pictures.get((hit.space, hit.number)) for hit in candidates}
    hash_distances = {
        pictures_by_hit[hit]: round(hit.distance) for hit in reversed(candidates) if hit.space == PHASH.id
    }
    nearest_pictures = iterate_distinct(candidates, pictures_by_hit.get, MAX_PICTURES)
    search.distances = {picture: hash_distances.get(picture, NO_HASH_DISTANCE) for picture in nearest_pictures}
    promising_pictures = {pictures_by_hit[hit] for hit in candidates if is_promising(hit)}
    search.promising_pictures = {picture for picture in search.distances if picture in promising_pictures}
    search.skipped_pictures = {
        picture for picture in pictures_by_hit.values() if picture is not None
    } - search.distances.keys()
    _save_progress(search, vectors=vector_count, alike=len(search.distances))


def _continue_search(services: Services, search: WorkSearch, deadline: float) -> None:
    if "related" not in search.row.progress:
        _save_progress(search, related=record_relations(services, search.row, search.features))
    compared_ids = match_storage.list_compared_pictures(search.row.picture_id, PIPELINE) & search.distances.keys()
    uncompared_ids = [picture for picture in search.distances if picture not in compared_ids]
    states = [BytesState.STORED, BytesState.EXPIRED]
    pictures_by_id = (
        Picture.objects.only("digest", "thumbnail", "bytes_state")
        .filter(bytes_state__in=states)
        .in_bulk(uncompared_ids)
    )
    stored_pictures = [
        pictures_by_id[pk]
        for pk in uncompared_ids
        if pk in pictures_by_id and pictures_by_id[pk].bytes_state == BytesState.STORED
    ]
    is_first_pass = "at_once" not in search.row.progress and len(stored_pictures) > MAX_AT_ONCE
    promising_pictures = [picture for picture in stored_pictures if picture.pk in search.promising_pictures]
    compared_pictures = promising_pictures[:MAX_AT_ONCE] if is_first_pass else stored_pictures
    for start in range(0, len(compared_pictures), STORE_BATCH_SIZE):
        batch = compared_pictures[start : start + STORE_BATCH_SIZE]
        _compare_pictures(services, search, batch)
        _save_progress(search, compared=len(compared_ids) + start + len(batch))
        if time.monotonic() > deadline:
            steps.postpone_by_id(WorkPicture, search.row.pk, now())
            return
    if is_first_pass:
        with transaction.atomic():
            _send_signal(services, search)
            _save_progress(search, at_once=len(compared_pictures))
            steps.postpone_by_id(WorkPicture, search.row.pk, now())
        return
    expired_ids = [
        pk for pk in uncompared_ids if pk in pictures_by_id and pictures_by_id[pk].bytes_state == BytesState.EXPIRED
    ]
    visible_ids = revisits.filter_visible_pictures(search.row.work.owner_id, expired_ids)
    expired_pictures = [pictures_by_id[pk] for pk in expired_ids if pk in visible_ids]
    revisit_candidates = list(_iterate_revisit_candidates(services, search, expired_pictures))
    contributed_urls = _list_contributed_urls([pk for pk in expired_ids if pk not in visible_ids][:MAX_REQUESTS])
    with transaction.atomic():
        _send_signal(services, search)
        revisits.request_pictures_again(search.row.work.owner_id, search.row.picture_id, revisit_candidates)
        if contributed_urls:
            revisits.queue_visits(search.row.work.owner_id, contributed_urls)
        _save_progress(search, expired=len(expired_pictures), requested_again=len(revisit_candidates))
        steps.finish(WorkPicture, [search.row.pk])


def _list_contributed_urls(pictures: Iterable[int]) -> list[tuple[str, str]]:
    """Return the (page, image) URLs at which contributors saw pictures whose bytes were never stored here."""
    pictures_seen = Picture.objects.filter(
        pk__in=list(pictures), edgeresult__outcome="kept", edgeresult__target__isnull=False
    )
    return list(pictures_seen.values_list("edgeresult__target__page_url", "edgeresult__target__url"))


def _send_signal(services: Services, search: WorkSearch) -> None:
    """Send the signal for stored matches, and mark skipped candidates for another search. Call it in a transaction."""
    matching_pictures = match_storage.list_matching_pictures(search.row.picture_id)
    match_storage.lock_pictures({*matching_pictures, *search.skipped_pictures})
    Picture.objects.filter(pk__in=search.skipped_pictures).update(searched="")
    if matching_pictures:
        match_storage.matches_stored.send(None, services=services, registered=[search.row.picture_id])


def _compare_pictures(services: Services, search: WorkSearch, pictures: Sequence[Picture]) -> None:
    """Compare a work with some pictures and store the results, in its own transaction."""
    rows, works = [], RegisteredWorks(services, registered_pictures={search.row.picture_id: search.registered_picture})
    for picture in pictures:
        try:
            features = extract(services.blobs.get(picture.digest), services.limits)
            rows.append(
                (
                    search.row.picture_id,
                    picture.pk,
                    works.compare_pair(features, search.row.picture_id, search.features),
                )
            )
        except ExhibitError as error:  # expired in the meantime, or damaged after it was measured
            if describe_machine_fault(error):
                raise
            search.skipped_pictures.add(picture.pk)
    with transaction.atomic():
        match_storage.store_matches(rows)


def _iterate_revisit_candidates(
    services: Services, search: WorkSearch, expired_pictures: Sequence[Picture]
) -> Iterator[RevisitCandidate]:
    """Yield pictures whose small copy resembles the work, or that have no small copy; most likely matches first."""
    count = 0
    for position, picture in enumerate(expired_pictures[:MAX_SMALL_COPIES]):
        if count == MAX_REQUESTS:
            return
        if position % STORE_BATCH_SIZE == 0:
            _save_progress(search)
        verification = _compare_small_copy(services, search, picture)
        if verification is not None and verification.decision is Decision.NONE:
            continue
        count += 1
        measurements = (None, None) if verification is None else (verification.inliers, verification.dense)
        yield RevisitCandidate(picture.pk, search.distances[picture.pk], *measurements)


def _compare_small_copy(services: Services, search: WorkSearch, picture: Picture) -> Verification | None:
    """Return the comparison with the stored small copy, or ``None`` without a readable small copy."""
    if picture.thumbnail is None:
        return None
    with suppress(ExhibitError):
        small_features = extract(services.blobs.get(picture.thumbnail), services.limits)
        works = RegisteredWorks(services, registered_pictures={search.row.picture_id: search.registered_picture})
        return works.compare_pair(small_features, search.row.picture_id, search.features)
    return None


def _save_progress(search: WorkSearch, **counts: int) -> None:
    """Store the progress of a search, and renew the claim of its row."""
    search.row.progress = {**search.row.progress, **counts}
    WorkPicture.objects.filter(pk=search.row.pk).update(progress=search.row.progress, claimed_at=now())
