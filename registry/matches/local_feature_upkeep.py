"""Maintenance of local features: computing missing ones, and training the installation's own codec."""

from django.db import transaction
from django.db.models import QuerySet

from exhibit.errors import ExhibitError
from exhibit.files.locks import FileLock
from indexer.picture.features import compute_local_fingerprint
from indexer.picture.spaces import LOCAL, ROOTSIFT, WORK_PARTS
from indexer.votes.index import VoteIndex
from registry.db.locks import Lock, hold
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.descriptors import find_members
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.indexes import (
    CollectionVectors,
    index_folder,
)
from registry.matches.registered_works import load_registered_features
from registry.pictures.models import Picture
from registry.services.services import Services
from registry.works import search_version
from registry.works.search_version import reset_count

BATCH, MAX_AT_ONCE = 20, 2_000
DAMAGED = "damaged"  # refusal reason if the stored bytes have changed


def get_vote_index(services: Services) -> VoteIndex:
    """Return the index of local features on this machine."""
    return VoteIndex(index_folder(services.config, Collection.WORKS, ROOTSIFT))


def maintain(services: Services) -> None:
    """Compute some missing local features, and retrain the codec if the number of works has grown a lot.

    Runs in the background, and may take hours for very many works. Does nothing if another process is doing it.
    """
    lock = FileLock(services.config.data_dir / "votes.lock")
    if not lock.take():
        return
    try:
        measure_missing(services, MAX_AT_ONCE)
        if (index := get_vote_index(services)).is_outgrown:
            index.rebuild(CollectionVectors(Collection.WORKS, ROOTSIFT))
    finally:
        lock.release()


def measure_missing(services: Services, limit: int | None = None) -> int:
    """Compute missing local features of registered pictures, of at most ``limit``; return the number computed.

    A picture that cannot be read is skipped from then on, with the reason.
    """
    picture_ids = list(list_unmeasured().filter(refusal="").values_list("pk", flat=True)[:limit])
    return sum(_measure(services, picture_ids[start : start + BATCH]) for start in range(0, len(picture_ids), BATCH))


def list_unmeasured() -> QuerySet[Picture]:
    """Return registered pictures without local features; those with a refusal cannot be read."""
    return search_version.list_pictures_without(ROOTSIFT, LOCAL)


def reset_unreadable() -> None:
    """Reset the refusals of unreadable pictures, because their bytes may have been restored."""
    Picture.objects.filter(pk__in=list_unmeasured().exclude(refusal="").values("pk")).update(refusal="")


def _measure(services: Services, pictures: list[int]) -> int:
    new_fingerprints = []
    for picture in Picture.objects.filter(pk__in=pictures).order_by("pk"):
        try:
            new_fingerprints.append(
                (
                    picture.pk,
                    compute_local_fingerprint(picture.digest, load_registered_features(services, picture.digest)),
                )
            )
        except ExhibitError as error:
            if not error.retry:
                Picture.objects.filter(pk=picture.pk).update(refusal=getattr(error, "reason", DAMAGED))
    with transaction.atomic():
        vectors.store_fingerprints([ROOTSIFT], new_fingerprints)
        hold(Lock.INDEX)  # a concurrent removal of a work is seen by one side
        active_pictures = find_members(Collection.WORKS, [picture for picture, _ in new_fingerprints])
        vectors.add_to(Collection.WORKS, active_pictures, WORK_PARTS)
    reset_count()
    return len(new_fingerprints)
