"""Matches of fingerprints that were declared without a picture, for manual review only.

Fingerprints that match too many pictures are no longer searched, because they are not specific.
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
from indexer.search.candidates import query_index
from indexer.search.fingerprint_file import (
    MAX_DESCRIPTOR_DISTANCE,
    MAX_HASH_DISTANCE,
    estimate_all_orientations,
    match_fingerprints,
)
from registry.db import steps
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.models import FingerprintRow
from registry.fingerprints.ports import get_descriptors, get_indexes
from registry.matches import match_storage
from registry.matches.models import Match
from registry.pictures.models import Picture
from registry.services.services import Services
from registry.works.models import WorkPicture

MAX_MATCHES = 200
"""Maximum number of pictures that a work's fingerprints may match in total."""
MAX_NEAREST = 20
"""Maximum number of works found for each hash, and for each descriptor, of a found picture."""
Pairs = list[tuple[int, int, Verification]]


def match_declared_fingerprints(services: Services, measured_pictures: Sequence[tuple[Picture, Features]]) -> Pairs:
    """Match found pictures with declared fingerprints: (placeholder of the registered picture, found, verification).

    Plain pictures, which all look alike, are skipped. The pictures' own vectors must have been committed.
    """
    get_indexes(services).refresh(Collection.PRINTS)
    hashes, descriptors = (
        get_indexes(services).get_index(Collection.PRINTS, space) for space in get_indexes(services).spaces
    )
    comparable_pictures = [
        (row, features) for row, features in measured_pictures if len(hashes) and not features.is_icon
    ]
    hash_hits = query_index(
        hashes, [features.hash_variants for _, features in comparable_pictures], MAX_NEAREST, MAX_HASH_DISTANCE
    )
    embeddings_by_picture = [np.stack(list(features.embeddings.values())) for _, features in comparable_pictures]
    descriptor_hits = query_index(descriptors, embeddings_by_picture, MAX_NEAREST, MAX_DESCRIPTOR_DISTANCE)
    pairs: Pairs = []
    for (row, features), picture_hash_hits, picture_descriptor_hits in zip(
        comparable_pictures, hash_hits, descriptor_hits, strict=True
    ):
        if any((*picture_hash_hits, *picture_descriptor_hits)) and not features.plain_reasons:
            hit_pictures = _resolve_hits(services, Collection.PRINTS, picture_hash_hits, picture_descriptor_hits)
            same_file = WorkPicture.objects.filter(picture__in={*hit_pictures[0], *hit_pictures[1]}, stated=row.digest)
            same_picture = same_file.values_list("picture", flat=True).first()
            pairs += [
                (work, row.pk, verification)
                for work, verification in match_fingerprints(*hit_pictures, same_picture).items()
            ]
    return _drop_unspecific_works(pairs)


def search_seen_pictures(services: Services, row: WorkPicture) -> None:
    """Search all previously seen pictures by a work's declared fingerprints, and store the matches.

    The index of pictures must be up to date.
    """
    fingerprints = FingerprintRow.objects.filter(picture=row.picture_id)
    stored_hashes = [
        bytes(stored_hash)
        for stored_hash in fingerprints.filter(space=vectors.get_space_id(PHASH)).values_list("vector", flat=True)
    ]
    serving: Space = get_descriptors(services).serving.space
    stored_vectors = fingerprints.filter(space=vectors.get_space_id(serving)).values_list("vector", flat=True)
    hashes, descriptors = (
        get_indexes(services).get_index(Collection.PICTURES, space) for space in get_indexes(services).spaces
    )
    hash_hits = hashes.search(estimate_all_orientations(stored_hashes), k=MAX_MATCHES + 1, within=MAX_HASH_DISTANCE)
    embeddings = np.array(
        [np.frombuffer(bytes(stored_vector), "<f4") for stored_vector in stored_vectors], np.float32
    ).reshape(-1, serving.width)
    descriptor_hits = (
        descriptors.search(embeddings, k=MAX_MATCHES + 1, within=MAX_DESCRIPTOR_DISTANCE) if len(embeddings) else []
    )
    same_picture = Picture.objects.filter(digest=row.stated).values_list("pk", flat=True).first()
    verifications = match_fingerprints(
        *_resolve_hits(services, Collection.PICTURES, hash_hits, descriptor_hits), same_picture
    )
    with transaction.atomic():
        match_storage.lock_pictures(verifications)
        match_storage.store_matches(
            _drop_unspecific_works(
                [(row.picture_id, picture, verification) for picture, verification in verifications.items()]
            )
        )
        match_storage.matches_stored.send(None, services=services, registered=[row.picture_id])
        row.refresh_from_db(fields=["progress"])
        row.progress = {**row.progress, "alike": len(verifications), "compared": len(verifications)}
        WorkPicture.objects.filter(pk=row.pk).update(progress=row.progress)
        steps.finish(WorkPicture, [row.pk])


def _drop_unspecific_works(pairs: Pairs) -> Pairs:
    """Return the pairs of works that match few enough pictures, and remove other works from the search."""
    stored_counts = dict(
        Match.objects.filter(registered__in={work for work, _, _ in pairs})
        .exclude(found__in={picture for _, picture, _ in pairs})  # these are counted among the new matches
        .values_list("registered")
        .annotate(Count("pk"))
    )
    new_pictures: Mapping[int, list[int]] = defaultdict(list)
    for work, picture, _ in pairs:
        new_pictures[work].append(picture)
    unspecific_works = {
        work for work, pictures in new_pictures.items() if len(pictures) + stored_counts.get(work, 0) > MAX_MATCHES
    }
    if unspecific_works:
        with transaction.atomic():
            vectors.remove_from_collection(Collection.PRINTS, sorted(unspecific_works))
            for row in (
                WorkPicture.objects.select_for_update(no_key=True).filter(picture__in=unspecific_works).order_by("pk")
            ):
                WorkPicture.objects.filter(pk=row.pk).update(progress={**row.progress, "stopped": MAX_MATCHES})
    return [pair for pair in pairs if pair[0] not in unspecific_works]


def _resolve_hits(
    services: Services, collection: Collection, hash_hits: Iterable[list[Hit]], descriptor_hits: Iterable[list[Hit]]
) -> tuple[dict[int, int], set[int]]:
    """Return the pictures of hash hits with their smallest distances in bits, and the pictures of descriptor hits."""
    hash_space, descriptor_space = get_indexes(services).spaces
    sorted_hash_hits = sorted(chain(*hash_hits), key=lambda hit: -hit.distance)
    hit_numbers = {hit.number for hit in chain(*descriptor_hits)}
    pictures = vectors.map_pictures(collection, hash_space, {hit.number for hit in sorted_hash_hits})
    bits = {pictures[hit.number]: round(hit.distance) for hit in sorted_hash_hits if hit.number in pictures}
    return bits, set(vectors.map_pictures(collection, descriptor_space, hit_numbers).values())
