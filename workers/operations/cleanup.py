"""What killed processes and purges leave behind, bytes that were damaged, and room on a disk that fills."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from django.db.models import Exists, OuterRef

from exhibit.digests import Digest
from indexer.calibration.kept import KeptPairs
from registry import models
from registry.db.claimable import Claimable
from registry.pictures.file_removal import let_go
from registry.pictures.previews import CACHES, drop_kept
from registry.services.disk import room_of
from registry.services.mail import drop_mails
from registry.services.services import Services
from registry.services.stores import objects_of
from workers.operations.checks import DAMAGED, damaged

ROOM = 2
"""Times the floor of the disk that caches leave free."""
_ENDED = [models.StepState.DONE, models.StepState.FAILED]
READ_NEXT = "damaged.next"
"""The file of the data folder that says which bytes are read again next: the two digits with which they begin."""


def look_for_damage(services: Services) -> None:
    """Read some of the exact bytes again, all of them in 256 calls, and keep a list of those that have changed.

    Bytes that come again, with an upload or a crawl, heal what is stored; they leave the list then.
    """
    blobs, place, turn = services.blobs, services.config.data_dir / READ_NEXT, 0
    with suppress(FileNotFoundError, ValueError):
        turn = int(place.read_text("ascii"), 16) % 256
    known: list[Digest] = []
    with suppress(ValueError):  # a damaged list is written anew, and those that it lacks are found again
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
