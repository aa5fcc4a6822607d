"""What expires, what killed processes leave behind, and when crawling has to stop because the disk is nearly full."""

import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from django.db import transaction
from django.db.models import Exists, OuterRef

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ExhibitError
from registry.models import (
    BlockedDigest,
    BytesState,
    CaseSighting,
    CrawlSlice,
    Match,
    Package,
    Picture,
    Report,
    Sighting,
    StepState,
    WorkAttachment,
    WorkPicture,
)
from registry.models.steps import Claimable
from workers.mail import mail_folder
from workers.mail_files import drop_mails
from workers.previews import preview
from workers.wiring import House

BATCH = 500


def disk_is_full(house: House) -> bool:
    """Whether less room is left than the configured floor: crawls stop then, and works and packages wait."""
    house.config.data_dir.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(house.config.data_dir).free < house.config.disk_floor_bytes


def expire_bytes(house: House) -> int:
    """Remove the bytes of pictures that matched nothing and last came longer ago than the retention time.

    Digest, fingerprints, addresses and a small picture stay. What belongs to a work, a match or a case is kept.

    Returns:
        How many pictures' bytes were removed.
    """
    limit = now() - timedelta(days=house.config.retention_days)
    kept = (
        Exists(WorkPicture.objects.filter(picture=OuterRef("pk")))
        | Exists(Match.objects.filter(found=OuterRef("pk")).exclude(decision="none"))
        | Exists(Sighting.objects.filter(picture=OuterRef("pk"), bytes_came=True, last_seen__gte=limit))
        | Exists(WorkAttachment.objects.filter(digest=OuterRef("digest")))
        | Exists(CaseSighting.objects.filter(sighting__picture=OuterRef("pk")))
    )
    ended = [StepState.DONE, StepState.FAILED]
    old = Picture.objects.filter(~kept, first_seen__lt=limit, bytes_state=BytesState.STORED, state__in=ended)
    total = 0
    while True:
        with transaction.atomic():
            batch = list(old.select_for_update(skip_locked=True, no_key=True).order_by("pk")[:BATCH])
            for row in batch:
                row.bytes_state, row.thumbnail = BytesState.EXPIRED, _thumbnail(house, row)
                house.blobs.remove(row.digest)  # while the row is locked: a crawl that brings them again waits
            Picture.objects.bulk_update(batch, ["bytes_state", "thumbnail"])
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


def sweep(house: House) -> None:
    """Remove what was left behind: half-written and purged bytes, spools of slices, parts of reports and packages."""
    house.blobs.sweep()
    _remove_purged(house)
    spools = (house.config.data_dir / "spool").glob("slice-*-*")
    _remove_ended(CrawlSlice, {path: int(path.name.split("-")[1]) for path in spools})
    _remove_ended(Package, {path: int(path.name) for path in (house.config.data_dir / "packages").glob("[0-9]*")})
    _remove_ended(Report, {path: int(path.name) for path in (house.config.data_dir / "reports").glob("[0-9]*")})


def _remove_ended(model: type[Claimable], folders: Mapping[Path, int]) -> None:
    """Remove the folders whose rows, by primary key, have ended."""
    rows = model._default_manager.filter(pk__in=folders.values())  # noqa: SLF001 - Django's public name
    ended = set(rows.filter(state__in=[StepState.DONE, StepState.FAILED]).values_list("pk", flat=True))
    for path, pk in folders.items():
        if pk in ended:
            shutil.rmtree(path, ignore_errors=True)


def _remove_purged(house: House) -> None:
    """Remove what a purge left behind as it was killed, or was written beside it; what is only blocked stays."""
    kept = Picture.objects.filter(digest=OuterRef("digest"), bytes_state=BytesState.STORED)
    purged = set(BlockedDigest.objects.filter(~Exists(kept)).values_list("digest", flat=True))
    for digest in purged:
        house.blobs.remove(digest)
    if purged:
        drop_mails(mail_folder(house.config), purged)
