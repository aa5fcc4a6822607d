"""Uploads of many works: files in batches, a table of declarations, and the result for each file."""

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from ninja import File, Form, Query, Router, UploadedFile
from pydantic import Field

from desk.api.common.auth import WRITE, Call, get_request_owner
from desk.api.common.idempotency import make_idempotent
from desk.api.common.pagination import Cursor, Limit, get_page
from desk.api.common.problems import Problem
from desk.schemas import requests, works as schemas
from desk.schemas.base import Page
from exhibit.digests import Digest
from exhibit.files.delimited import ENCODINGS
from registry import scoped
from registry.matches import proposals
from registry.models import ColumnMapping, UploadFile
from registry.works import uploads as uploading
from registry.works.column_mappings import Columns
from registry.works.work_tables import parse_works_table
from workers import wiring

router = Router(tags=["uploads"])
UPLOADS, UPLOAD_PATH = "/owners/{slug:owner}/uploads", "/owners/{slug:owner}/uploads/{int:number}"
UploadedFiles = Annotated[
    list[UploadedFile], File(min_length=1, description="Files of this batch; at most 128 MiB in total.")
]
Table = Annotated[UploadedFile | None, File(description="CSV or XLSX table of declarations, one row per file.")]


class NewUpload(requests.RequestBody):
    """Default declarations for the files of an upload, and options."""

    author: requests.ShortText = Field(
        "",
        examples=["A. Example"],
        description="Author of files for which the table gives no author. This value takes precedence over the "
        "metadata of the files.",
    )
    rights: requests.LongText = Field(
        "",
        description="Rights statement for files for which the table gives none. This "
        "value takes precedence over the metadata of the files.",
    )
    use_metadata: bool = Field(
        default=True,
        description="Whether to use the metadata of files (EXIF, IPTC, XMP) for values declared "
        "neither in the table nor in this request.",
    )
    encoding: requests.Encoding = ""
    skip_rows: bool = Field(
        default=False, description="Whether to skip invalid rows of the table and list them in the response."
    )
    expected: int = Field(
        0, ge=0, le=uploading.MAX_FILES, description="Number of files that will be sent; 0 if unknown.", examples=[2]
    )


class FileNames(requests.RequestBody):
    """Names of the files in a batch."""

    names: list[requests.ShortText] = Field(
        [],
        max_length=1_000,
        description="File names with folders, in the order of the files; by default the names sent with the files.",
    )


class Result(StrEnum):
    """Result of an uploaded file."""

    WAITING = "waiting"
    REGISTERED = "registered"
    KNOWN = "known"
    REFUSED = "refused"


ResultFilter = Annotated[
    Result | None,
    Query(
        description="Return only files with this result: `waiting`, "
        "`registered`, `known` (registered earlier) or `refused`."
    ),
]


@router.get(UPLOADS, response=Page[schemas.Upload])
def list_uploads(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Upload]:
    """List uploads with their progress."""
    return get_page(scoped.list_uploads(get_request_owner(request)), schemas.Upload, cursor, limit)


@router.post(UPLOADS, response={201: schemas.StartedUpload}, auth=WRITE)
@make_idempotent
def start_upload(request: Call, owner: str, declared: Form[NewUpload], table: Table = None) -> schemas.StartedUpload:
    """Start an upload of works. Send the files in batches, then close the upload."""
    declaration = uploading.DeclarationDefaults(declared.author, declared.rights, declared.use_metadata)
    file = None if table is None else (str(table.name), table.read())
    owner_row, by = get_request_owner(request), request.auth.by
    columns, encoding = Columns(owner_row, ColumnMapping.Kind.WORKS), ENCODINGS.get(declared.encoding, "")
    works_table = (
        None if file is None else parse_works_table(*file, columns, encoding=encoding, skips_invalid=declared.skip_rows)
    )
    row = uploading.start_upload(owner_row, declaration, by=by, table=works_table, announced=declared.expected)
    skipped_rows = [] if works_table is None else works_table.interpretation.skipped
    return schemas.StartedUpload.from_row(
        row,
        columns_chosen_by="" if columns.used_mapping is None else columns.used_mapping.by,
        skipped_rows=[schemas.SkippedRow(row=line, problem=problem) for line, problem in skipped_rows],
        unread_sheets=[] if works_table is None else list(works_table.interpretation.unread_sheets),
    )


@router.get(UPLOAD_PATH, response=schemas.Upload)
def get_upload(request: Call, owner: str, number: int) -> schemas.Upload:
    """Get an upload with its progress."""
    return schemas.Upload.from_row(scoped.get_upload(get_request_owner(request), number))


@router.post(UPLOAD_PATH + "/files", response={202: schemas.Upload}, auth=WRITE)
@make_idempotent
def send_files(request: Call, owner: str, number: int, files: UploadedFiles, named: Form[FileNames]) -> schemas.Upload:
    """Send a batch of files. They are registered in the background. Files that were sent earlier are ignored."""
    names = named.names or [str(file.name) for file in files]
    if len(names) != len(files):
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"There are {len(files)} files and {len(names)} names. Send one name for each file.",
        )
    sent_files = [uploading.SentFile(name, file.size or 0, file.read) for name, file in zip(names, files, strict=True)]
    row = scoped.get_upload(get_request_owner(request), number)
    uploading.receive_files(wiring.services(), row, sent_files)
    return schemas.Upload.from_row(row)


@router.post(UPLOAD_PATH + "/close", response=schemas.Upload, auth=WRITE)
@make_idempotent
def close_upload(request: Call, owner: str, number: int) -> schemas.Upload:
    """Close an upload after all files have been sent. Files that are sent later are still accepted."""
    uploading.close_upload(scoped.get_upload(get_request_owner(request), number))
    return schemas.Upload.from_row(scoped.get_upload(get_request_owner(request), number))


@router.post(UPLOAD_PATH + "/retry", response={202: schemas.Upload}, auth=WRITE, operation_id="retry_upload")
@make_idempotent
def retry_upload(request: Call, owner: str, number: int) -> schemas.Upload:
    """Retry the failed files of an upload."""
    row = scoped.get_upload(get_request_owner(request), number)
    uploading.retry_failed(wiring.services(), row)
    return schemas.Upload.from_row(row)


@router.get(UPLOAD_PATH + "/files", response=Page[schemas.UploadFile], operation_id="list_upload_files")
def list_upload_files(
    request: Call, owner: str, number: int, only: ResultFilter = None, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.UploadFile]:
    """List the files of an upload with their results: the work, or the reason for the refusal and what to do."""
    upload = scoped.get_upload(get_request_owner(request), number)
    if only is Result.REFUSED:
        rows = uploading.list_refused_files(upload)
    elif only is Result.WAITING:
        rows = upload.files.filter(outcome="").exclude(state="failed")
    else:
        rows = upload.files.all() if only is None else upload.files.filter(outcome=UploadFile.Outcome(only.value))
    return get_page(rows.select_related("work", "line"), schemas.UploadFile, cursor, limit)


@router.get(UPLOAD_PATH + "/unmatched-rows", response=Page[schemas.UploadRow], operation_id="list_unmatched_rows")
def list_unmatched_rows(
    request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.UploadRow]:
    """List the rows of the table for which no file was received."""
    return get_page(
        uploading.list_rows_without_files(scoped.get_upload(get_request_owner(request), number)),
        schemas.UploadRow,
        cursor,
        limit,
    )


PROPOSALS = "/owners/{slug:owner}/proposals"


@router.get(PROPOSALS, response=Page[schemas.Proposal])
def list_proposals(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Proposal]:
    """List proposed works: pictures on your own sites that show none of your works and were not discarded.

    At most 10,000 proposals are stored. No more are added until you register or discard some.
    """
    return get_page(proposals.list_open_proposals(get_request_owner(request)), schemas.Proposal, cursor, limit)


@router.post(PROPOSALS + "/register", response={202: schemas.Upload}, auth=WRITE)
@make_idempotent
def register_proposals(request: Call, owner: str, new: requests.ProposedPictures) -> schemas.Upload:
    """Register proposed pictures as works in a new upload. Their declarations come only from the metadata of the files.

    Exhibit records the page where each file was found. This does not prove authorship.
    """
    digests = [Digest.from_hex(text) for text in new.pictures]
    return schemas.Upload.from_row(
        proposals.register_proposals(wiring.services(), get_request_owner(request), digests, by=request.auth.by)
    )


@router.post(PROPOSALS + "/dismiss", response=schemas.DiscardedProposals, auth=WRITE)
@make_idempotent
def dismiss_proposals(request: Call, owner: str, new: requests.ProposedPictures) -> schemas.DiscardedProposals:
    """Discard proposed works."""
    digests = [Digest.from_hex(text) for text in new.pictures]
    return schemas.DiscardedProposals(
        pictures=proposals.dismiss_proposals(get_request_owner(request), digests, by=request.auth.by)
    )
