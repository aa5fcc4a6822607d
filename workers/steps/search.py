"""A new work searches every picture that was ever seen."""

from collections.abc import Sequence
from contextlib import suppress

from django.db import transaction

from exhibit.errors import ExhibitError
from indexer.candidates import NEW_WORK, distinct, find_candidates
from indexer.features import extract
from indexer.spaces import PIPELINE
from registry import fingerprints as vectors
from registry import matching, steps
from registry.models import BytesState, Picture, WorkPicture
from workers.steps.match import compared, registered_features
from workers.wiring import House

Collection = vectors.Collection
MOST = 2000
"""Pictures that are verified for one new work."""

KEPT_TOGETHER = 50
"""Comparisons that are recorded together: what one break-off costs at most."""


def search_pictures(house: House, ids: Sequence[int]) -> None:
    """Search the pictures already seen for each new picture of a work, and open the cases that follow.

    The work's own fingerprints were committed before; with the pictures' commit-before-search in
    :mod:`workers.steps.match`, whichever of the two came later sees the other.
    """
    for pk in steps.claim(WorkPicture, ids, house.stale_after):
        try:
            _search(house, WorkPicture.objects.select_related("picture").get(pk=pk))
        except ExhibitError as error:
            steps.fail(WorkPicture, pk, str(error), retry=error.retry)


def _search(house: House, row: WorkPicture) -> None:
    house.descriptors.refresh()
    house.indexes.refresh(Collection.PICTURES)
    features = registered_features(house, row.picture.digest)
    hashes, descriptors = (house.indexes.of(Collection.PICTURES, space) for space in house.indexes.spaces)
    candidates = find_candidates(features, hashes, descriptors, NEW_WORK)
    pictures = house.indexes.pictures(Collection.PICTURES, candidates)
    wanted = list(distinct(candidates, lambda one: pictures.get((one.space, one.number)), MOST))
    known = {found for _, found in matching.known_pairs(PIPELINE, wanted, [row.picture_id])}
    unknown = Picture.objects.filter(pk__in=set(wanted) - known, bytes_state=BytesState.STORED)
    new = list(unknown.order_by("pk"))
    for start in range(0, len(new), KEPT_TOGETHER):
        rows = []
        for found in new[start : start + KEPT_TOGETHER]:
            with suppress(ExhibitError):  # expired a moment ago, or damaged since it was measured
                seen = extract(house.blobs.get(found.digest), house.limits)
                rows.append((row.picture_id, found.pk, compared(house, seen, features)))
        with transaction.atomic():  # so that a search that takes long goes on where it was broken off
            matching.keep_matches(rows)
    with transaction.atomic():
        matching.lock_pictures(wanted)
        captures = matching.open_cases(registered=[row.picture_id])
        steps.finish(WorkPicture, [row.pk])
    house.hint("capture", captures)
