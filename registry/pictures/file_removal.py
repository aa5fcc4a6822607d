"""Removal of bytes from all stores, and files that a purge withholds."""

import errno
import logging
from collections.abc import Iterable, Sequence

from exhibit.digests import Digest
from exhibit.errors import NotFoundError, StorageError
from registry.db.fields import StoredFile
from registry.db.locks import Lock, hold
from registry.pictures.models import WithheldFile
from registry.services.services import Services


def are_all_stored(services: Services, files: Sequence[StoredFile]) -> bool:
    """Return True if all files are stored. They are protected from removal until the end of the transaction."""
    hold(Lock.FILES)
    return all(Digest.from_hex(file["digest"]) in services.blobs for file in files)


def remove_or_withhold(services: Services, rows: Iterable[WithheldFile]) -> None:
    """Withhold or remove files. The operation is idempotent. A file that cannot be moved is logged as a warning."""
    for row in sorted(rows, key=lambda row: row.kept):
        try:
            if not row.kept:
                remove_from_all_stores(services, row.digest)
            elif row.digest in services.blobs:
                services.blobs.move(row.digest, services.withheld)
        except (OSError, StorageError) as error:
            message = "%s belongs to a purged picture and still exists. Exhibit tries again every hour. %s"
            logging.getLogger(__name__).warning(message, row.digest, error)


def remove_from_all_stores(services: Services, digest: Digest) -> bool:
    """Remove bytes, including withheld ones. Return False if there were none."""
    was_removed = [store.remove(digest) for store in (services.blobs, services.withheld)]
    return any(was_removed)


def read_unverified(services: Services, digest: Digest) -> bytes:
    """Return stored or withheld bytes without verifying them; empty if they are missing or unreadable."""
    for store in (services.blobs, services.withheld):
        try:
            with store.open(digest) as file:
                return file.read()
        except NotFoundError:
            continue
        except OSError as error:
            if error.errno != errno.EIO:
                raise
    return b""
