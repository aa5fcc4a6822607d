"""Cleanup after killed processes and purges, detection of damaged bytes, and room on filling disks."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from django.db.models import Exists, OuterRef

from exhibit.digests import Digest
from indexer.calibration.filed_pairs import FiledPairs
from registry import models
from registry.db.claimable import Claimable
from registry.pictures.file_removal import remove_or_withhold
from registry.pictures.previews import CACHES, delete_cached
from registry.services.disk import get_free_space
from registry.services.mail import delete_mails
from registry.services.services import Services
from registry.services.stores import objects_of
from workers.operations.checks import DAMAGED, damaged

ROOM = 2
"""Multiple of the disk floor that caches leave free."""
_ENDED = [models.StepState.DONE, models.StepState.FAILED]
READ_NEXT = "damaged.next"
"""File in the data folder that names the bytes to read next, by their first two hexadecimal digits."""


def look_for_damage(services: Services) -> None:
    """Read a part of the exact bytes again (all of them in 256 calls) and update the list of damaged ones.

    Damaged bytes that are uploaded or crawled again repair the store, and are removed from the list.
    """
    blobs, place, turn = services.blobs, services.config.data_dir / READ_NEXT, 0
    with suppress(FileNotFoundError, ValueError):
        turn = int(place.read_text("ascii"), 16) % 256
    digests: list[Digest] = []
    with suppress(ValueError):  # A damaged list is rewritten. Missing entries are found again.
        digests = damaged(services.config)
    suspects = {*blobs.changed(f"{turn:02x}"), *digests}
    wrong = [digest.hex for digest in suspects if digest in blobs and not blobs.is_whole(digest)]
    draft = services.config.data_dir / f".{DAMAGED}"
    draft.write_text("".join(f"{digest}\n" for digest in sorted(wrong)))
    draft.replace(services.config.data_dir / DAMAGED)
    place.write_text(f"{turn + 1:02x}", "ascii")


def sweep(services: Services) -> None:
    """Remove leftovers from the shared blob store: partial writes, and bytes of purged images."""
    services.blobs.sweep()
    services.blobs.remove_all(_purged())
    remove_or_withhold(services, models.WithheldFile.objects.all())


def sweep_here(services: Services) -> None:
    """Remove leftovers on this machine: slice spools, partial reports and packages, purged images.

    If its disk fills up, caches are reduced before crawling would have to stop.
    """
    folder = services.config.data_dir
    spools = (folder / "spool").glob("slice-*-*")
    _remove_ended(models.CrawlSlice, {path: int(path.name.split("-")[1]) for path in spools})
    for model, name in ((models.Package, "packages"), (models.Report, "reports")):
        _remove_ended(model, {path: int(path.name) for path in (folder / name).glob("[0-9]*")})
    if purged := _purged():  # Previews, drawings, measured features, pairs and emails.
        delete_cached(services, purged)
        pairs = FiledPairs(folder)
        for digest in purged:
            pairs.remove_picture(digest)
        delete_mails(services.config, purged)
    _make_room(services)


def _remove_ended(model: type[Claimable], folders: Mapping[Path, int]) -> None:
    """Remove the folders whose rows, given by primary key, have ended."""
    rows = model._default_manager.filter(pk__in=folders.values())
    ended = set(rows.filter(state__in=_ENDED).values_list("pk", flat=True))
    for path, pk in folders.items():
        if pk in ended:
            shutil.rmtree(path, ignore_errors=True)


def _purged() -> set[Digest]:
    """Return digests that an interrupted purge may have left behind. Images that are only blocked are not included."""
    stored = models.Picture.objects.filter(digest=OuterRef("digest"), bytes_state=models.BytesState.STORED)
    return set(models.BlockedDigest.objects.filter(~Exists(stored)).values_list("digest", flat=True))


def _make_room(services: Services) -> None:
    """Remove the least recently used cache files until twice the disk floor is free, in bytes and inodes.

    Measured features of works count as a cache only where they can be fetched from other machines.
    """
    missing, too_many = get_free_space(services.config).missing(ROOM)
    if max(missing, too_many) <= 0:
        return
    files = []
    for name in CACHES if objects_of(services.config) else CACHES[:-1]:
        for path in (services.config.data_dir / name).rglob("*.*"):
            with suppress(FileNotFoundError):  # Other processes modify the cache concurrently.
                files.append((path.stat().st_atime, path))
    for _, path in sorted(files):
        with suppress(OSError):  # Removed meanwhile, or a folder.
            size = path.stat().st_size
            path.unlink()
            missing, too_many = missing - size, too_many - 1
        if max(missing, too_many) <= 0:
            return
