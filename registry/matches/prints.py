"""Matches of fingerprints declared without a picture: a few pictures for each work, for manual review only.

Vectors that match too many pictures are no longer searched, because they would match anything.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np
from django.db import transaction
from django.db.models import Count

from exhibit.types import Hit, Space, Verification
from indexer.picture.features import Features
from indexer.picture.spaces import PHASH
from indexer.search.candidates import asked
from indexer.search.prints import DESCRIPTOR_WITHIN, HASH_WITHIN, all_turned, resembling
from registry.db import steps
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.models import FingerprintRow
from registry.fingerprints.ports import get_descriptors, get_indexes
from registry.matches import keep_matches
from registry.matches.models import Match
from registry.pictures.models import Picture
from registry.services.services import Services
from registry.works.models import WorkPicture

MAX_FOUND = 200
"""Maximum number of pictures that a work's fingerprints may match in total."""
NEAREST = 20
"""Number of works per hash and descriptor of a found picture."""
Pairs = list[tuple[int, int, Verification]]


def found_in(services: Services, measured: Sequence[tuple[Picture, Features]]) -> Pairs:
    """Match found pictures with declared fingerprints: (placeholder of the registered picture, found, verification).

    Plain pictures, which all look alike, are skipped. The pictures' own vectors must have been committed.
    """
    get_indexes(services).refresh(Collection.PRINTS)
    hashes, described = (get_indexes(services).of(Collection.PRINTS, space) for space in get_indexes(services).spaces)
    some = [(row, features) for row, features in measured if len(hashes) and not features.is_icon]
    alike = asked(hashes, [features.hash_variants for _, features in some], NEAREST, HASH_WITHIN)
    vectors_of = [np.stack(list(features.embeddings.values())) for _, features in some]
    likened = asked(described, vectors_of, NEAREST, DESCRIPTOR_WITHIN)
    pairs: Pairs = []
    for (row, features), near, like in zip(some, alike, likened, strict=True):
        if any((*near, *like)) and not features.too_plain:
            hit_pictures = _named(services, Collection.PRINTS, near, like)
            stated = WorkPicture.objects.filter(picture__in={*hit_pictures[0], *hit_pictures[1]}, stated=row.digest)
            same = stated.values_list("picture", flat=True).first()
            pairs += [(work, row.pk, verification) for work, verification in resembling(*hit_pictures, same).items()]
    return _few(pairs)


def search_past(services: Services, row: WorkPicture) -> None:
    """Search previously seen pictures by a work's declared fingerprints, once.

    The index of pictures must be current.
    """
    stored = FingerprintRow.objects.filter(picture=row.picture_id)
    codes = [bytes(code) for code in stored.filter(space=vectors.space_id(PHASH)).values_list("vector", flat=True)]
    serving: Space = get_descriptors(services).serving.space
    looks = stored.filter(space=vectors.space_id(serving)).values_list("vector", flat=True)
    hashes, described = (get_indexes(services).of(Collection.PICTURES, space) for space in get_indexes(services).spaces)
    near = hashes.search(all_turned(codes), k=MAX_FOUND + 1, within=HASH_WITHIN)
    vector = np.array([np.frombuffer(bytes(look), "<f4") for look in looks], np.float32).reshape(-1, serving.width)
    like = described.search(vector, k=MAX_FOUND + 1, within=DESCRIPTOR_WITHIN) if len(vector) else []
    same = Picture.objects.filter(digest=row.stated).values_list("pk", flat=True).first()
    verifications = resembling(*_named(services, Collection.PICTURES, near, like), same)
    with transaction.atomic():
        keep_matches.lock_pictures(verifications)
        keep_matches.keep_matches(_few([(row.picture_id, found, one) for found, one in verifications.items()]))
        keep_matches.matches_kept.send(None, services=services, registered=[row.picture_id])
        row.refresh_from_db(fields=["progress"])
        row.progress = {**row.progress, "alike": len(verifications), "compared": len(verifications)}
        WorkPicture.objects.filter(pk=row.pk).update(progress=row.progress)
        steps.finish(WorkPicture, [row.pk])


def _few(pairs: Pairs) -> Pairs:
    """Return the pairs of works with few enough matches; other works are removed from the search."""
    kept = dict(
        Match.objects.filter(registered__in={work for work, _, _ in pairs})
        .exclude(found__in={found for _, found, _ in pairs})  # these are compared again
        .values_list("registered")
        .annotate(Count("pk"))
    )
    found: Mapping[int, list[int]] = defaultdict(list)
    for work, picture, _ in pairs:
        found[work].append(picture)
    many = {work for work, pictures in found.items() if len(pictures) + kept.get(work, 0) > MAX_FOUND}
    if many:
        with transaction.atomic():
            vectors.remove_from(Collection.PRINTS, sorted(many))
            for row in WorkPicture.objects.select_for_update(no_key=True).filter(picture__in=many).order_by("pk"):
                WorkPicture.objects.filter(pk=row.pk).update(progress={**row.progress, "stopped": MAX_FOUND})
    return [pair for pair in pairs if pair[0] not in many]


def _named(
    services: Services, collection: Collection, near: Iterable[list[Hit]], like: Iterable[list[Hit]]
) -> tuple[dict[int, int], set[int]]:
    """Return the pictures of hits: by hash, with the smallest distance in bits for each, and by descriptor."""
    hashes, described = get_indexes(services).spaces
    by_hash = sorted(chain(*near), key=lambda hit: -hit.distance)
    by_look = {hit.number for hit in chain(*like)}
    pictures = vectors.pictures_of(collection, hashes, {hit.number for hit in by_hash})
    bits = {pictures[hit.number]: round(hit.distance) for hit in by_hash if hit.number in pictures}
    return bits, set(vectors.pictures_of(collection, described, by_look).values())
