"""Look up an owner's works, and nothing of another owner."""

from django.db.models import F, QuerySet

from registry.accounts.models import Owner
from registry.accounts.scoped import numbered, rows_of_owner
from registry.db.rows import there
from registry.works.models import BulkEdit, Licence, Upload, Work, WorkAttachment

works = rows_of_owner(Work, order="number", removed_at=None)
uploads = rows_of_owner(Upload, "owner")
licences = rows_of_owner(Licence, order="number")


def attachment(of: Owner, work_number: int, number: int) -> WorkAttachment:
    """Return a document of one of the owner's works; raises ``NotFoundError`` if there is none or it was removed."""
    attachments = WorkAttachment.objects.filter(
        work__in=works(of), work__number=work_number, number=number, removed_at=None
    )
    attachments = attachments.select_related("work__owner")
    return there(attachments.first(), f"{of.name} has no such document beside work {work_number}.")


def bulk_edits(of: Owner) -> QuerySet[BulkEdit]:
    """Return the owner's bulk edits, newest first, without the primary keys of their works."""
    rows = BulkEdit.objects.filter(owner=of).select_related("owner", "undoes", "undone_by")
    keys = ("works", "undoes__works", "undone_by__works")
    return rows.annotate(count=F("works__len")).defer(*keys).order_by("-number")


work = numbered(works, "work")
upload = numbered(uploads, "upload")
bulk_edit = numbered(bulk_edits, "bulk edit")
licence = numbered(licences, "licence")
