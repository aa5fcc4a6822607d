"""Crawled pictures: decode, fingerprint, search the works, verify, and open the cases that follow."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ExhibitError, UnreadablePictureError
from exhibit.ports import VectorIndex
from exhibit.types import Verification
from indexer.candidates import Candidate, hash_candidates
from indexer.features import Features, extract, fingerprints
from indexer.search import compare, find_works
from indexer.spaces import PHASH, PICTURE_PARTS
from indexer.votes_index import VoteIndex
from registry import fingerprints as vectors
from registry import matching, steps
from registry.models import Picture
from workers.descriptors import SwitchedError
from workers.marks import with_marks
from workers.searches import search_mark
from workers.wiring import House

Collection = vectors.Collection


@dataclass(frozen=True, slots=True)
class Measured:
    """A picture that could be read."""

    row: Picture
    features: Features


def match_pictures(house: House, ids: Sequence[int]) -> None:
    """Match a batch of pictures against all works.

    0. Those that need no other search than they had only need cases for what was seen of them since: works that came
       later have searched for them (:mod:`workers.steps.search`).
    1. Claim them; read, decode and measure each. What can't be decoded is done, with the reason.
    2. Keep fingerprints and their places in the index of pictures, and commit: from here on a new work finds them.
    3. Search the works, as they are after that commit; verify the candidates.
    4. Keep the matches and open the cases, with the pictures locked, so that no sighting slips through.
    """
    begun = now()
    claimed = steps.claim(Picture, ids, house.stale_after)
    if not claimed:
        return
    house.descriptors.refresh()
    mark = search_mark()
    known = set(Picture.objects.filter(pk__in=claimed, searched=mark).values_list("pk", flat=True))
    _finish(house, sorted(known), [], mark)
    claimed = [pk for pk in claimed if pk not in known]
    measured = _measure(house, claimed)
    try:
        _keep_fingerprints(house, measured)
    except SwitchedError:
        steps.give_back(Picture, claimed, begun)
        return
    house.indexes.refresh(Collection.WORKS)
    measured, rows = _compared(house, measured)
    _finish(house, [one.row.pk for one in measured], rows, mark)


def _finish(house: House, pictures: Sequence[int], rows: Sequence[tuple[int, int, Verification]], mark: str) -> None:
    """Keep the matches of pictures, open the cases, and note that the pictures are done."""
    with transaction.atomic():
        matching.lock_pictures(pictures)
        matching.keep_matches(rows)
        captures = matching.open_cases(found=pictures)
        Picture.objects.filter(pk__in=pictures).update(searched=mark)
        steps.finish(Picture, pictures)
    house.hint("capture", captures)


def _measure(house: House, ids: Iterable[int]) -> list[Measured]:
    measured = []
    for row in Picture.objects.filter(pk__in=list(ids)).order_by("pk"):
        try:
            measured.append(Measured(row, _features(house, row)))
        except UnreadablePictureError as refused:
            Picture.objects.filter(pk=row.pk).update(refusal=refused.reason)
            steps.finish(Picture, [row.pk])
        except ExhibitError as error:
            steps.fail(Picture, row.pk, str(error), retry=error.retry)
    return measured


def _features(house: House, row: Picture) -> Features:
    if row.work_pictures.exists():
        return house.features.get(row.digest, lambda: house.blobs.get(row.digest))
    return extract(house.blobs.get(row.digest), house.limits, descriptor=house.descriptors.serving)


def _keep_fingerprints(house: House, measured: Sequence[Measured]) -> None:
    with transaction.atomic():
        matching.lock_pictures(one.row.pk for one in measured)
        house.descriptors.check_serving()
        rows = [(one.row.pk, vector) for one in measured for vector in fingerprints(one.row.digest, one.features)]
        vectors.keep_fingerprints(house.indexes.spaces, rows)
        for one in measured:
            info = one.features.info
            one.row.format, one.row.width, one.row.height = info.format, info.width, info.height
        Picture.objects.bulk_update([one.row for one in measured], ["format", "width", "height"])
        vectors.add_to(Collection.PICTURES, [one.row.pk for one in measured], PICTURE_PARTS)


def _compared(house: House, measured: Sequence[Measured]) -> tuple[list[Measured], list[tuple[int, int, Verification]]]:
    """Those that could be compared, and what came of it; damage in one registered picture stops nobody else."""
    works = RegisteredWorks(house)
    hashed = hash_candidates([one.features for one in measured], works.hashes)
    compared, rows = [], []
    for one, candidates in zip(measured, hashed, strict=True):
        try:
            rows += _verified(house, one, works, candidates)
        except ExhibitError as error:
            steps.fail(Picture, one.row.pk, str(error), retry=True)
        else:
            compared.append(one)
    return compared, rows


def _verified(
    house: House, one: Measured, works: "RegisteredWorks", hashed: Sequence[Candidate]
) -> list[tuple[int, int, Verification]]:
    """(registered, found, verification) for each candidate; what is kept of a pair already stays."""
    compared = find_works(one.features, lambda: house.blobs.get(one.row.digest), works, house.limits, hashed)
    return [(registered, one.row.pk, verification) for registered, verification in compared]


class RegisteredWorks:
    """The registered pictures by primary key, as of the last refresh. Implements ``indexer.search.Works``."""

    def __init__(self, house: House) -> None:
        self._house = house

    @property
    def hashes(self) -> VectorIndex:
        """Their hashes."""
        return self._house.indexes.of(Collection.WORKS, PHASH)

    @property
    def descriptors(self) -> VectorIndex:
        """Their descriptors."""
        return self._house.indexes.of(Collection.WORKS, self._house.descriptors.serving.space)

    @property
    def votes(self) -> VoteIndex:
        """Their local features."""
        return self._house.indexes.votes

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], int]:
        """Whose vector each candidate is, by space and number."""
        return self._house.indexes.pictures(Collection.WORKS, candidates)

    def features(self, work: int) -> Features:
        """What was measured of a registered picture."""
        return registered_features(self._house, Picture.objects.values_list("digest", flat=True).get(pk=work))


def compared(house: House, found: Features, registered: Features) -> Verification:
    """Verify a pair, and look closer where the first look leaves a doubt that a second may end."""
    return compare(found, lambda: house.blobs.get(found.digest), registered, house.limits)


def registered_features(house: House, digest: Digest) -> Features:
    """What was measured of a registered picture, from the cache or from its bytes, with its marks."""
    return with_marks(house.features.get(digest, lambda: house.blobs.get(digest)))
