"""Uploads of many works: files in portions, a table of declarations, and the result for each file."""

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from ninja import File, Form, Query, Router, UploadedFile
from pydantic import Field

from desk.api.common.auth import WRITE, Call, of
from desk.api.common.idempotency import once
from desk.api.common.pagination import Cursor, Limit, page
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
UPLOADS, ONE = "/owners/{slug:owner}/uploads", "/owners/{slug:owner}/uploads/{int:number}"
Portion = Annotated[
    list[UploadedFile], File(min_length=1, description="Files of this portion, 128 MiB in total at most.")
]
Table = Annotated[UploadedFile | None, File(description="CSV or XLSX table of declarations, one row per file.")]


class NewUpload(requests.RequestBody):
    """Declarations for files that neither the table nor, with `reads_metadata`, the file itself describes."""

    author: requests.Short = Field("", examples=["A. Example"], description="Author of the works.")
    rights: requests.Long = Field("", description="Rights statement.")
    use_metadata: bool = Field(
        default=True, description="Use the files' metadata (EXIF, IPTC, XMP) where nothing else is declared."
    )
    encoding: requests.Encoding = ""
    skip_rows: bool = Field(default=False, description="Skip invalid rows of the table, and list them in the response.")
    expected: int = Field(
        0, ge=0, le=uploading.MAX_FILES, description="Number of files that will be sent; 0 if unknown.", examples=[2]
    )


class FileNames(requests.RequestBody):
    """Names of the files of a portion."""

    names: list[requests.Short] = Field(
        [],
        max_length=1_000,
        description="File names with folders, in the order of the files; by default the names sent with the files.",
    )


class Result(StrEnum):
    """Result of a file."""

    WAITING = "waiting"
    REGISTERED = "registered"
    KNOWN = "known"
    REFUSED = "refused"


Only = Annotated[Result | None, Query(description="Only files with this result.")]


@router.get(UPLOADS, response=Page[schemas.Upload])
def list_uploads(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Upload]:
    """List uploads with their progress."""
    return page(scoped.uploads(of(request)), schemas.Upload, cursor, limit)


@router.post(UPLOADS, response={201: schemas.StartedUpload}, auth=WRITE)
@once
def start_upload(request: Call, owner: str, declared: Form[NewUpload], table: Table = None) -> schemas.StartedUpload:
    """Start an upload of works. Send the files in portions, then close the upload."""
    said = uploading.Declaration(declared.author, declared.rights, declared.use_metadata)
    file = None if table is None else (str(table.name), table.read())
    to, by = of(request), request.auth.by
    columns, encoding = Columns(to, ColumnMapping.Kind.WORKS), ENCODINGS.get(declared.encoding, "")
    read = (
        None if file is None else parse_works_table(*file, columns, encoding=encoding, skips_invalid=declared.skip_rows)
    )
    row = uploading.start_upload(to, said, by=by, table=read, announced=declared.expected)
    skipped = [] if read is None else read.interpretation.skipped
    return schemas.StartedUpload.from_row(
        row,
        columns_chosen_by="" if columns.used is None else columns.used.by,
        skipped_rows=[schemas.SkippedRow(row=line, problem=problem) for line, problem in skipped],
        unread_sheets=[] if read is None else list(read.interpretation.unread_sheets),
    )


@router.get(ONE, response=schemas.Upload)
def get_upload(request: Call, owner: str, number: int) -> schemas.Upload:
    """Get an upload with its progress."""
    return schemas.Upload.from_row(scoped.upload(of(request), number))


@router.post(ONE + "/files", response={202: schemas.Upload}, auth=WRITE)
@once
def send_files(request: Call, owner: str, number: int, files: Portion, named: Form[FileNames]) -> schemas.Upload:
    """Send a portion of files. They are registered in the background. Files sent before are ignored."""
    names = named.names or [str(file.name) for file in files]
    if len(names) != len(files):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"There are {len(files)} files and {len(names)} names.")
    sent = [uploading.SentFile(name, file.size or 0, file.read) for name, file in zip(names, files, strict=True)]
    row = scoped.upload(of(request), number)
    uploading.receive_files(wiring.services(), row, sent)
    return schemas.Upload.from_row(row)


@router.post(ONE + "/close", response=schemas.Upload, auth=WRITE)
@once
def close_upload(request: Call, owner: str, number: int) -> schemas.Upload:
    """Close an upload after all files were sent. More files are still accepted."""
    uploading.close_upload(scoped.upload(of(request), number))
    return schemas.Upload.from_row(scoped.upload(of(request), number))


@router.post(ONE + "/retry", response={202: schemas.Upload}, auth=WRITE, operation_id="retry_upload")
@once
def try_again(request: Call, owner: str, number: int) -> schemas.Upload:
    """Retry the failed files of an upload."""
    row = scoped.upload(of(request), number)
    uploading.retry_failed(wiring.services(), row)
    return schemas.Upload.from_row(row)


@router.get(ONE + "/files", response=Page[schemas.UploadFile], operation_id="list_upload_files")
def list_files(
    request: Call, owner: str, number: int, only: Only = None, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.UploadFile]:
    """List the files of an upload with their results: the work, or the reason and a remedy."""
    upload = scoped.upload(of(request), number)
    if only is Result.REFUSED:
        rows = uploading.list_refused(upload)
    elif only is Result.WAITING:
        rows = upload.files.filter(outcome="").exclude(state="failed")
    else:
        rows = upload.files.all() if only is None else upload.files.filter(outcome=UploadFile.Outcome(only.value))
    return page(rows.select_related("work", "line"), schemas.UploadFile, cursor, limit)


@router.get(ONE + "/unmatched-rows", response=Page[schemas.UploadRow], operation_id="list_unmatched_rows")
def list_lines(
    request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.UploadRow]:
    """List table rows without a matching file."""
    return page(
        uploading.list_lines_without_files(scoped.upload(of(request), number)), schemas.UploadRow, cursor, limit
    )


PROPOSALS = "/owners/{slug:owner}/proposals"


@router.get(PROPOSALS, response=Page[schemas.Proposal])
def list_proposals(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Proposal]:
    """List proposed works: pictures on your own sites that show none of your works and were not dismissed.

    At most 10,000 proposals are kept; no further ones are added until you handle some.
    """
    return page(proposals.list_open(of(request)), schemas.Proposal, cursor, limit)


@router.post(PROPOSALS + "/register", response={202: schemas.Upload}, auth=WRITE)
@once
def register_proposals(request: Call, owner: str, new: requests.ProposedPictures) -> schemas.Upload:
    """Register proposed pictures as works, as an upload. Only the metadata of their files is declared.

    Exhibit stores where each file was seen. That does not prove authorship.
    """
    digests = [Digest.from_hex(text) for text in new.pictures]
    return schemas.Upload.from_row(proposals.register(wiring.services(), of(request), digests, by=request.auth.by))


@router.post(PROPOSALS + "/dismiss", response=schemas.DiscardedProposals, auth=WRITE)
@once
def dismiss_proposals(request: Call, owner: str, new: requests.ProposedPictures) -> schemas.DiscardedProposals:
    """Discard proposed works."""
    digests = [Digest.from_hex(text) for text in new.pictures]
    return schemas.DiscardedProposals(pictures=proposals.dismiss(of(request), digests, by=request.auth.by))
