"""Uploaded and downloaded files. Every download of evidence is logged first."""

from typing import Annotated, BinaryIO

from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from ninja import Path

from desk.api.common.auth import Call, of
from desk.schemas.requests import CLEAN
from exhibit.errors import RefusedError
from exhibit.pictures.decode import Limits
from exhibit.types import Json
from registry.bundles.packages import package_chunks, package_name, package_size, reading_copy
from registry.log.audit_log import AccessKind, Evidence, log_access
from registry.models import Notice, Package
from registry.notices.filing_zip import build_packet, get_packet_name
from workers import wiring

FileName = Annotated[str, Path(max_length=200, pattern=CLEAN)]
SANDBOX = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; sandbox"
"""Should somebody open a file in a browser: nothing in it may do anything."""


def picture_in(file: "UploadedFile[bytes]", limits: Limits) -> bytes:
    """Return the bytes of an uploaded picture. Raises ``RefusedError`` without reading it if it is too large."""
    if (file.size or 0) > limits.max_bytes:
        raise RefusedError(f"The picture has more than {limits.max_bytes:,} bytes.", reason="too-many-bytes")
    data: bytes = file.read()
    return data


def taken(request: Call, what: Evidence, **about: Json) -> None:
    """Log that the caller downloads evidence."""
    log_access(what, AccessKind.DOWNLOADED, of(request), by=request.auth.by, **about)


def zip_answer(row: Package) -> StreamingHttpResponse:
    """A package's ZIP, made while it is sent; raises ``NotFoundError`` when it can't be had any more."""
    chunks, size = package_chunks(wiring.services(), row), package_size(wiring.services(), row)
    headers = {"Content-Disposition": f'attachment; filename="{package_name(row)}"', "Content-Length": str(size)}
    return StreamingHttpResponse(chunks, content_type="application/zip", headers=headers)


def pdf_answer(row: Package, name: str) -> HttpResponseBase:
    """A PDF that lies beside a package's ZIP; raises ``NotFoundError`` when it can't be had, or not any more."""
    file, stream = reading_copy(wiring.services(), row, name)
    return download(stream, name, file["media_type"])


def packet_answer(row: Notice) -> tuple[StreamingHttpResponse, list[str]]:
    """A filing's ZIP, made while it is sent, and its bundles' seals; raises ``NotFoundError`` where there is none."""
    chunks, seals = build_packet(wiring.services(), row)
    headers = {"Content-Disposition": f'attachment; filename="{get_packet_name(row)}"'}
    return StreamingHttpResponse(chunks, content_type="application/zip", headers=headers), seals


def download(content: bytes | BinaryIO, name: str, media_type: str) -> HttpResponseBase:
    """A file to keep under this name."""
    if isinstance(content, bytes):
        headers = {"Content-Disposition": content_disposition_header(True, name) or "attachment"}  # noqa: FBT003 - Django's
        answer: HttpResponseBase = HttpResponse(content, content_type=media_type, headers=headers)
    else:
        answer = FileResponse(content, as_attachment=True, filename=name, content_type=media_type)
    answer.headers["Content-Security-Policy"] = SANDBOX
    return answer
