"""Untrusted web records (WARC 1.1, ISO 28500:2017): blocks, digests, and decoding of HTTP bodies."""

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from evidence.formats.codec import FormatError
from exhibit.clock import parse_rfc3339, rfc3339
from exhibit.network.addresses import normalise, path_of, query_of
from exhibit.plain import decoded

MAX_RECORDS = 5_000
MAX_BODY = 64 << 20
MAX_HEAD = 8 << 20  # maximum length of a response's headers in a block, including interim responses
MAX_CODINGS = 5
DECODED_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""Content encodings that verifiers decode; a body in another one stays as it is."""
_HEAD = re.compile(rb"WARC/1\.1\r\n((?:[A-Za-z0-9-]{1,40}: [^\r\n]{0,70000}\r\n){1,20})\r\n")
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? +(\d{3})(?: [^\r\n]*)?\r?\n")
_BLANK = re.compile(rb"\r?\n\r?\n")
_STRAY = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ROOT = re.compile(r"^(https?://[^/?#:\[]+)\.(?=[:/?#]|$)")
_INLINE = re.compile(rb"data:image/[\w.+-]{1,40};base64,([A-Za-z0-9+/=%\s]+)")


@dataclass(frozen=True, slots=True)
class Record:
    """One record: kind, URL, date, server, reason of truncation, bytes, and its position in the file."""

    kind: str
    url: str
    date: datetime
    peer: str
    truncated: str
    block: bytes
    place: tuple[int, int]


@dataclass(slots=True)
class UnpackBudget:
    """Number of bytes that may still be unpacked; negative once there were more."""

    remaining: int = MAX_BODY


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response: its status, headers, and its body as on the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    packed: bytes

    def header(self, name: str) -> str:
        """Return the first value of a header, or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def codings(self) -> list[str]:
        """Content encodings of the body, the last one first."""
        return self.header("content-encoding").lower().replace(" ", "").split(",")[::-1]

    def body(self, budget: UnpackBudget | None = None) -> bytes:
        """Return the body with transfer and content encoding decoded; raises ``FormatError`` if that fails."""
        if self.status in {204, 304} or not self.packed:
            return b""
        body, length = self.packed, self.header("content-length")
        if "chunked" in self.header("transfer-encoding").lower():
            body = _decode_chunks(body)
        elif length.isascii() and length.isdigit():
            body = body[: int(length.lstrip("0")[:12] or "0")]
        if len(self.codings) > MAX_CODINGS:
            raise FormatError(f"A recorded response is compressed more than {MAX_CODINGS} times.")
        for coding in self.codings:
            body = _decode_content(body, coding, budget or UnpackBudget())
        return body


def read_warc(data: bytes, what: str) -> Iterator[Record]:
    """Yield the records of an uncompressed file; raises ``FormatError`` if one is broken or has a wrong digest."""
    at, count = 0, 0
    while at < len(data):
        count += 1
        head = _HEAD.match(data, at)
        if head is None or count > MAX_RECORDS:
            raise FormatError(f"{what} is not a readable WARC file: see byte {at}.")
        fields = dict(line.split(": ", 1) for line in head[1].decode("utf-8", "replace").split("\r\n")[:-1])
        length = fields.get("Content-Length", "")
        end = head.end() + (int(length) if re.fullmatch("[0-9]{1,12}", length) else len(data))
        block = data[head.end() : end]
        digest = base64.b32encode(hashlib.sha256(block).digest()).decode()
        if data[end : end + 4] != b"\r\n\r\n" or fields.get("WARC-Block-Digest") != f"sha256:{digest}":
            raise FormatError(f"{what} has a record that does not match its length or digest: see byte {at}.")
        headers = [fields.get(f"WARC-{name}", "") for name in ("Type", "Target-URI", "IP-Address", "Truncated")]
        try:
            date = parse_rfc3339(fields.get("WARC-Date", ""))
        except ValueError:
            date = None
        if date is None or rfc3339(date) != fields["WARC-Date"]:
            raise FormatError(f"{what} has a record without a date.")
        yield Record(headers[0], headers[1], date, headers[2], headers[3], block, (at, end + 4 - at))
        at = end + 4


def read_response(block: bytes) -> Response | None:
    """Parse a response; ``None`` if the bytes are not a response."""
    head = block[:MAX_HEAD]
    status = _STATUS.match(head)
    end = _BLANK.search(head, status.end() - 2) if status else None
    while status and end and status[1] == b"100":  # the final response follows
        status = _STATUS.match(head, end.end())
        end = _BLANK.search(head, status.end() - 2) if status else None
    if status is None or end is None:
        return None
    pairs = [line.partition(b":")[::2] for line in re.split(rb"\r?\n", head[status.end() : end.start()])]
    headers = tuple((decoded(name).strip(), decoded(value).strip()) for name, value in pairs)
    return Response(int(status[1]), headers, block[end.end() :])


def inline_bodies(text: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the ``data:`` URLs of images in HTML or CSS, as written there, each with the image's bytes."""
    for match in _INLINE.finditer(text):
        try:
            yield match[0].decode("ascii"), base64.b64decode(unquote(match[1].decode("ascii")).encode(), validate=False)
        except (binascii.Error, ValueError):
            continue


def mentions_url(text: bytes, url: str) -> bool | None:
    """Return True if HTML contains the last part of an image's URL with its query, in any usual spelling.

    ``None`` if that part is too common to decide: no query, and no file name.
    """
    if url[:5].lower() == "data:":
        return None
    query, last = query_of(url), path_of(url).rpartition("/")[2]
    if not query and "." not in last:
        return None
    name = f"{last or '/'}?{query}" if query else last
    page = text.decode("utf-8", "replace")
    spellings = {
        spelling.replace("&", sign) for spelling in (name, unquote(name)) for sign in ("&", "&amp;", r"\u0026")
    }
    return any(re.search(re.escape(form) + r"(?![\w%])", page) for form in spellings)


def to_plain_url(url: str) -> str:
    """Normalize a URL so that two programs' spellings of it are equal; a stray ``%`` becomes ``%25``.

    ``requests`` writes it so in the record of an exchange, and without the root's dot after the host, whereas browsers
    leave both.
    """
    return _ROOT.sub(r"\1", _STRAY.sub("%25", normalise(url)))


def _decode_chunks(body: bytes) -> bytes:
    """Decode chunked transfer encoding (RFC 9112, 7.1)."""
    chunks, at = [], 0
    while line := re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]*\r?\n").match(body, at):
        length = int(line[1], 16)
        chunks.append(body[line.end() : line.end() + length])
        at = line.end() + length
        if not length or len(chunks[-1]) < length:
            break
        at += 2 if body[at : at + 2] == b"\r\n" else 1
    else:
        raise FormatError("The chunks of a recorded response cannot be read.")
    return b"".join(chunks)


def _decode_content(body: bytes, coding: str, budget: UnpackBudget) -> bytes:
    if coding not in DECODED_ENCODINGS - {"", "identity"}:
        return body  # as the recording program left it
    raw = len(body) < 2 or body[0] & 15 != 8 or (body[0] << 8 | body[1]) % 31
    bits = 31 if coding != "deflate" else -15 if raw else 15
    output_bytes, at = bytearray(), 0
    try:
        while at < len(body) and (not at or (bits == 31 and body[at : at + 2] == b"\x1f\x8b")):
            stream, piece = zlib.decompressobj(bits), 64
            while at < len(body) and not stream.eof:  # growing pieces avoid copying the rest after a short stream
                output = stream.decompress(body[at : at + piece], MAX_BODY + 1 - len(output_bytes))
                at, piece = min(at + piece, len(body)) - len(stream.unused_data), 2 * piece
                output_bytes += output
                budget.remaining -= len(output)
                if len(output_bytes) > MAX_BODY:
                    raise FormatError(f"A recorded response unpacks to more than {MAX_BODY} bytes.")
    except zlib.error as error:
        raise FormatError("A recorded response cannot be unpacked.") from error
    return bytes(output_bytes)
