"""Notices: drafts, and their results. Signing and sending are possible only on the site."""

from typing import Annotated

from django.http.response import HttpResponseBase
from django.utils import timezone
from ninja import Query, Router

from desk.api.common.auth import SEND, Call, of
from desk.api.common.files import FileName, download, packet_answer, taken
from desk.api.common.idempotency import once
from desk.api.common.openapi import file_of
from desk.api.common.pagination import Cursor, Limit, page
from desk.schemas import notices as schemas, requests
from desk.schemas.base import Page
from registry import scoped
from registry.db.rows import require
from registry.log.audit_log import Evidence
from registry.notices import notices, replies, signing
from workers import wiring

router = Router(tags=["notices"])
NOTICES, ONE = "/owners/{slug:owner}/notices", "/owners/{slug:owner}/notices/{int:number}"
Party = Annotated[str, Query(max_length=260, pattern=requests.CLEAN, description="Only notices to this site.")]
Stands = Annotated[requests.NoticeState | None, Query(description="Only notices in this state.")]


@router.get(NOTICES, response=Page[schemas.NoticeSummary])
def list_notices(
    request: Call, owner: str, site: Party = "", state: Stands = None, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.NoticeSummary]:
    """List notices, without discarded drafts."""
    rows = notices.list_notices(of(request))
    filters = {"party": site, "state": state}
    rows = rows.filter(**{name: value for name, value in filters.items() if value})
    return page(rows, schemas.NoticeSummary, cursor, limit)


@router.get(ONE, response=schemas.NoticeDetails)
def get_notice(request: Call, owner: str, number: int) -> schemas.NoticeDetails:
    """Get a notice with its letter: a draft as it would be sent now with its missing items, or the signed text."""
    return _told(request, number)


@router.post(NOTICES, response={201: schemas.NoticeDetails}, auth=SEND)
@once
def draft_notice(request: Call, owner: str, new: requests.NewNotice) -> schemas.NoticeDetails:
    """Draft a notice about confirmed cases of one site. Nothing is sent.

    Fair-use considerations, signing and sending require a person who is signed in to the site. The API has no
    operation for them.
    """
    for number in set(new.cases):  # a letter about fewer cases than were named would surprise its sender
        scoped.case(of(request), number)
    draft = notices.create_draft(of(request), new.cases, new.kind.value, new.language.value, by=request.auth.by)
    return _told(request, draft.number)


@router.patch(ONE, response=schemas.NoticeDetails, auth=SEND)
def edit_notice(request: Call, owner: str, number: int, fields: requests.NoticeFields) -> schemas.NoticeDetails:
    """Update the addressee and sender of a draft. Returns 422 if the notice is signed; withdraw the signature first."""
    row = notices.get_notice(of(request), number)
    values = {name: str(value) for name, value in fields.model_dump(exclude_unset=True).items()}
    notices.save_fields(row, values, values)
    return _told(request, number)


@router.delete(ONE, response={204: None}, auth=SEND)
def discard_notice(request: Call, owner: str, number: int) -> None:
    """Discard a draft. Its number is not reused."""
    notices.discard_draft(notices.get_notice(of(request), number), by=request.auth.by)


@router.post(ONE + "/events", response={201: schemas.NoticeDetails}, auth=SEND)
@once
def add_notice_event(request: Call, owner: str, number: int, new: requests.NewNoticeEvent) -> schemas.NoticeDetails:
    """Record what happened to a sent notice. A counter-notice pauses its cases until it is resolved."""
    row, day = notices.get_notice(of(request), number), new.day or timezone.localdate()
    notices.record_outcome(row, new.state.value, day, new.note.strip(), by=request.auth.by)
    return _told(request, number)


@router.get(ONE + "/replies/{int:reply}/files/{int:file}", openapi_extra=file_of("application/octet-stream"))
def get_reply_file(request: Call, owner: str, number: int, reply: int, file: int) -> HttpResponseBase:
    """Download a file attached to a reply. It comes from an untrusted sender."""
    file_row = replies.get_file(notices.get_notice(of(request), number), reply, file)
    taken(request, Evidence.DRAFT_DOCUMENT, notice=number, reply=reply, file=file)
    return download(bytes(file_row.data), file_row.name, "application/octet-stream")


@router.get(ONE + "/files/{name}", openapi_extra=file_of(*signing.MEDIA_TYPES))
def get_notice_file(request: Call, owner: str, number: int, name: FileName) -> HttpResponseBase:
    """Download a file of a notice, exactly as it was signed or sent."""
    row = notices.get_notice(of(request), number)
    notice_file = signing.load_file(wiring.services(), row, name)
    content, media_type = require(notice_file, f"Notice {number} has no such file.")
    taken(request, Evidence.DRAFT_DOCUMENT, notice=number, file=name)
    return download(content, signing.get_download_name(row, name), media_type)


@router.get(ONE + "/filing", openapi_extra=file_of("application/zip"))
def get_filing(request: Call, owner: str, number: int) -> HttpResponseBase:
    """Download a signed filing for a board or a court as one ZIP, with the evidence bundles of its cases."""
    answer, seals = packet_answer(notices.get_notice(of(request), number))
    taken(request, Evidence.PACKAGE, notice=number, seals=seals)
    return answer


def _told(request: Call, number: int) -> schemas.NoticeDetails:
    return schemas.NoticeDetails.of(wiring.services(), notices.get_notice(of(request), number))
