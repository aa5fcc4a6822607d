"""What expires, what killed processes leave behind, and when crawling has to stop because the disk is nearly full."""

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, NotFoundError, ServiceMissingError, StorageError, UnreadablePictureError
from indexer.calibration.kept import KeptPairs
from registry import models
from registry.db.claimable import Claimable
from registry.notifications.mail import drop_mails
from registry.pictures.kept_files import let_go
from registry.pictures.previews import CACHES, drop_kept, preview
from registry.services.disk import room_of
from registry.services.services import Services
from registry.services.stores import objects_of
from workers.operations.checks import DAMAGED, damaged

LOGGER = logging.getLogger(__name__)
ROOM = 2
"""Times the floor of the disk that caches leave free."""
TOGETHER = 32
_ENDED = [models.StepState.DONE, models.StepState.FAILED]
READ_NEXT = "damaged.next"
"""The file of the data folder that says which bytes are read again next: the two digits with which they begin."""


def expire_bytes(services: Services) -> int:
    """Remove the bytes of pictures that matched nothing and last came longer ago than the retention time.

    Digest, fingerprints, addresses and a small picture stay. What belongs to a work, a match or a case is kept.
    """
    limit = now() - timedelta(days=services.config.retention_days)
    kept = (
        Exists(models.WorkPicture.objects.filter(picture=OuterRef("pk")))
        | Exists(models.Match.objects.filter(found=OuterRef("pk")).exclude(decision="none"))
        | Exists(models.Sighting.objects.filter(picture=OuterRef("pk"), bytes_came=True, last_seen__gte=limit))
        | Exists(models.WorkAttachment.objects.filter(digest=OuterRef("digest")))
        | Exists(models.CaseSighting.objects.filter(sighting__picture=OuterRef("pk")))
    )
    stored = models.Picture.objects.filter(bytes_state=models.BytesState.STORED, state__in=_ENDED)
    old = stored.filter(~kept, first_seen__lt=limit)
    total = left = last = 0
    cause: Exception | None = None
    while batch := list(old.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:TOGETHER]):
        last = batch[-1]
        try:
            expired, failed = _expire(services, old.filter(pk__in=batch))
        except ServiceMissingError as error:  # the bucket doesn't answer
            expired, failed = 0, [error] * len(batch)
        total, left, cause = total + expired, left + len(failed), [cause, *failed][-1]
    if left:
        LOGGER.warning("The bytes of %d pictures have expired and stay for another hour. %s", left, cause)
    return total


def _expire(services: Services, old: QuerySet[models.Picture]) -> tuple[int, list[Exception]]:
    """Keep small pictures of those that can be decoded, then remove pictures' bytes; killed in between, it goes on.

    Returns how many are gone, and what kept others here.
    """
    small: dict[int, bytes] = {}
    failed: list[Exception] = []
    with _locked(old) as rows:
        read = services.blobs.ahead([row.digest for row in rows])
        for row in rows:
            try:
                small[row.pk] = _small(services, row, partial(read, row.digest))
            except (OSError, MemoryError, ServiceMissingError) as error:
                failed.append(error)
        fit = _keep(services, small)
    with _locked(old.filter(pk__in=small)) as rows:  # without those that have come again meanwhile
        gone, stay = _remove(services, rows)
        if not fit:  # a disk so full that not even the small ones did: now there is room
            _keep(services, {row.pk: small[row.pk] for row in gone})
        models.Picture.objects.filter(pk__in=[row.pk for row in gone]).update(bytes_state=models.BytesState.EXPIRED)
    return len(gone), [*failed, *stay]


@contextmanager
def _locked(old: QuerySet[models.Picture]) -> Iterator[list[models.Picture]]:
    """The rows, while they are locked: a crawl that brings one of them again waits."""
    with transaction.atomic():
        yield list(old.select_for_update(skip_locked=True, no_key=True).order_by("digest"))


def _remove(services: Services, rows: list[models.Picture]) -> tuple[list[models.Picture], list[OSError]]:
    """Remove pictures' bytes; returns those that are gone, and what kept others here."""
    try:
        services.blobs.remove_all([row.digest for row in rows])
    except OSError:  # one that can't be removed keeps no other
        gone, stay = [], []
        for row in rows:
            try:
                services.blobs.remove(row.digest)
                gone.append(row)
            except OSError as error:
                stay.append(error)
        return gone, stay
    return rows, []


def _keep(services: Services, small: Mapping[int, bytes]) -> bool:
    """Keep small pictures and say so in the rows of these; false when they don't fit."""
    try:
        services.blobs.put_all([data for data in small.values() if data])
    except (OSError, StorageError):
        return False
    for pk, data in small.items():
        if data:
            models.Picture.objects.filter(pk=pk).update(thumbnail=Digest.of(data))
    return True


def _small(services: Services, row: models.Picture, read: Callable[[], bytes]) -> bytes:
    """What stays to be looked at; nothing of what can't be decoded."""
    if not row.refusal:
        with suppress(IntegrityError, NotFoundError, UnreadablePictureError):
            return preview(read(), services.limits)
    return b""


def look_for_damage(services: Services) -> None:
    """Read some of the exact bytes again, all of them in 256 calls, and keep a list of those that have changed.

    Bytes that come again, with an upload or a crawl, heal what is stored; they leave the list then.
    """
    blobs, place, turn = services.blobs, services.config.data_dir / READ_NEXT, 0
    with suppress(FileNotFoundError, ValueError):
        turn = int(place.read_text("ascii"), 16) % 256
    known: list[Digest] = []
    with suppress(ValueError):  # an earlier version left half a list, and those that it lacks are found again
        known = damaged(services.config)
    found = {*blobs.changed(f"{turn:02x}"), *known}
    wrong = [digest.hex for digest in found if digest in blobs and not blobs.is_whole(digest)]
    draft = services.config.data_dir / f".{DAMAGED}"
    draft.write_text("".join(f"{digest}\n" for digest in sorted(wrong)))
    draft.replace(services.config.data_dir / DAMAGED)
    place.write_text(f"{turn + 1:02x}", "ascii")


def sweep(services: Services) -> None:
    """Remove what was left behind of bytes that all machines share: half-written ones, and those of purged pictures."""
    services.blobs.sweep()
    services.blobs.remove_all(_purged())
    let_go(services, models.WithheldFile.objects.all())


def sweep_here(services: Services) -> None:
    """Remove what was left behind on this machine: spools of slices, parts of reports and packages, purged pictures.

    Where its disk fills, caches make room before crawling would have to stop.
    """
    folder = services.config.data_dir
    spools = (folder / "spool").glob("slice-*-*")
    _remove_ended(models.CrawlSlice, {path: int(path.name.split("-")[1]) for path in spools})
    for model, name in ((models.Package, "packages"), (models.Report, "reports")):
        _remove_ended(model, {path: int(path.name) for path in (folder / name).glob("[0-9]*")})
    if purged := _purged():  # previews, drawings and measured features, pairs and mails
        drop_kept(services, purged)
        pairs = KeptPairs(folder)
        for digest in purged:
            pairs.forget(digest)
        drop_mails(services.config, purged)
    _make_room(services)


def _remove_ended(model: type[Claimable], folders: Mapping[Path, int]) -> None:
    """Remove the folders whose rows, by primary key, have ended."""
    rows = model._default_manager.filter(pk__in=folders.values())
    ended = set(rows.filter(state__in=_ENDED).values_list("pk", flat=True))
    for path, pk in folders.items():
        if pk in ended:
            shutil.rmtree(path, ignore_errors=True)


def _purged() -> set[Digest]:
    """What a purge may have left behind as it was killed, or was written beside it; what is only blocked stays."""
    kept = models.Picture.objects.filter(digest=OuterRef("digest"), bytes_state=models.BytesState.STORED)
    return set(models.BlockedDigest.objects.filter(~Exists(kept)).values_list("digest", flat=True))


def _make_room(services: Services) -> None:
    """Remove what lies longest in caches until there is twice the room at which crawling stops, for bytes and files.

    What was measured of works is one of them only where other machines can be asked for it.
    """
    missing, too_many = room_of(services.config).missing(ROOM)
    if max(missing, too_many) <= 0:
        return
    files = []
    for name in CACHES if objects_of(services.config) else CACHES[:-1]:
        for path in (services.config.data_dir / name).rglob("*.*"):
            with suppress(FileNotFoundError):  # a cache is changed by all processes
                files.append((path.stat().st_atime, path))
    for _, path in sorted(files):
        with suppress(OSError):  # gone, or a folder
            size = path.stat().st_size
            path.unlink()
            missing, too_many = missing - size, too_many - 1
        if max(missing, too_many) <= 0:
            return
