"""New works search every picture that was ever seen, several works in one pass over the indexes."""

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

MAX_PICTURES = 2000  # pictures that are verified for one new work
MAX_AGAIN = 100  # pictures without bytes that are asked for again for one new work, the most promising ones
MAX_SMALL = 500  # pictures without bytes whose small copies are looked at for one new work
MAX_AT_ONCE = 30
"""Pictures that are compared with one new work before other new works have had as many: so many cases may be opened
before the fuse (``Config.flood_floor``) is asked about all. A work that resembles no more is compared with all."""
KEPT_TOGETHER = 50  # comparisons that are recorded together: what one break-off costs at most
SECONDS = 60.0
"""After so long a search lets others go first, and goes on later with what it hasn't compared yet."""
NOT_NEAR = 256


@dataclass(slots=True)
class Sought:
    """A registered picture whose past is searched."""

    row: WorkPicture
    known: RegisteredPicture
    features: Features
    queries: WorkQueries
    distances: dict[int, int] = field(default_factory=dict)  # best first: bits or, beyond 256, by descriptor alone
    promising: set[int] = field(default_factory=set)  # of these
    left_out: set[int] = field(default_factory=set)  # resemble it too, and couldn't be compared or were too many


def search_pictures(services: Services, ids: Sequence[int]) -> None:
    """Search the pictures already seen for each new picture of a work, and open the cases that follow.

    1. Claim; measure the works; search both indexes for all of them at once. Note what each is to its owner's others.
    2. Compare each with the pictures that it resembles, from stored bytes. Where these are many, the few that it
       resembles most come first, and their cases are opened: a hundredth of the comparisons finds nine tenths. The
       others have their turn once every work has got so far. What was compared is kept now and then, so that a search
       that is broken off goes on where it was.
    3. Pictures whose bytes have expired are compared by the small copy that stays; those that still resemble the work
       are asked for again where they were seen (:mod:`registry.crawls.revisits`), and so is what contributors measured.

    What had to be left out is searched for again when it is seen again. After ``SECONDS`` others have their turn: each
    call brings the first of its works at least one step further.

    The work's own fingerprints were committed before; with the pictures' commit-before-search in
    :mod:`registry.matches.match`, whichever of the two came later sees the other.
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
            found = list(_sought(services, claimed))
            _resembling(services, found)
            sought = found
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
    """What each registered picture searches with; damage in one stops nobody else."""
    rows = list(WorkPicture.objects.select_related("work").filter(pk__in=list(ids)).order_by("pk"))
    known = registered(row.picture_id for row in rows)
    for row in rows:
        with steps.ending(WorkPicture, [row.pk]):
            queries, features = queries_of(services, known[row.picture_id])
            yield Sought(row, known[row.picture_id], features, queries)


def _by_prints(services: Services, ids: list[int]) -> None:
    """Search for the works of which only fingerprints were stated, and take them off the list."""
    for row in WorkPicture.objects.filter(pk__in=ids).exclude(stated=None):
        ids.remove(row.pk)
        with steps.ending(WorkPicture, [row.pk]):
            prints.search_past(services, row)


def _resembling(services: Services, sought: Sequence[Sought]) -> None:
    """Fill in what resembles each registered picture; all of them share one pass over the indexes."""
    hashes = get_indexes(services).of(Collection.PICTURES, PHASH)
    descriptors = get_indexes(services).of(Collection.PICTURES, get_descriptors(services).serving.space)
    vectors, found = len(hashes), search_past([work.queries for work in sought], hashes, descriptors)
    for work, candidates in zip(sought, found, strict=True):
        _note(services, work, candidates, vectors)


def _note(services: Services, work: Sought, candidates: Sequence[Candidate], vectors: int) -> None:
    pictures = get_indexes(services).pictures(Collection.PICTURES, candidates)
    named = {hit: pictures.get((hit.space, hit.number)) for hit in candidates}
    bits = {named[hit]: round(hit.distance) for hit in reversed(candidates) if hit.space == PHASH.id}
    nearest = distinct(candidates, named.get, MAX_PICTURES)
    work.distances = {picture: bits.get(picture, NOT_NEAR) for picture in nearest}
    resembles_much = {named[hit] for hit in candidates if is_promising(hit)}
    work.promising = {picture for picture in work.distances if picture in resembles_much}
    work.left_out = {picture for picture in named.values() if picture is not None} - work.distances.keys()
    _tell(work, vectors=vectors, alike=len(work.distances))


def _search(services: Services, work: Sought, until: float) -> None:
    if "related" not in work.row.progress:
        _tell(work, related=note_relations(services, work.row, work.features))
    known = keep_matches.compared_with(work.row.picture_id, PIPELINE) & work.distances.keys()
    wanted = [picture for picture in work.distances if picture not in known]
    states = [BytesState.STORED, BytesState.EXPIRED]
    rows = Picture.objects.only("digest", "thumbnail", "bytes_state").filter(bytes_state__in=states).in_bulk(wanted)
    stored = [rows[pk] for pk in wanted if pk in rows and rows[pk].bytes_state == BytesState.STORED]
    is_first = "at_once" not in work.row.progress and len(stored) > MAX_AT_ONCE
    promising = [picture for picture in stored if picture.pk in work.promising]
    chosen = promising[:MAX_AT_ONCE] if is_first else stored
    for start in range(0, len(chosen), KEPT_TOGETHER):
        some = chosen[start : start + KEPT_TOGETHER]
        _compare(services, work, some)
        _tell(work, compared=len(known) + start + len(some))
        if time.monotonic() > until:
            steps.wait(WorkPicture, work.row.pk, now())
            return
    if is_first:
        with transaction.atomic():
            _announce(services, work)
            _tell(work, at_once=len(chosen))
            steps.wait(WorkPicture, work.row.pk, now())
        return
    gone = [pk for pk in wanted if pk in rows and rows[pk].bytes_state == BytesState.EXPIRED]
    seen = revisits.seen_by(work.row.work.owner_id, gone)
    expired = [rows[pk] for pk in gone if pk in seen]
    again = list(_worth_asking(services, work, expired))
    contributed = _contributed([pk for pk in gone if pk not in seen][:MAX_AGAIN])
    with transaction.atomic():
        _announce(services, work)
        revisits.ask_again(work.row.work.owner_id, work.row.picture_id, again)
        if contributed:
            revisits.visit(work.row.work.owner_id, contributed)
        _tell(work, expired=len(expired), asked_again=len(again))
        steps.finish(WorkPicture, [work.row.pk])


def _contributed(pictures: Iterable[int]) -> list[tuple[str, str]]:
    """Return the (page, image) addresses at which contributors saw pictures whose bytes never came here."""
    seen = Picture.objects.filter(pk__in=list(pictures), edgeresult__outcome="kept", edgeresult__target__isnull=False)
    return list(seen.values_list("edgeresult__target__page_url", "edgeresult__target__url"))


def _announce(services: Services, work: Sought) -> None:
    """Say what was found, and note what has to be searched for when it is seen again. Inside a transaction."""
    shown = keep_matches.found_to_show(work.row.picture_id)
    keep_matches.lock_pictures({*shown, *work.left_out})
    Picture.objects.filter(pk__in=work.left_out).update(searched="")
    if shown:
        keep_matches.matches_kept.send(None, services=services, registered=[work.row.picture_id])


def _compare(services: Services, work: Sought, pictures: Sequence[Picture]) -> None:
    """Compare with some pictures and keep what came of it, in a transaction of its own."""
    rows, works = [], RegisteredWorks(services, known={work.row.picture_id: work.known})
    for found in pictures:
        try:
            seen = extract(services.blobs.get(found.digest), services.limits)
            rows.append((work.row.picture_id, found.pk, works.compare_alone(seen, work.row.picture_id, work.features)))
        except ExhibitError as error:  # expired a moment ago, or damaged since it was measured
            if machine_fault(error):
                raise
            work.left_out.add(found.pk)
    with transaction.atomic():
        keep_matches.keep_matches(rows)


def _worth_asking(services: Services, work: Sought, expired: Sequence[Picture]) -> Iterator[Resembling]:
    """Those whose small copy resembles the work too, or that have none; the most promising first."""
    asked = 0
    for place, picture in enumerate(expired[:MAX_SMALL]):
        if asked == MAX_AGAIN:
            return
        if place % KEPT_TOGETHER == 0:
            _tell(work)
        small = _small_copy(services, work, picture)
        if small is not None and small.decision is Decision.NONE:
            continue
        asked += 1
        figures = (None, None) if small is None else (small.inliers, small.dense)
        yield Resembling(picture.pk, work.distances[picture.pk], *figures)


def _small_copy(services: Services, work: Sought, picture: Picture) -> Verification | None:
    """What comparing the small copy that stayed says, or ``None`` when there is none that can be read."""
    if picture.thumbnail is None:
        return None
    with suppress(ExhibitError):
        small = extract(services.blobs.get(picture.thumbnail), services.limits)
        works = RegisteredWorks(services, known={work.row.picture_id: work.known})
        return works.compare_alone(small, work.row.picture_id, work.features)
    return None


def _tell(work: Sought, **counts: int) -> None:
    """Keep how far the search is, for whoever looks; and that whoever searches is alive."""
    work.row.progress = {**work.row.progress, **counts}
    WorkPicture.objects.filter(pk=work.row.pk).update(progress=work.row.progress, claimed_at=now())
