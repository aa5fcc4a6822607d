"""Maintenance of local features: computing missing ones, and training the installation's own codec."""

from django.db import transaction
from django.db.models import QuerySet

from exhibit.errors import ExhibitError
from exhibit.files.locks import FileLock
from indexer.picture.features import local_fingerprint
from indexer.picture.spaces import LOCAL, ROOTSIFT, WORK_PARTS
from indexer.votes.index import VoteIndex
from registry.db.locks import Lock, hold
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.descriptors import members
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.indexes import (
    CollectionVectors,
    index_folder,
)
from registry.matches.registered_works import registered_features
from registry.pictures.models import Picture
from registry.services.services import Services
from registry.works import search_version
from registry.works.search_version import count_anew

BATCH, MAX_AT_ONCE = 20, 2_000
DAMAGED = "damaged"  # refusal reason if the stored bytes have changed


def votes_of(services: Services) -> VoteIndex:
    """Return the index of local features on this machine."""
    return VoteIndex(index_folder(services.config, Collection.WORKS, ROOTSIFT))


def keep_up(services: Services) -> None:
    """Compute some missing local features, and retrain the codec if the number of works has grown a lot.

    Runs in the background, and may take hours for very many works. Does nothing if another process is doing it.
    """
    lock = FileLock(services.config.data_dir / "votes.lock")
    if not lock.take():
        return
    try:
        measure_missing(services, MAX_AT_ONCE)
        if (index := votes_of(services)).is_outgrown:
            index.rebuild(CollectionVectors(Collection.WORKS, ROOTSIFT))
    finally:
        lock.release()


def measure_missing(services: Services, most: int | None = None) -> int:
    """Compute missing local features of registered pictures, of at most ``most``; return the number computed.

    A picture that cannot be read is skipped from then on, with the reason.
    """
    waiting = list(unmeasured().filter(refusal="").values_list("pk", flat=True)[:most])
    return sum(_measure(services, waiting[start : start + BATCH]) for start in range(0, len(waiting), BATCH))


def unmeasured() -> QuerySet[Picture]:
    """Return registered pictures without local features; those with a refusal cannot be read."""
    return search_version.works_without(ROOTSIFT, LOCAL)


def try_unreadable_again() -> None:
    """Reset the refusals of unreadable pictures, because their bytes may have been restored."""
    Picture.objects.filter(pk__in=unmeasured().exclude(refusal="").values("pk")).update(refusal="")


def _measure(services: Services, pictures: list[int]) -> int:
    new_fingerprints = []
    for picture in Picture.objects.filter(pk__in=pictures).order_by("pk"):
        try:
            new_fingerprints.append(
                (picture.pk, local_fingerprint(picture.digest, registered_features(services, picture.digest)))
            )
        except ExhibitError as error:
            if not error.retry:
                Picture.objects.filter(pk=picture.pk).update(refusal=getattr(error, "reason", DAMAGED))
    with transaction.atomic():
        vectors.keep_fingerprints([ROOTSIFT], new_fingerprints)
        hold(Lock.INDEX)  # a concurrent removal of a work is seen by one side
        living = members(Collection.WORKS, [picture for picture, _ in new_fingerprints])
        vectors.add_to(Collection.WORKS, living, WORK_PARTS)
    count_anew()
    return len(new_fingerprints)
