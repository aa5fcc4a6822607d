"""Maintenance of local features: computation of missing features, and training of the installation's own codec."""

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
    get_index_folder,
)
from registry.matches.registered_works import load_registered_features
from registry.pictures.models import Picture
from registry.services.services import Services
from registry.works import search_version
from registry.works.search_version import reset_count

BATCH, MAX_AT_ONCE = 20, 2_000
DAMAGED_REASON = "damaged"  # refusal reason of pictures whose stored bytes have changed


def get_vote_index(services: Services) -> VoteIndex:
    """Return the index of local features on this machine."""
    return VoteIndex(get_index_folder(services.config, Collection.WORKS, ROOTSIFT))


def maintain_local_features(services: Services) -> None:
    """Compute some missing local features, and retrain the codec if the number of works has grown considerably.

    Runs in the background, and may take hours if there are very many works. Does nothing if another process is running
    it.
    """
    lock = FileLock(services.config.data_dir / "votes.lock")
    if not lock.acquire():
        return
    try:
        compute_missing_features(services, MAX_AT_ONCE)
        if (index := get_vote_index(services)).is_outgrown:
            index.rebuild(CollectionVectors(Collection.WORKS, ROOTSIFT))
    finally:
        lock.release()


def compute_missing_features(services: Services, limit: int | None = None) -> int:
    """Compute missing local features of at most ``limit`` registered pictures; return the number computed.

    The refusal of an unreadable picture is stored, and later calls skip the picture.
    """
    picture_ids = list(list_pictures_without_features().filter(refusal="").values_list("pk", flat=True)[:limit])
    return sum(
        _compute_features(services, picture_ids[start : start + BATCH]) for start in range(0, len(picture_ids), BATCH)
    )


def list_pictures_without_features() -> QuerySet[Picture]:
    """Return registered pictures without local features, including unreadable ones, which have a refusal."""
    return search_version.list_unmeasured_pictures(ROOTSIFT, LOCAL)


def reset_unreadable_pictures() -> None:
    """Reset the refusals of unreadable pictures, because their bytes may have been restored."""
    Picture.objects.filter(pk__in=list_pictures_without_features().exclude(refusal="").values("pk")).update(refusal="")


def _compute_features(services: Services, pictures: list[int]) -> int:
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
                Picture.objects.filter(pk=picture.pk).update(refusal=getattr(error, "reason", DAMAGED_REASON))
    with transaction.atomic():
        vectors.store_fingerprints([ROOTSIFT], new_fingerprints)
        hold(Lock.INDEX)  # so that either this transaction or a concurrent removal of a work sees the other
        active_pictures = find_members(Collection.WORKS, [picture for picture, _ in new_fingerprints])
        vectors.add_to_collection(Collection.WORKS, active_pictures, WORK_PARTS)
    reset_count()
    return len(new_fingerprints)
