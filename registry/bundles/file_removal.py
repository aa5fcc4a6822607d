"""Removal of reports, packages and unreferenced files."""

from collections.abc import Sequence

from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from registry.bundles.models import Package, Report
from registry.db.claimable import StepState
from registry.db.fields import StoredFile
from registry.db.locks import Lock, hold
from registry.db.rows import lock_row
from registry.log.audit_log import log_change
from registry.services.services import Services
from registry.works.models import WorkAttachment


def remove_unused_files(services: Services, files: Sequence[StoredFile]) -> None:
    """Delete the blobs of files that no row references any more.

    Files may be shared: two reports may have the same table, and a report may be attached to a work.
    """
    with transaction.atomic():
        hold(Lock.FILES)
        for digest in {Digest.from_hex(file["digest"]) for file in files}:
            if not _is_referenced(digest):
                services.blobs.remove(digest)


def remove_row(services: Services, row: Package | Report, *, by: str) -> None:
    """Remove a package or report with its files and stop its generation. Its number is not reused."""
    rows, file_type = type(row)._default_manager, "package" if isinstance(row, Package) else "report"
    with lock_row(row) as locked_row:
        changes = {"removed_at": now(), "files": [], "progress": {}, "state": StepState.DONE, "error": ""}
        rows.filter(pk=locked_row.pk).update(**changes)
        log_change(f"{file_type} removed", by=by, owner=locked_row.owner, details={file_type: locked_row.number})
    remove_unused_files(services, locked_row.files)


def _is_referenced(digest: Digest) -> bool:
    condition = {"files__contains": [{"digest": digest.hex}]}
    is_in_files = Report.objects.filter(**condition).exists() or Package.objects.filter(**condition).exists()
    return is_in_files or WorkAttachment.objects.filter(digest=digest).exists()
