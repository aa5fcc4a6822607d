"""Removing files: those of reports and packages when the last row lets go of them, and what a purge takes out."""

import errno
import logging
from collections.abc import Iterable, Sequence

from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, StorageError
from registry.bundles.models import Package
from registry.db.claimable import StepState
from registry.db.fields import KeptFile
from registry.db.locks import Lock, hold
from registry.db.rows import alone_with
from registry.log.audit_log import changed
from registry.pictures.models import WithheldFile
from registry.reports.models import Report
from registry.services.services import Services
from registry.works.models import WorkAttachment


def all_kept(services: Services, files: Sequence[KeptFile]) -> bool:
    """Whether all bytes are here, held until the end of the transaction that records the files."""
    hold(Lock.FILES)
    return all(Digest.from_hex(file["digest"]) in services.blobs for file in files)


def remove_unused(services: Services, files: Sequence[KeptFile]) -> None:
    """Remove bytes that no row names any more.

    Two reports may have the same table, two packages the same bundle, and somebody may have put a report beside a work.
    """
    with transaction.atomic():
        hold(Lock.FILES)
        for digest in {Digest.from_hex(file["digest"]) for file in files}:
            if not _is_named(digest):
                services.blobs.remove(digest)


def remove_row(services: Services, row: Package | Report, *, by: str) -> None:
    """Remove a package or a report with its files; its number isn't given again. One that is being made ends."""
    rows, what = type(row)._default_manager, "package" if isinstance(row, Package) else "report"
    with alone_with(row) as kept:
        gone = {"removed_at": now(), "files": [], "progress": {}, "state": StepState.DONE, "error": ""}
        rows.filter(pk=kept.pk).update(**gone)
        changed(f"{what} removed", by=by, owner=kept.owner, about={what: kept.number})
    remove_unused(services, kept.files)


def let_go(services: Services, rows: Iterable[WithheldFile]) -> None:
    """Take files out of what is handed out; a second time changes nothing. One that can't be moved is told of."""
    for row in sorted(rows, key=lambda row: row.kept):
        try:
            if not row.kept:
                remove_everywhere(services, row.digest)
            elif row.digest in services.blobs:
                services.blobs.move(row.digest, services.withheld)
        except (OSError, StorageError) as error:
            told = "%s goes with a purged picture and is still here. It is tried again each hour. %s"
            logging.getLogger(__name__).warning(told, row.digest, error)


def remove_everywhere(services: Services, digest: Digest) -> bool:
    """Remove bytes, also where they were set aside; false when they weren't here."""
    removed = [store.remove(digest) for store in (services.blobs, services.withheld)]
    return any(removed)


def as_they_lie(services: Services, digest: Digest) -> bytes:
    """Bytes that lie here or aside, not verified; none of what the disk can't read any more, or isn't here."""
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


def _is_named(digest: Digest) -> bool:
    listed = {"files__contains": [{"digest": digest.hex}]}
    in_files = Report.objects.filter(**listed).exists() or Package.objects.filter(**listed).exists()
    return in_files or WorkAttachment.objects.filter(digest=digest).exists()
