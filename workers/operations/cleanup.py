"""Cleanup after killed processes and purges, detection of damaged blobs, and cache eviction on full disks."""

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
from registry.pictures.previews import CACHE_FOLDERS, delete_cached_files
from registry.services.disk import get_free_space
from registry.services.mail import delete_mails
from registry.services.services import Services
from registry.services.stores import get_named_objects
from workers.operations.checks import DAMAGE_LIST_NAME, read_damaged_digests

FREE_SPACE_FACTOR = 2
"""Multiple of the disk floor that the caches keep free."""
_FINISHED_STATES = [models.StepState.DONE, models.StepState.FAILED]
DAMAGE_POSITION_NAME = "damaged.next"
"""File in the data folder with the first two hexadecimal digits of the blobs to read next."""


def find_damage(services: Services) -> None:
    """Read 1/256 of the blobs again, and update the list of damaged ones.

    A damaged blob is repaired when the same picture is uploaded or crawled again, and then removed from the list.
    """
    blobs, position_file, prefix_number = services.blobs, services.config.data_dir / DAMAGE_POSITION_NAME, 0
    with suppress(FileNotFoundError, ValueError):
        prefix_number = int(position_file.read_text("ascii"), 16) % 256
    digests: list[Digest] = []
    with suppress(ValueError):  # A malformed list is rewritten; later calls add its entries again.
        digests = read_damaged_digests(services.config)
    suspected_digests = {*blobs.find_damaged(f"{prefix_number:02x}"), *digests}
    damaged_hashes = [digest.hex for digest in suspected_digests if digest in blobs and not blobs.is_intact(digest)]
    temporary_path = services.config.data_dir / f".{DAMAGE_LIST_NAME}"
    temporary_path.write_text("".join(f"{digest}\n" for digest in sorted(damaged_hashes)))
    temporary_path.replace(services.config.data_dir / DAMAGE_LIST_NAME)
    position_file.write_text(f"{prefix_number + 1:02x}", "ascii")


def remove_leftovers(services: Services) -> None:
    """Remove leftovers from the shared blob store: partial writes, and blobs of purged images."""
    services.blobs.sweep()
    services.blobs.remove_all(_list_purged_digests())
    remove_or_withhold(services, models.WithheldFile.objects.all())


def remove_local_leftovers(services: Services) -> None:
    """Remove leftovers on this machine: slice spools, partial reports and packages, purged images.

    If the disk is nearly full, caches are reduced before crawling has to stop.
    """
    folder = services.config.data_dir
    spools = (folder / "spool").glob("slice-*-*")
    _remove_ended_folders(models.CrawlSlice, {path: int(path.name.split("-")[1]) for path in spools})
    for model, name in ((models.Package, "packages"), (models.Report, "reports")):
        _remove_ended_folders(model, {path: int(path.name) for path in (folder / name).glob("[0-9]*")})
    if (
        purged_digests := _list_purged_digests()
    ):  # They may be in previews, drawings, measured features, pairs and emails.
        delete_cached_files(services, purged_digests)
        pairs = FiledPairs(folder)
        for digest in purged_digests:
            pairs.remove_picture(digest)
        delete_mails(services.config, purged_digests)
    _free_cache_space(services)


def _remove_ended_folders(model: type[Claimable], folders: Mapping[Path, int]) -> None:
    """Remove the folders of finished rows. ``folders`` contains the primary key by folder."""
    rows = model._default_manager.filter(pk__in=folders.values())
    ended_ids = set(rows.filter(state__in=_FINISHED_STATES).values_list("pk", flat=True))
    for path, pk in folders.items():
        if pk in ended_ids:
            shutil.rmtree(path, ignore_errors=True)


def _list_purged_digests() -> set[Digest]:
    """Return digests of which an interrupted purge may have left files. Images that are only blocked are excluded."""
    stored_pictures = models.Picture.objects.filter(digest=OuterRef("digest"), bytes_state=models.BytesState.STORED)
    return set(models.BlockedDigest.objects.filter(~Exists(stored_pictures)).values_list("digest", flat=True))


def _free_cache_space(services: Services) -> None:
    """Remove the least recently used cache files until twice the disk floor is free, in bytes and inodes.

    Measured features of works count as a cache only where they can be fetched from other machines.
    """
    missing_bytes, missing_files = get_free_space(services.config).compute_shortage(FREE_SPACE_FACTOR)
    if max(missing_bytes, missing_files) <= 0:
        return
    files = []
    for name in CACHE_FOLDERS if get_named_objects(services.config) else CACHE_FOLDERS[:-1]:
        for path in (services.config.data_dir / name).rglob("*.*"):
            with suppress(FileNotFoundError):  # Other processes modify the cache concurrently.
                files.append((path.stat().st_atime, path))
    for _, path in sorted(files):
        with suppress(OSError):  # Another process removed the file, or it is a folder.
            size = path.stat().st_size
            path.unlink()
            missing_bytes, missing_files = missing_bytes - size, missing_files - 1
        if max(missing_bytes, missing_files) <= 0:
            return
