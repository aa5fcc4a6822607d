"""Uploaded and downloaded files. Every download of evidence is logged first."""

from typing import Annotated, BinaryIO

from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from ninja import Path

from desk.api.common.auth import Call, get_request_owner
from desk.schemas.requests import TEXT_PATTERN
from exhibit.errors import RefusedError
from exhibit.pictures.decode import Limits
from exhibit.types import Json
from registry.bundles.packages import compute_package_size, get_package_file_name, open_printable_copy, stream_package
from registry.log.audit_log import AccessKind, EvidenceKind, log_access
from registry.models import Notice, Package
from registry.notices.filing_zip import build_packet, get_packet_name
from workers import wiring

FileName = Annotated[str, Path(max_length=200, pattern=TEXT_PATTERN)]
SANDBOX_POLICY = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; sandbox"
"""Prevents content from running if a user opens a downloaded file in a browser."""


def read_uploaded_picture(file: "UploadedFile[bytes]", limits: Limits) -> bytes:
    """Return the bytes of an uploaded picture. Raises ``RefusedError`` without reading it if it is too large."""
    if (file.size or 0) > limits.max_bytes:
        raise RefusedError(f"The picture file is larger than {limits.max_bytes:,} bytes.", reason="too-many-bytes")
    data: bytes = file.read()
    return data


def log_download(request: Call, evidence: EvidenceKind, **details: Json) -> None:
    """Log that the caller downloads evidence."""
    log_access(evidence, AccessKind.DOWNLOADED, get_request_owner(request), by=request.auth.by, **details)


def build_zip_response(row: Package) -> StreamingHttpResponse:
    """Return a response that generates the ZIP of a package while it is sent.

    Raises:
        NotFoundError: The package is not available, or is no longer available.
    """
    chunks, size = stream_package(wiring.services(), row), compute_package_size(wiring.services(), row)
    headers = {
        "Content-Disposition": f'attachment; filename="{get_package_file_name(row)}"',
        "Content-Length": str(size),
    }
    return StreamingHttpResponse(chunks, content_type="application/zip", headers=headers)


def build_pdf_response(row: Package, name: str) -> HttpResponseBase:
    """Return a response with a printable copy (PDF) of a package.

    Raises:
        NotFoundError: The PDF is not available, or is no longer available.
    """
    file, stream = open_printable_copy(wiring.services(), row, name)
    return build_download_response(stream, name, file["media_type"])


def build_filing_response(row: Notice) -> tuple[StreamingHttpResponse, list[str]]:
    """Return a response that generates the ZIP of a filing while it is sent, and the seals of its bundles.

    Raises:
        NotFoundError: The notice has no filing.
    """
    chunks, seals = build_packet(wiring.services(), row)
    headers = {"Content-Disposition": f'attachment; filename="{get_packet_name(row)}"'}
    return StreamingHttpResponse(chunks, content_type="application/zip", headers=headers), seals


def build_download_response(content: bytes | BinaryIO, name: str, media_type: str) -> HttpResponseBase:
    """Return a response that downloads a file under this name, and prevents browsers from running its content."""
    if isinstance(content, bytes):
        headers = {"Content-Disposition": content_disposition_header(True, name) or "attachment"}  # noqa: FBT003 - Django's
        response: HttpResponseBase = HttpResponse(content, content_type=media_type, headers=headers)
    else:
        response = FileResponse(content, as_attachment=True, filename=name, content_type=media_type)
    response.headers["Content-Security-Policy"] = SANDBOX_POLICY
    return response
