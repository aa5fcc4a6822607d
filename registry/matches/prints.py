"""What fingerprints that were only stated find: pictures that a person looks at, few of each work, and no more.

Vectors that would name everything name too many: then nothing is looked for by them any more.
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
"""Different pictures that the fingerprints of a work may find, all in all."""
NEAREST = 20
"""Works for each hash and descriptor of a found picture."""
Pairs = list[tuple[int, int, Verification]]


def found_in(services: Services, measured: Sequence[tuple[Picture, Features]]) -> Pairs:
    """What found pictures resemble by stated fingerprints: (stands for the registered one, found, what is said).

    Plain pictures, which all look alike, resemble nothing. The pictures' own vectors have to be committed.
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
            named = _named(services, Collection.PRINTS, near, like)
            stated = WorkPicture.objects.filter(picture__in={*named[0], *named[1]}, stated=row.digest)
            same = stated.values_list("picture", flat=True).first()
            pairs += [(work, row.pk, said) for work, said in resembling(*named, same).items()]
    return _few(pairs)


def search_past(services: Services, row: WorkPicture) -> None:
    """Look for what was seen before by a work's stated fingerprints, once.

    The pictures' index has to be fresh.
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
    said = resembling(*_named(services, Collection.PICTURES, near, like), same)
    with transaction.atomic():
        keep_matches.lock_pictures(said)
        keep_matches.keep_matches(_few([(row.picture_id, found, one) for found, one in said.items()]))
        keep_matches.matches_kept.send(None, services=services, registered=[row.picture_id])
        row.refresh_from_db(fields=["progress"])
        row.progress = {**row.progress, "alike": len(said), "compared": len(said)}
        WorkPicture.objects.filter(pk=row.pk).update(progress=row.progress)
        steps.finish(WorkPicture, [row.pk])


def _few(pairs: Pairs) -> Pairs:
    """The pairs of works that find few enough; the others aren't looked for any more."""
    kept = dict(
        Match.objects.filter(registered__in={work for work, _, _ in pairs})
        .exclude(found__in={found for _, found, _ in pairs})  # looked at again
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
    """The pictures of hits: by hash, with the fewest bits by which each differs, and by descriptor."""
    hashes, described = get_indexes(services).spaces
    by_hash = sorted(chain(*near), key=lambda hit: -hit.distance)
    by_look = {hit.number for hit in chain(*like)}
    pictures = vectors.pictures_of(collection, hashes, {hit.number for hit in by_hash})
    bits = {pictures[hit.number]: round(hit.distance) for hit in by_hash if hit.number in pictures}
    return bits, set(vectors.pictures_of(collection, described, by_look).values())
