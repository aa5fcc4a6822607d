"""Upkeep of the local votes: measure works that have no local features, and train a codec of the installation's own."""

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
DAMAGED = "damaged"  # why a picture can't be read whose bytes aren't those that were stored


def votes_of(services: Services) -> VoteIndex:
    """The index of the local votes on this machine."""
    return VoteIndex(index_folder(services.config, Collection.WORKS, ROOTSIFT))


def keep_up(services: Services) -> None:
    """Measure some of what is missing, and train a codec when the works have become many more; in the background.

    That may take hours for very many works. Whoever comes while another does it leaves it to that one.
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
    """Keep the local features of registered pictures that have none yet, of so many at most; returns of how many.

    A picture that can't be read any more is left out from then on, with the reason.
    """
    waiting = list(unmeasured().filter(refusal="").values_list("pk", flat=True)[:most])
    return sum(_measure(services, waiting[start : start + BATCH]) for start in range(0, len(waiting), BATCH))


def unmeasured() -> QuerySet[Picture]:
    """Registered pictures whose local features aren't kept; those with a refusal can't be read."""
    return search_version.works_without(ROOTSIFT, LOCAL)


def try_unreadable_again() -> None:
    """Let pictures that couldn't be read be read once more: their bytes may have been brought back."""
    Picture.objects.filter(pk__in=unmeasured().exclude(refusal="").values("pk")).update(refusal="")


def _measure(services: Services, pictures: list[int]) -> int:
    made = []
    for picture in Picture.objects.filter(pk__in=pictures).order_by("pk"):
        try:
            made.append((picture.pk, local_fingerprint(picture.digest, registered_features(services, picture.digest))))
        except ExhibitError as error:
            if not error.retry:
                Picture.objects.filter(pk=picture.pk).update(refusal=getattr(error, "reason", DAMAGED))
    with transaction.atomic():
        vectors.keep_fingerprints([ROOTSIFT], made)
        hold(Lock.INDEX)  # so that a work that is being removed is seen either here or there
        living = members(Collection.WORKS, [picture for picture, _ in made])
        vectors.add_to(Collection.WORKS, living, WORK_PARTS)
    count_anew()
    return len(made)
