"""The files of reports and packages: bytes that rows name, removed when the last row lets go of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from exhibit.blobs import FolderBlobStore
from exhibit.digests import Digest
from registry.locks import Lock, hold
from registry.models import Package, Report, WithheldFile, WorkAttachment
from workers.wiring import House

ASIDE = "withheld"
"""The folder below the data folder where files lie that a purge has set aside: kept, and handed to nobody."""
File = Mapping[str, Any]
"""One entry of a row's ``files``: ``digest`` in hexadecimal, among others."""


def all_kept(house: House, files: Sequence[File]) -> bool:
    """Whether all bytes are here, held until the end of the transaction that records the files."""
    hold(Lock.FILES)
    return all(Digest.from_hex(one["digest"]) in house.blobs for one in files)


def remove_unused(house: House, files: Sequence[File]) -> None:
    """Remove bytes that no row names any more.

    Two reports may have the same table, two packages the same bundle, and somebody may have put a report beside a work.
    """
    with transaction.atomic():
        hold(Lock.FILES)
        for digest in {Digest.from_hex(one["digest"]) for one in files}:
            if not _is_named(digest):
                house.blobs.remove(digest)


def let_go(house: House, row: WithheldFile) -> None:
    """Take a file out of what is handed out; a second time changes nothing."""
    if row.digest not in house.blobs:
        return
    if row.kept:
        FolderBlobStore(house.config.data_dir / ASIDE).put(house.blobs.get(row.digest))
    house.blobs.remove(row.digest)


def _is_named(digest: Digest) -> bool:
    listed = {"files__contains": [{"digest": digest.hex}]}
    in_files = Report.objects.filter(**listed).exists() or Package.objects.filter(**listed).exists()
    return in_files or WorkAttachment.objects.filter(digest=digest).exists()
