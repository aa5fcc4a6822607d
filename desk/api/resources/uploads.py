"""Bringing many works: files in portions, a table that declares them, and what came of each."""

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
from desk.schemas.base import Piece
from exhibit.digests import Digest
from exhibit.files.delimited import ENCODINGS
from registry import scoped
from registry.matches import proposals
from registry.models import ColumnMapping, UploadFile
from registry.works import uploads as uploading
from registry.works.column_mappings import Columns
from registry.works.tables import read_works
from workers import wiring

router = Router(tags=["uploads"])
UPLOADS, ONE = "/owners/{slug:owner}/uploads", "/owners/{slug:owner}/uploads/{int:number}"
Portion = Annotated[list[UploadedFile], File(min_length=1, description="A portion of at most 128 MiB.")]
Table = Annotated[UploadedFile | None, File(description="CSV or XLSX: a line declares the file that it names.")]


class NewUpload(requests.Given):
    """What is declared of all files that neither the table nor, if wished, the file itself names."""

    author: requests.Short = Field("", examples=["A. Example"])
    rights: requests.Long = ""
    reads_metadata: bool = Field(default=True, description="What is left out is taken from the files.")
    encoding: requests.Encoding = ""
    skip_rows: bool = Field(default=False, description="Skip rows of the table that can't be used, and list them.")
    announced: int = Field(0, ge=0, le=uploading.MAX_FILES, description="How many files are to come.", examples=[2])


class Names(requests.Given):
    """The names of the files of a portion."""

    names: list[requests.Short] = Field(
        [], max_length=1_000, description="With their folders, in the order of the files; as sent with them otherwise."
    )


class Result(StrEnum):
    """Which files of an upload are listed."""

    WAITING = "waiting"
    REGISTERED = "registered"
    KNOWN = "known"
    REFUSED = "refused"


Only = Annotated[Result | None, Query(description="With this result only.")]


@router.get(UPLOADS, response=Piece[schemas.Upload])
def list_uploads(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Piece[schemas.Upload]:
    """What was brought, each with how far it is."""
    return page(scoped.uploads(of(request)), schemas.Upload, cursor, limit)


@router.post(UPLOADS, response={201: schemas.BegunUpload}, auth=WRITE)
@once
def begin_upload(request: Call, owner: str, declared: Form[NewUpload], table: Table = None) -> schemas.BegunUpload:
    """Begin to bring works. Send their files in portions, then say that all are there."""
    said = uploading.Declaration(declared.author, declared.rights, declared.reads_metadata)
    file = None if table is None else (str(table.name), table.read())
    to, by = of(request), request.auth.by
    columns, encoding = Columns(to, ColumnMapping.Kind.WORKS), ENCODINGS.get(declared.encoding, "")
    read = None if file is None else read_works(*file, columns, encoding=encoding, skips=declared.skip_rows)
    row = uploading.begin(to, said, by=by, table=read, announced=declared.announced)
    skipped = [] if read is None else read.understood.skipped
    return schemas.BegunUpload.from_row(
        row,
        columns_by="" if columns.used is None else columns.used.by,
        skipped_rows=[schemas.SkippedRow(line=line, problem=problem) for line, problem in skipped],
        unread_sheets=[] if read is None else list(read.understood.unread_sheets),
    )


@router.get(ONE, response=schemas.Upload)
def get_upload(request: Call, owner: str, number: int) -> schemas.Upload:
    """One upload, and how far it is."""
    return schemas.Upload.from_row(scoped.upload(of(request), number))


@router.post(ONE + "/files", response={202: schemas.Upload}, auth=WRITE)
@once
def send_files(request: Call, owner: str, number: int, files: Portion, named: Form[Names]) -> schemas.Upload:
    """Send a portion of files; they are registered in the background. A file that came before is taken once."""
    names = named.names or [str(file.name) for file in files]
    if len(names) != len(files):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"There are {len(files)} files and {len(names)} names.")
    sent = [uploading.Sent(name, file.size or 0, file.read) for name, file in zip(names, files, strict=True)]
    row = scoped.upload(of(request), number)
    uploading.receive(wiring.services(), row, sent)
    return schemas.Upload.from_row(row)


@router.post(ONE + "/close", response=schemas.Upload, auth=WRITE)
@once
def close_upload(request: Call, owner: str, number: int) -> schemas.Upload:
    """Say that all files have been sent; more may come nevertheless."""
    uploading.close(scoped.upload(of(request), number))
    return schemas.Upload.from_row(scoped.upload(of(request), number))


@router.post(ONE + "/again", response={202: schemas.Upload}, auth=WRITE, operation_id="try_upload_again")
@once
def try_again(request: Call, owner: str, number: int) -> schemas.Upload:
    """Try once more what was given up."""
    row = scoped.upload(of(request), number)
    uploading.try_again(wiring.services(), row)
    return schemas.Upload.from_row(row)


@router.get(ONE + "/files", response=Piece[schemas.UploadFile], operation_id="list_upload_files")
def list_files(
    request: Call, owner: str, number: int, only: Only = None, cursor: Cursor = "", limit: Limit = 50
) -> Piece[schemas.UploadFile]:
    """The files that came, and what came of each: the work, or why there is none and what helps."""
    upload = scoped.upload(of(request), number)
    if only is Result.REFUSED:
        rows = uploading.problems(upload)
    elif only is Result.WAITING:
        rows = upload.files.filter(outcome="").exclude(state="failed")
    else:
        rows = upload.files.all() if only is None else upload.files.filter(outcome=UploadFile.Outcome(only.value))
    return page(rows.select_related("work", "line"), schemas.UploadFile, cursor, limit)


@router.get(ONE + "/lines", response=Piece[schemas.UploadLine], operation_id="list_lines_without_files")
def list_lines(
    request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50
) -> Piece[schemas.UploadLine]:
    """Lines of the table that are about no file that came."""
    return page(uploading.lines_without_files(scoped.upload(of(request), number)), schemas.UploadLine, cursor, limit)


PROPOSALS = "/owners/{slug:owner}/proposals"


@router.get(PROPOSALS, response=Piece[schemas.Proposal])
def list_proposals(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Piece[schemas.Proposal]:
    """Pictures at your own places that show none of your works, and that nobody has registered or dismissed.

    At most 10,000 wait: while they do, no further ones are proposed.
    """
    return page(proposals.waiting(of(request)), schemas.Proposal, cursor, limit)


@router.post(PROPOSALS + "/register", response={202: schemas.Upload}, auth=WRITE)
@once
def register_proposals(request: Call, owner: str, new: requests.ProposedPictures) -> schemas.Upload:
    """Register proposed pictures as works, as an upload; what their files state is declared, and nothing else.

    With each work is kept where its file was seen. That proves nobody's authorship.
    """
    chosen = [Digest.from_hex(one) for one in new.pictures]
    return schemas.Upload.from_row(proposals.register(wiring.services(), of(request), chosen, by=request.auth.by))


@router.post(PROPOSALS + "/dismiss", response=schemas.Dismissed, auth=WRITE)
@once
def dismiss_proposals(request: Call, owner: str, new: requests.ProposedPictures) -> schemas.Dismissed:
    """Propose pictures as works no more."""
    chosen = [Digest.from_hex(one) for one in new.pictures]
    return schemas.Dismissed(pictures=proposals.dismiss(of(request), chosen, by=request.auth.by))
