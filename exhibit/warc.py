"""Writing WARC 1.1 (ISO 28500:2017) from headers and bytes that were kept apart, uncompressed.

The records are put together from what a crawl kept: never call them wire-exact. Header names, values and their order
are as given; the framing of the transfer is gone from the bytes, so ``Transfer-Encoding`` is kept under another name
and ``Content-Length`` says the length that is here. A wire-exact record is made while fetching (:mod:`exhibit.http`).
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter as _Writer

from exhibit.clock import now, rfc3339

Headers = Sequence[tuple[str, str]]

KEPT_PREFIX = "X-Archive-Orig-"


@dataclass(frozen=True, slots=True)
class RecordMark:
    """What identifies a record. Given ids and times make the file deterministic.

    Attributes:
        date: when the content was fetched or made, aware.
        id: a UUID; drawn when absent.
    """

    date: datetime = field(default_factory=now)
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def urn(self) -> str:
        """The record's id as it stands in a WARC."""
        return f"<urn:uuid:{self.id}>"


class WarcFile:
    """Writes records to a stream one after the other.

    Args:
        stream: binary, open for writing; stays open.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._writer = _Writer(stream, gzip=False, warc_version="1.1")

    def info(self, fields: Mapping[str, str], mark: RecordMark, *, filename: str = "") -> str:
        """Write a ``warcinfo`` record, which should be the first; returns its record id."""
        extra = {"WARC-Filename": filename} if filename else {}
        return self._write("warcinfo", "", mark, _fields(fields), extra, "application/warc-fields")

    def response(
        self,
        url: str,
        status: tuple[int, str],
        headers: Headers,
        body: bytes,
        mark: RecordMark,
        *,
        peer: str | None = None,
    ) -> str:
        """Write a ``response`` record.

        Args:
            url: absolute.
            status: code and reason phrase, such as ``(200, "OK")``.
            headers: as received, in their order.
            body: without transfer encoding, with content encoding as received.
            mark: id and time of the fetch.
            peer: the address that answered.

        Returns:
            The record id, for the request that belongs to it.
        """
        line = f"{status[0]} {status[1]}".strip()
        head = StatusAndHeaders(line, _settled(headers, len(body)), protocol="HTTP/1.1")
        extra = {"WARC-IP-Address": peer} if peer else {}
        return self._write("response", url, mark, body, extra, "", head)

    def request(
        self, url: str, method: str, headers: Headers, mark: RecordMark, *, response: str, body: bytes = b""
    ) -> str:
        """Write the ``request`` record of a response that :meth:`response` wrote; returns its record id."""
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = StatusAndHeaders(f"{method} {target} HTTP/1.1", list(headers), is_http_request=True)
        return self._write("request", url, mark, body, {"WARC-Concurrent-To": response}, "", head)

    def resource(self, uri: str, media_type: str, body: bytes, mark: RecordMark) -> str:
        """Write a ``resource`` record: bytes that didn't come over HTTP; returns its record id."""
        return self._write("resource", uri, mark, body, {}, media_type)

    def metadata(self, uri: str, fields: Mapping[str, str], mark: RecordMark, *, about: str) -> str:
        """Write a ``metadata`` record about another record (its id); returns its own record id."""
        extra = {"WARC-Refers-To": about}
        return self._write("metadata", uri, mark, _fields(fields), extra, "application/warc-fields")

    def _write(
        self,
        kind: str,
        uri: str,
        mark: RecordMark,
        payload: bytes,
        extra: Mapping[str, str],
        media_type: str,
        head: Any = None,  # noqa: ANN401 - warcio has no types
    ) -> str:
        record = self._writer.create_warc_record(
            uri,
            kind,
            payload=BytesIO(payload),
            length=len(payload),
            warc_content_type=media_type,
            warc_headers_dict={"WARC-Record-ID": mark.urn, "WARC-Date": rfc3339(mark.date), **extra},
            http_headers=head,
        )
        self._writer.write_record(record)
        return mark.urn


def _settled(headers: Headers, length: int) -> list[tuple[str, str]]:
    """Headers that fit bytes whose transfer encoding has been undone."""
    kept = [
        (KEPT_PREFIX + name if name.lower() in ("transfer-encoding", "content-length") else name, value)
        for name, value in headers
    ]
    declared = [value for name, value in headers if name.lower() == "content-length"]
    chunked = any(name.lower() == "transfer-encoding" for name, _ in headers)
    if declared == [str(length)] and not chunked:
        return list(headers)
    return [*kept, ("Content-Length", str(length))]


def _fields(fields: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()
