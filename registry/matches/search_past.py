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
from indexer.search.candidates import Candidate, distinct
from indexer.search.past import WorkQueries, is_promising, search_past
from registry.crawls import revisits
from registry.crawls.revisits import Resembling
from registry.db import steps
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.ports import get_descriptors, get_indexes
from registry.matches import keep_matches, prints
from registry.matches.registered_works import RegisteredWorks, note_relations, queries_of
from registry.pictures.models import BytesState, Picture
from registry.services.services import Services
from registry.works.marks import RegisteredPicture, registered
from registry.works.models import WorkPicture

MAX_PICTURES = 2000  # maximum number of pictures verified for one new work
MAX_AGAIN = 100  # maximum number of pictures without bytes requested again for one new work, the best first
MAX_SMALL = 500  # maximum number of pictures without bytes whose small copies are compared for one new work
MAX_AT_ONCE = 30
"""Number of pictures compared with a new work before other new works get their turn.

This many cases may be opened before the flood limit (``Config.flood_floor``) applies to all. Works with fewer
candidates are compared with all.
"""
KEPT_TOGETHER = 50  # comparisons stored together: the most that an interruption can cost
SECONDS = 60.0
"""Seconds after which a search yields to others, to be continued later."""
NOT_NEAR = 256


@dataclass(slots=True)
class Sought:
    """A registered picture for which the past is searched."""

    row: WorkPicture
    known: RegisteredPicture
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

    Candidates that were left out are searched again when they are seen again. After ``SECONDS``, other works get their
    turn: each call advances its first work by at least one step.

    The work's own fingerprints were committed before. Together with the commit-before-search order for pictures in
    :mod:`registry.matches.match`, this ensures that the later of the two finds the other.
    """
    claimed = steps.claim(WorkPicture, ids, services.stale_after)
    if not claimed:
        return
    until = time.monotonic() + SECONDS
    sought: list[Sought] = []
    with steps.ending(WorkPicture, claimed, shared=True):
        try:
            get_descriptors(services).refresh()
            get_descriptors(services).serving.open()
            get_indexes(services).refresh(Collection.PICTURES)
            get_indexes(services).refresh(Collection.WORKS)
            _by_prints(services, claimed)
            searches = list(_sought(services, claimed))
            _resembling(services, searches)
            sought = searches
        except ExhibitError:
            get_indexes(services).forget(Collection.PICTURES)
            raise
    for place, work in enumerate(sought):
        with steps.ending(WorkPicture, [work.row.pk]):
            if place and time.monotonic() > until:
                steps.wait(WorkPicture, work.row.pk, now())
            else:
                _search(services, work, until)


def _sought(services: Services, ids: Iterable[int]) -> Iterator[Sought]:
    """Yield each registered picture's search; damage in one does not affect the others."""
    rows = list(WorkPicture.objects.select_related("work").filter(pk__in=list(ids)).order_by("pk"))
    pictures = registered(row.picture_id for row in rows)
    for row in rows:
        with steps.ending(WorkPicture, [row.pk]):
            queries, features = queries_of(services, pictures[row.picture_id])
            yield Sought(row, pictures[row.picture_id], features, queries)


def _by_prints(services: Services, ids: list[int]) -> None:
    """Search for works declared by fingerprints only, and remove them from ``ids``."""
    for row in WorkPicture.objects.filter(pk__in=ids).exclude(stated=None):
        ids.remove(row.pk)
        with steps.ending(WorkPicture, [row.pk]):
            prints.search_past(services, row)


def _resembling(services: Services, sought: Sequence[Sought]) -> None:
    """Set the candidates of each registered picture, in one shared pass over the indexes."""
    hashes = get_indexes(services).of(Collection.PICTURES, PHASH)
    descriptors = get_indexes(services).of(Collection.PICTURES, get_descriptors(services).serving.space)
    vectors, candidate_lists = len(hashes), search_past([work.queries for work in sought], hashes, descriptors)
    for work, candidates in zip(sought, candidate_lists, strict=True):
        _note(services, work, candidates, vectors)


def _note(services: Services, work: Sought, candidates: Sequence[Candidate], vectors: int) -> None:
    pictures = get_indexes(services).pictures(Collection.PICTURES, candidates)
    pictures_by_hit = {hit: pictures.get((hit.space, hit.number)) for hit in candidates}
    bits = {pictures_by_hit[hit]: round(hit.distance) for hit in reversed(candidates) if hit.space == PHASH.id}
    nearest = distinct(candidates, pictures_by_hit.get, MAX_PICTURES)
    work.distances = {picture: bits.get(picture, NOT_NEAR) for picture in nearest}
    resembles_much = {pictures_by_hit[hit] for hit in candidates if is_promising(hit)}
    work.promising = {picture for picture in work.distances if picture in resembles_much}
    work.left_out = {picture for picture in pictures_by_hit.values() if picture is not None} - work.distances.keys()
    _tell(work, vectors=vectors, alike=len(work.distances))


def _search(services: Services, work: Sought, until: float) -> None:
    if "related" not in work.row.progress:
        _tell(work, related=note_relations(services, work.row, work.features))
    compared = keep_matches.compared_with(work.row.picture_id, PIPELINE) & work.distances.keys()
    uncompared = [picture for picture in work.distances if picture not in compared]
    states = [BytesState.STORED, BytesState.EXPIRED]
    rows = Picture.objects.only("digest", "thumbnail", "bytes_state").filter(bytes_state__in=states).in_bulk(uncompared)
    stored = [rows[pk] for pk in uncompared if pk in rows and rows[pk].bytes_state == BytesState.STORED]
    is_first = "at_once" not in work.row.progress and len(stored) > MAX_AT_ONCE
    promising = [picture for picture in stored if picture.pk in work.promising]
    chosen = promising[:MAX_AT_ONCE] if is_first else stored
    for start in range(0, len(chosen), KEPT_TOGETHER):
        some = chosen[start : start + KEPT_TOGETHER]
        _compare(services, work, some)
        _tell(work, compared=len(compared) + start + len(some))
        if time.monotonic() > until:
            steps.wait(WorkPicture, work.row.pk, now())
            return
    if is_first:
        with transaction.atomic():
            _announce(services, work)
            _tell(work, at_once=len(chosen))
            steps.wait(WorkPicture, work.row.pk, now())
        return
    gone = [pk for pk in uncompared if pk in rows and rows[pk].bytes_state == BytesState.EXPIRED]
    visible = revisits.seen_by(work.row.work.owner_id, gone)
    expired = [rows[pk] for pk in gone if pk in visible]
    again = list(_worth_asking(services, work, expired))
    contributed = _contributed([pk for pk in gone if pk not in visible][:MAX_AGAIN])
    with transaction.atomic():
        _announce(services, work)
        revisits.ask_again(work.row.work.owner_id, work.row.picture_id, again)
        if contributed:
            revisits.visit(work.row.work.owner_id, contributed)
        _tell(work, expired=len(expired), asked_again=len(again))
        steps.finish(WorkPicture, [work.row.pk])


def _contributed(pictures: Iterable[int]) -> list[tuple[str, str]]:
    """Return the (page, image) URLs at which contributors saw pictures whose bytes were never stored here."""
    pictures_seen = Picture.objects.filter(
        pk__in=list(pictures), edgeresult__outcome="kept", edgeresult__target__isnull=False
    )
    return list(pictures_seen.values_list("edgeresult__target__page_url", "edgeresult__target__url"))


def _announce(services: Services, work: Sought) -> None:
    """Send the signal for stored matches, and mark omitted candidates for another search. Call it in a transaction."""
    matching = keep_matches.found_to_show(work.row.picture_id)
    keep_matches.lock_pictures({*matching, *work.left_out})
    Picture.objects.filter(pk__in=work.left_out).update(searched="")
    if matching:
        keep_matches.matches_kept.send(None, services=services, registered=[work.row.picture_id])


def _compare(services: Services, work: Sought, pictures: Sequence[Picture]) -> None:
    """Compare a work with some pictures and store the results, in its own transaction."""
    rows, works = [], RegisteredWorks(services, known={work.row.picture_id: work.known})
    for found in pictures:
        try:
            features = extract(services.blobs.get(found.digest), services.limits)
            rows.append(
                (work.row.picture_id, found.pk, works.compare_alone(features, work.row.picture_id, work.features))
            )
        except ExhibitError as error:  # just expired, or damaged since it was measured
            if machine_fault(error):
                raise
            work.left_out.add(found.pk)
    with transaction.atomic():
        keep_matches.keep_matches(rows)


def _worth_asking(services: Services, work: Sought, expired: Sequence[Picture]) -> Iterator[Resembling]:
    """Yield pictures whose small copy also resembles the work, or that have none; the most promising first."""
    count = 0
    for place, picture in enumerate(expired[:MAX_SMALL]):
        if count == MAX_AGAIN:
            return
        if place % KEPT_TOGETHER == 0:
            _tell(work)
        small = _small_copy(services, work, picture)
        if small is not None and small.decision is Decision.NONE:
            continue
        count += 1
        figures = (None, None) if small is None else (small.inliers, small.dense)
        yield Resembling(picture.pk, work.distances[picture.pk], *figures)


def _small_copy(services: Services, work: Sought, picture: Picture) -> Verification | None:
    """Return the comparison with the stored small copy, or ``None`` if there is none that can be read."""
    if picture.thumbnail is None:
        return None
    with suppress(ExhibitError):
        small = extract(services.blobs.get(picture.thumbnail), services.limits)
        works = RegisteredWorks(services, known={work.row.picture_id: work.known})
        return works.compare_alone(small, work.row.picture_id, work.features)
    return None


def _tell(work: Sought, **counts: int) -> None:
    """Store the progress of a search, and renew its claim."""
    work.row.progress = {**work.row.progress, **counts}
    WorkPicture.objects.filter(pk=work.row.pk).update(progress=work.row.progress, claimed_at=now())
