"""Removal of reports and packages, and of files that no row references any more."""

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


def remove_unused(services: Services, files: Sequence[StoredFile]) -> None:
    """Delete blobs that no row references any more.

    Two reports may share a table, two packages a bundle, and a report may have been attached to a work.
    """
    with transaction.atomic():
        hold(Lock.FILES)
        for digest in {Digest.from_hex(file["digest"]) for file in files}:
            if not _is_referenced(digest):
                services.blobs.remove(digest)


def remove_row(services: Services, row: Package | Report, *, by: str) -> None:
    """Remove a package or report with its files. Its number is not reused. Work in progress on it ends."""
    rows, what = type(row)._default_manager, "package" if isinstance(row, Package) else "report"
    with lock_row(row) as locked_row:
        changes = {"removed_at": now(), "files": [], "progress": {}, "state": StepState.DONE, "error": ""}
        rows.filter(pk=locked_row.pk).update(**changes)
        log_change(f"{what} removed", by=by, owner=locked_row.owner, about={what: locked_row.number})
    remove_unused(services, locked_row.files)


def _is_referenced(digest: Digest) -> bool:
    listed = {"files__contains": [{"digest": digest.hex}]}
    in_files = Report.objects.filter(**listed).exists() or Package.objects.filter(**listed).exists()
    return in_files or WorkAttachment.objects.filter(digest=digest).exists()
