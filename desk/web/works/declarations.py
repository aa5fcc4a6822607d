"""Declarations about a work: editing, answers to warnings, documents, and the public page."""

from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from desk.texts import ownership
from desk.texts.sentences import in_words
from desk.web.common.access import clean_text, log_download, parse_number
from desk.web.common.pages import decider_form, decider_post, member_page, render_page
from exhibit.errors import ExhibitError, InvalidRequestError, NotFoundError
from exhibit.types import DeclaredWork
from registry import scoped
from registry.log.audit_log import EvidenceKind
from registry.models import Owner, Work
from registry.works import declarations as registry_declarations
from registry.works.ownership import record_reply as answer_remark
from registry.works.public_works import publish_work, unpublish_work
from registry.works.registration import remove_work
from registry.works.work_tables import parse_registration
from workers import wiring

METADATA_FIELDS = {name: name for name in ("title", "author", "created", "credit", "holder")} | {
    "rights_statement": "rights"
}
"""Fields that a file's metadata may contain, by metadata name."""
MAX_LENGTHS = {"title": 500, "author": 300, "holder": 300, "credit": 300}
"""Maximum lengths of fields with a lower limit than others."""


@decider_form()
def edit(request: HttpRequest, owner: Owner, number: int) -> HttpResponseBase:
    """Edit the declarations. Empty fields can be filled from the file's metadata."""
    row = scoped.get_work(owner, number)
    error = ""
    if request.method == "POST":
        by, reason = request.user.get_username(), clean_text(request.POST.get("reason", ""))
        version = parse_number(request.POST.get("version"))
        try:
            has_changed = registry_declarations.edit_work(
                row, _parse_declaration(request), by=by, reason=reason, version=version
            )
        except ExhibitError as problem:
            error = in_words(problem)
        else:
            messages.success(request, _("Saved.") if has_changed else _("Nothing was changed."))
            return redirect("work", slug=owner.slug, number=number)
    metadata = {name: text for name, key in METADATA_FIELDS.items() if (text := row.metadata.get(key))}
    values = {
        "work": row,
        "error": error,
        "values": _read_fields(request) if error else _build_form_values(row, fill="fill" in request.GET),
        "said": {name: _("According to the file: %(said)s") % {"said": text} for name, text in metadata.items()},
        "gaps": any(not getattr(row, name) for name in metadata),
        "author_kinds": ownership.AUTHOR_KIND_LABELS.items(),
        "mediums": ownership.MEDIUM_LABELS.items(),
        "version": row.changes.count(),
    }
    return render_page(request, owner, "web/edit-work.html", values, status=400 if error else 200)


@decider_post(back="work")
def answer_warning(request: HttpRequest, owner: Owner, number: int, remark: int) -> str:
    """Answer an ownership warning with a reason."""
    row = scoped.get_work(owner, number).remarks.filter(pk=remark).select_related("work__owner").first()
    if row is None:
        raise Http404
    answer_remark(row, by=request.user.get_username(), reason=clean_text(request.POST.get("reason", "")))
    return _("Your reason was saved with your name and the time.")


@decider_post(back="work")
def attach_document(request: HttpRequest, owner: Owner, number: int) -> str:
    """Attach a document to a work."""
    row = scoped.get_work(owner, number)
    file = request.FILES.get("file")
    if file is None:
        raise InvalidRequestError(_("Choose a file."))
    if (file.size or 0) > registry_declarations.MAX_ATTACHMENT_BYTES:
        raise InvalidRequestError(_("The document is too large."))
    about, by = clean_text(request.POST.get("about", "")), request.user.get_username()
    registry_declarations.attach_document(wiring.services(), row, str(file.name), file.read(), description=about, by=by)
    return _("The document was saved byte for byte; its digest is in the log.")


@member_page()
def attachment(request: HttpRequest, owner: Owner, number: int, attachment: int) -> HttpResponseBase:
    """Send an attached document unchanged."""
    row = scoped.get_attachment(owner, number, attachment)
    assert row.digest is not None
    try:
        stream = wiring.services().blobs.open(row.digest)
    except NotFoundError:
        messages.error(request, _("This document was permanently removed."))
        return redirect("work", slug=owner.slug, number=number)
    log_download(request, EvidenceKind.ATTACHMENT, owner, number=attachment, work=number)
    return FileResponse(stream, as_attachment=True, filename=row.name, content_type="application/octet-stream")


@decider_post(back="work")
def detach_document(request: HttpRequest, owner: Owner, number: int, attachment: int) -> None:
    """Remove a document from a work."""
    registry_declarations.detach_document(
        scoped.get_attachment(owner, number, attachment), by=request.user.get_username()
    )


@decider_post(back="works")
def remove(request: HttpRequest, owner: Owner, number: int) -> str:
    """Stop searching for copies of a work."""
    row = scoped.get_work(owner, number)
    remove_work(row, by=request.user.get_username())
    text = _("Exhibit no longer searches for copies of “%(title)s”. Its cases and evidence are kept.")
    return text % {"title": row.title}


@decider_post(back="work")
def publish_page(request: HttpRequest, owner: Owner, number: int) -> str:
    """Publish a page about a work, or change its contact."""
    row, contact = scoped.get_work(owner, number), clean_text(request.POST.get("contact", ""))
    publish_work(wiring.services(), row, contact=contact, by=request.user.get_username())
    return _("Anyone can now view the public page of this work.")


@decider_post(back="work")
def unpublish_page(request: HttpRequest, owner: Owner, number: int) -> str:
    """Close a work's public page. Its URL then responds as if it had never existed."""
    unpublish_work(scoped.get_work(owner, number), by=request.user.get_username())
    return _("The public page was closed.")


def _build_form_values(row: Work, *, fill: bool) -> dict[str, Any]:
    declaration = row.declared_work
    values: dict[str, Any] = {name: getattr(declaration, name) for name in declaration.__dataclass_fields__}
    values["author_died"] = declaration.author_died or ""
    lines = ((entry["office"], entry["number"], entry.get("date", "")) for entry in declaration.registrations)
    values["registrations"] = "\n".join(" | ".join(filter(None, line)) for line in lines)
    if fill:
        metadata = {name: row.metadata.get(key) for name, key in METADATA_FIELDS.items() if not values[name]}
        values |= {name: text for name, text in metadata.items() if text}
    return values


def _read_fields(request: HttpRequest) -> dict[str, Any]:
    return {name: request.POST.get(name, "") for name in DeclaredWork.__dataclass_fields__}


def _parse_declaration(request: HttpRequest) -> DeclaredWork:
    fields: dict[str, Any] = {name: clean_text(text) for name, text in _read_fields(request).items()}
    death_year = fields["author_died"]
    if death_year and not (death_year.isascii() and death_year.isdecimal() and len(death_year) <= 4):
        raise InvalidRequestError(_("“%(given)s” is not a year.") % {"given": death_year})
    lines = [line.strip() for line in request.POST.get("registrations", "").splitlines()]
    registrations = [(line, parse_registration(line)) for line in lines[:50] if line]
    invalid_line = next((line for line, registration in registrations if registration is None), None)
    if invalid_line is not None:
        text = _(
            "“%(given)s” is not a valid registration. Use the format office | number | date; the date is optional."
        )
        raise InvalidRequestError(text % {"given": invalid_line[:100]})
    return DeclaredWork(
        **fields
        | {name: fields[name][:limit] for name, limit in MAX_LENGTHS.items()}
        | {
            "author_kind": fields["author_kind"] or Work.AuthorKind.PERSON,
            "author_died": int(death_year) if death_year else None,
        }
        | {"registrations": tuple(registration for _line, registration in registrations if registration is not None)}
    )
