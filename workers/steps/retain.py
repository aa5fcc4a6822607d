"""What expires, and when crawling has to stop because the disk is nearly full."""

import shutil
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import ExhibitError
from registry import fingerprints as vectors
from registry.log import submit
from registry.models import BlockedDigest, BytesState, CaseSighting, Match, Picture, StepState, WorkPicture
from workers.previews import preview
from workers.wiring import House

BATCH = 500


def disk_is_full(house: House) -> bool:
    """Whether less room is left than the configured floor: crawling stops then, everything else goes on."""
    house.config.data_dir.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(house.config.data_dir).free < house.config.disk_floor_bytes


def expire_bytes(house: House) -> int:
    """Remove the bytes of pictures that matched nothing and are older than the retention time.

    Digest, fingerprints, addresses and a small picture stay. What belongs to a work, a match or a case is kept.

    Returns:
        How many pictures' bytes were removed.
    """
    kept = (
        Exists(WorkPicture.objects.filter(picture=OuterRef("pk")))
        | Exists(Match.objects.filter(found=OuterRef("pk")).exclude(decision="none"))
        | Exists(CaseSighting.objects.filter(sighting__picture=OuterRef("pk")))
    )
    old = Q(first_seen__lt=now() - timedelta(days=house.config.retention_days), bytes_state=BytesState.STORED)
    total = 0
    while True:
        with transaction.atomic():
            rows = Picture.objects.select_for_update(skip_locked=True, no_key=True).filter(
                old, ~kept, state=StepState.DONE
            )
            batch = list(rows.order_by("pk")[:BATCH])
            for row in batch:
                row.bytes_state, row.thumbnail = BytesState.EXPIRED, _thumbnail(house, row)
            Picture.objects.bulk_update(batch, ["bytes_state", "thumbnail"])
        for row in batch:
            house.blobs.remove(row.digest)
        total += len(batch)
        if len(batch) < BATCH:
            return total


def _thumbnail(house: House, row: Picture) -> Digest | None:
    """The small picture that stays, if the picture can be decoded."""
    if row.refusal:
        return None
    try:
        return house.blobs.put(preview(house.blobs.get(row.digest), house.limits))
    except ExhibitError:
        return None


def purge(house: House, digest: Digest, *, by: str, reason: str) -> bool:
    """Remove a picture's bytes everywhere and block them from coming back; the digest stays in the log.

    Returns:
        Whether the bytes were here.
    """
    with transaction.atomic():
        BlockedDigest.objects.get_or_create(digest=digest, defaults={"reason": reason})
        picture = Picture.objects.select_for_update(no_key=True).filter(digest=digest).first()
        if picture is not None:
            Picture.objects.filter(pk=picture.pk).update(bytes_state=BytesState.PURGED, thumbnail=None)
            vectors.remove_from(vectors.Collection.WORKS, [picture.pk])
            vectors.remove_from(vectors.Collection.PICTURES, [picture.pk])
        submit(EntryType.PURGE, {"by": by, "digest": digest.hex, "reason": reason})
    thumbnail = None if picture is None else picture.thumbnail
    if thumbnail is not None:
        house.blobs.remove(thumbnail)
    return house.blobs.remove(digest)
