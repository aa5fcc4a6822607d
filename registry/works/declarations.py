"""Changes to a work's declaration and documents. Each is recorded in the work's history and in the log."""

from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import ConflictError, InvalidRequestError, RefusedError
from exhibit.plain import remove_control_chars, to_one_line
from exhibit.types import DeclaredWork
from registry.db.locks import Lock, hold
from registry.db.rows import get_next_number, lock_row
from registry.log.audit_log import log_change
from registry.log.log import NewEntry, submit_entries
from registry.pictures.blocklist import find_blocked_digests
from registry.services.services import Services
from registry.works.models import Work, WorkAttachment
from registry.works.ownership import add_change, record_remarks
from registry.works.registration import get_remaining_quota, make_registration_opening, use_quota
from registry.works.work_tables import parse_date

MAX_ATTACHMENTS = 50  # per work
MAX_ATTACHMENT_BYTES = 20 * 1024 * 1024  # size in bytes of one attachment


def edit_work(work: Work, declaration: DeclaredWork, *, by: str, reason: str = "", version: int | None = None) -> bool:
    """Replace the declaration of a work. Return True if anything is different.

    Args:
        work: The work; refreshed from the database.
        declaration: The new declaration.
        by: Account recorded in the history.
        reason: Reason recorded in the history.
        version: Number of changes when the member opened the form; not checked if ``None``.

    Raises:
        InvalidRequestError: A value such as a date is invalid.
        ConflictError: The work has been changed since ``version``.
    """
    declaration = normalise_declaration(declaration)
    with lock_row(work.owner):
        row = Work.objects.select_related("owner").get(pk=work.pk)
        if version is not None and version != row.changes.count():
            sentence = _("Another member changed this work in the meantime. Nothing was saved.")
            raise ConflictError(sentence, hint=_("Review the work, then change it again."))
        before, after = row.declared_work.to_columns(), declaration.to_columns()
        changed_names = [name for name in after if before[name] != after[name]]
        differences = {name: {"before": before[name], "after": after[name]} for name in changed_names}
        if not differences:
            return False
        for name, value in after.items():
            setattr(row, name, value)
        change = add_change(row, "edited", differences, by=by, reason=reason)
        row.declaration = submit_entries([make_declaration_entry(row, change.number, by=by, reason=reason)])[0]
        row.save(update_fields=[*after, "declaration"])
        record_remarks(row, by=by)
    work.refresh_from_db()
    return True


def make_declaration_entry(row: Work, change: int, *, by: str, reason: str) -> NewEntry:
    """Return the log entry for a changed declaration, with the number of the history entry that records the change."""
    first_picture = min(row.work_pictures.all(), key=lambda picture: picture.pk)
    extra = {} if first_picture.stated is None else {"stated": True}
    opening = {**make_registration_opening(row, first_picture.digest), **extra, "edited": change}
    return NewEntry(EntryType.REGISTRATION, opening, row.owner, details={"by": by, "reason": reason})


def attach_document(
    services: Services, work: Work, name: str, data: bytes, *, description: str, by: str
) -> WorkAttachment:
    """Store a document with a work, byte for byte, with its digest in the log. Raises ``RefusedError``."""
    digest = Digest.from_bytes(data)
    if not data or len(data) > MAX_ATTACHMENT_BYTES:
        sentence = _("A document can have at most %(most)d MiB and must not be empty.") % {
            "most": MAX_ATTACHMENT_BYTES // 2**20
        }
        raise RefusedError(sentence, reason="too-many-bytes")
    if find_blocked_digests([digest]):
        raise RefusedError(_("The operator does not allow this file here."), reason="blocked")
    if len(data) > get_remaining_quota(services, work.owner):
        raise RefusedError(
            _("The storage quota is used up."), reason="quota", hint=_("Ask the operator for more storage.")
        )
    services.blobs.put(data)
    with lock_row(work.owner) as owner:
        use_quota(services, owner, len(data))
        if work.attachments.filter(removed_at=None).count() >= MAX_ATTACHMENTS:
            raise RefusedError(
                _("A work can have at most %(most)d documents.") % {"most": MAX_ATTACHMENTS}, reason="too-many"
            )
        hold(Lock.FILES)
        if digest not in services.blobs:  # The same bytes may have belonged to a removed report.
            services.blobs.put(data)
        number = get_next_number(work.attachments)
        attachment = WorkAttachment.objects.create(
            work=work, number=number, name=to_one_line(name)[-200:] or "document",
            about=to_one_line(description)[:300], digest=digest, size=len(data),
            added_by=by, added_at=now(),
        )  # fmt: skip
        add_change(work, "attached", {"name": attachment.name, "digest": digest.hex, "size": attachment.size}, by=by)
        log_details = {"attachment": number, "digest": digest.hex, "size": attachment.size, "work": work.number}
        log_change("work attachment added", by=by, owner=work.owner, details=log_details)
    return attachment


def detach_document(attachment: WorkAttachment, *, by: str) -> None:
    """Remove a document from a work. Its bytes stay, since the log contains their digest."""
    work = attachment.work
    with lock_row(work.owner):
        if WorkAttachment.objects.filter(pk=attachment.pk, removed_at=None).update(removed_at=now()):
            assert attachment.digest is not None
            digest = attachment.digest.hex
            add_change(work, "detached", {"name": attachment.name, "digest": digest}, by=by)
            details = {"attachment": attachment.number, "digest": digest, "work": work.number}
            log_change("work attachment removed", by=by, owner=work.owner, details=details)


def normalise_declaration(declaration: DeclaredWork) -> DeclaredWork:
    """Normalise a declaration: ISO 8601 dates, single-line texts. Raise ``InvalidRequestError`` for invalid values."""
    lines: dict[str, Any] = {
        name: to_one_line(getattr(declaration, name)) for name in ("title", "author", "holder", "credit")
    }
    declaration = replace(declaration, **lines, rights_statement=remove_control_chars(declaration.rights_statement))
    if not declaration.title:
        raise InvalidRequestError(_("Enter a title for the work."))
    created, published = parse_date(declaration.created), parse_date(declaration.first_publication)
    if declaration.author_died is not None and not 1 <= declaration.author_died <= now().year:
        raise InvalidRequestError(_("“%(given)s” is not a year in the past.") % {"given": declaration.author_died})
    if declaration.author_kind not in Work.AuthorKind.values or declaration.medium not in Work.Medium.values:
        raise InvalidRequestError(_("This option is not available."))
    return replace(declaration, created=created, first_publication=published)
