"""Queries for works, uploads, licences and documents, limited to one owner."""

from django.db.models import F, QuerySet

from registry.accounts.models import Owner
from registry.accounts.scoped import make_number_lookup, make_owner_query
from registry.db.rows import require
from registry.works.models import BulkEdit, Licence, Upload, Work, WorkAttachment

list_owner_works = make_owner_query(Work, order="number", removed_at=None)
list_uploads = make_owner_query(Upload, "owner")
list_licences = make_owner_query(Licence, order="number")


def get_attachment(owner: Owner, work_number: int, number: int) -> WorkAttachment:
    """Return a document of one of the owner's works. Raise ``NotFoundError`` if there is none or it was removed."""
    attachments = WorkAttachment.objects.filter(
        work__in=list_owner_works(owner), work__number=work_number, number=number, removed_at=None
    )
    attachments = attachments.select_related("work__owner")
    return require(attachments.first(), f"{owner.name} has no such document for work {work_number}.")


def list_bulk_edits(owner: Owner) -> QuerySet[BulkEdit]:
    """Return the owner's bulk edits, newest first, without the primary keys of their works."""
    rows = BulkEdit.objects.filter(owner=owner).select_related("owner", "undoes", "undone_by")
    keys = ("works", "undoes__works", "undone_by__works")
    return rows.annotate(count=F("works__len")).defer(*keys).order_by("-number")


get_work = make_number_lookup(list_owner_works, "work")
get_upload = make_number_lookup(list_uploads, "upload")
get_bulk_edit = make_number_lookup(list_bulk_edits, "bulk edit")
get_licence = make_number_lookup(list_licences, "licence")
