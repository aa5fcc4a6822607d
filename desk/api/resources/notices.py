"""Notices: drafts, and their results. Signing and sending are possible only in the web interface."""

from typing import Annotated

from django.http.response import HttpResponseBase
from django.utils import timezone
from ninja import Query, Router

from desk.api.common.auth import SEND, Call, get_request_owner
from desk.api.common.files import FileName, build_download_response, build_filing_response, log_download
from desk.api.common.idempotency import make_idempotent
from desk.api.common.openapi import describe_file_response
from desk.api.common.pagination import Cursor, Limit, get_page
from desk.schemas import notices as schemas, requests
from desk.schemas.base import Page
from registry import scoped
from registry.db.rows import require
from registry.log.audit_log import EvidenceKind
from registry.notices import notices, replies, signing
from workers import wiring

router = Router(tags=["notices"])
NOTICES, NOTICE_PATH = "/owners/{slug:owner}/notices", "/owners/{slug:owner}/notices/{int:number}"
SiteFilter = Annotated[
    str, Query(max_length=260, pattern=requests.TEXT_PATTERN, description="Return only notices to this site.")
]
StateFilter = Annotated[
    requests.NoticeState | None,
    Query(
        description="Return only notices in this state, such as "
        "`countered` (a counter-notice was received) or `online` (the picture remains online)."
    ),
]


@router.get(NOTICES, response=Page[schemas.NoticeSummary])
def list_notices(
    request: Call, owner: str, site: SiteFilter = "", state: StateFilter = None, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.NoticeSummary]:
    """List notices, without discarded drafts."""
    rows = notices.list_notices(get_request_owner(request))
    filters = {"party": site, "state": state}
    rows = rows.filter(**{name: value for name, value in filters.items() if value})
    return get_page(rows, schemas.NoticeSummary, cursor, limit)


@router.get(NOTICE_PATH, response=schemas.NoticeDetails)
def get_notice(request: Call, owner: str, number: int) -> schemas.NoticeDetails:
    """Get a notice with its text.

    For a draft, the response contains the text that would be sent now and the items that are missing; for other
    notices, it contains the signed text.
    """
    return _build_details(request, number)


@router.post(NOTICES, response={201: schemas.NoticeDetails}, auth=SEND)
@make_idempotent
def draft_notice(request: Call, owner: str, new: requests.NewNotice) -> schemas.NoticeDetails:
    """Draft a notice about confirmed cases of one site. Nothing is sent.

    Answering the fair-use questions, signing and sending require a member who is signed in to the web interface. The
    API has no operations for these steps.
    """
    for number in set(new.cases):  # Refuse unknown cases; otherwise the letter would silently omit them.
        scoped.get_case(get_request_owner(request), number)
    draft = notices.create_draft(
        get_request_owner(request), new.cases, new.kind.value, new.language.value, by=request.auth.by
    )
    return _build_details(request, draft.number)


@router.patch(NOTICE_PATH, response=schemas.NoticeDetails, auth=SEND)
def edit_notice(request: Call, owner: str, number: int, fields: requests.NoticeFields) -> schemas.NoticeDetails:
    """Update the fields of a draft. Returns 422 if the notice is signed; withdraw the signature first."""
    row = notices.get_notice(get_request_owner(request), number)
    values = {name: str(value) for name, value in fields.model_dump(exclude_unset=True).items()}
    notices.save_fields(row, values, values)
    return _build_details(request, number)


@router.delete(NOTICE_PATH, response={204: None}, auth=SEND)
def discard_notice(request: Call, owner: str, number: int) -> None:
    """Discard a draft. Its number is not reused."""
    notices.discard_draft(notices.get_notice(get_request_owner(request), number), by=request.auth.by)


@router.post(NOTICE_PATH + "/events", response={201: schemas.NoticeDetails}, auth=SEND)
@make_idempotent
def add_notice_event(request: Call, owner: str, number: int, new: requests.NewNoticeEvent) -> schemas.NoticeDetails:
    """Record an event for a sent notice. A counter-notice pauses the cases of the notice until a member resolves it."""
    row, day = notices.get_notice(get_request_owner(request), number), new.day or timezone.localdate()
    notices.record_outcome(row, new.state.value, day, new.note.strip(), by=request.auth.by)
    return _build_details(request, number)


@router.get(
    NOTICE_PATH + "/replies/{int:reply}/files/{int:file}",
    openapi_extra=describe_file_response("application/octet-stream"),
)
def get_reply_file(request: Call, owner: str, number: int, reply: int, file: int) -> HttpResponseBase:
    """Download a file attached to a reply. The file comes from an untrusted sender."""
    file_row = replies.get_file(notices.get_notice(get_request_owner(request), number), reply, file)
    log_download(request, EvidenceKind.DRAFT_DOCUMENT, notice=number, reply=reply, file=file)
    return build_download_response(bytes(file_row.data), file_row.name, "application/octet-stream")


@router.get(NOTICE_PATH + "/files/{name}", openapi_extra=describe_file_response(*signing.MEDIA_TYPES))
def get_notice_file(request: Call, owner: str, number: int, name: FileName) -> HttpResponseBase:
    """Download a file of a notice, exactly as it was signed or sent."""
    row = notices.get_notice(get_request_owner(request), number)
    notice_file = signing.load_file(wiring.services(), row, name)
    content, media_type = require(notice_file, f"Notice {number} has no such file.")
    log_download(request, EvidenceKind.DRAFT_DOCUMENT, notice=number, file=name)
    return build_download_response(content, signing.get_download_name(row, name), media_type)


@router.get(NOTICE_PATH + "/filing", openapi_extra=describe_file_response("application/zip"))
def get_filing(request: Call, owner: str, number: int) -> HttpResponseBase:
    """Download a signed filing for a board or court as one ZIP, with the bundles of its cases."""
    response, seals = build_filing_response(notices.get_notice(get_request_owner(request), number))
    log_download(request, EvidenceKind.PACKAGE, notice=number, seals=seals)
    return response


def _build_details(request: Call, number: int) -> schemas.NoticeDetails:
    return schemas.NoticeDetails.from_notice(wiring.services(), notices.get_notice(get_request_owner(request), number))
