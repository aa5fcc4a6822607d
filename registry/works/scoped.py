"""Look up an owner's works, and nothing of another owner."""

from django.db.models import F, QuerySet

from registry.accounts.models import Owner
from registry.accounts.scoped import number_lookup, rows_of_owner
from registry.db.rows import require
from registry.works.models import BulkEdit, Licence, Upload, Work, WorkAttachment

works = rows_of_owner(Work, order="number", removed_at=None)
uploads = rows_of_owner(Upload, "owner")
licences = rows_of_owner(Licence, order="number")


def attachment(owner: Owner, work_number: int, number: int) -> WorkAttachment:
    """Return a document of one of the owner's works; raises ``NotFoundError`` if there is none or it was removed."""
    attachments = WorkAttachment.objects.filter(
        work__in=works(owner), work__number=work_number, number=number, removed_at=None
    )
    attachments = attachments.select_related("work__owner")
    return require(attachments.first(), f"{owner.name} has no such document beside work {work_number}.")


def bulk_edits(owner: Owner) -> QuerySet[BulkEdit]:
    """Return the owner's bulk edits, newest first, without the primary keys of their works."""
    rows = BulkEdit.objects.filter(owner=owner).select_related("owner", "undoes", "undone_by")
    keys = ("works", "undoes__works", "undone_by__works")
    return rows.annotate(count=F("works__len")).defer(*keys).order_by("-number")


work = number_lookup(works, "work")
upload = number_lookup(uploads, "upload")
bulk_edit = number_lookup(bulk_edits, "bulk edit")
licence = number_lookup(licences, "licence")
