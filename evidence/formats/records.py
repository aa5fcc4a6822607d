"""Reading of untrusted web records (WARC 1.1, ISO 28500:2017): blocks, digests, and decoding of HTTP bodies."""

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
from exhibit.clock import format_rfc3339, parse_rfc3339
from exhibit.network.addresses import get_url_path, get_url_query, normalise_url
from exhibit.plain import decode_text

MAX_RECORDS = 5_000
MAX_BODY_BYTES = 64 << 20
MAX_HEADER_BYTES = 8 << 20  # maximum length of a response's headers in a block, including interim responses
MAX_CODINGS = 5
DECODED_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""Content encodings that verifiers decode; bodies in other encodings are not changed."""
_RECORD_HEADER = re.compile(rb"WARC/1\.1\r\n((?:[A-Za-z0-9-]{1,40}: [^\r\n]{0,70000}\r\n){1,20})\r\n")
_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? +(\d{3})(?: [^\r\n]*)?\r?\n")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ROOT_DOT = re.compile(r"^(https?://[^/?#:\[]+)\.(?=[:/?#]|$)")
_INLINE_IMAGE = re.compile(rb"data:image/[\w.+-]{1,40};base64,([A-Za-z0-9+/=%\s]+)")


@dataclass(frozen=True, slots=True)
class Record:
    """A WARC record: type, URL, date, IP address of the server, reason of truncation, bytes, and position.

    ``position`` is the offset in the file and the length, in bytes.
    """

    kind: str
    url: str
    date: datetime
    peer: str
    truncation_reason: str
    block: bytes
    position: tuple[int, int]


@dataclass(slots=True)
class UnpackBudget:
    """Number of bytes that may still be decompressed; negative if the limit was exceeded."""

    remaining: int = MAX_BODY_BYTES


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response: status, headers, and the body as transferred."""

    status: int
    headers: tuple[tuple[str, str], ...]
    wire_body: bytes

    def get_header(self, name: str) -> str:
        """Return the first value of a header, or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def content_encodings(self) -> list[str]:
        """Content encodings of the body, in the order of decoding."""
        return self.get_header("content-encoding").lower().replace(" ", "").split(",")[::-1]

    def decode_body(self, budget: UnpackBudget | None = None) -> bytes:
        """Decode the transfer and content encoding of the body; raises ``FormatError`` if that fails."""
        if self.status in {204, 304} or not self.wire_body:
            return b""
        body, length = self.wire_body, self.get_header("content-length")
        if "chunked" in self.get_header("transfer-encoding").lower():
            body = _decode_chunks(body)
        elif length.isascii() and length.isdigit():
            body = body[: int(length.lstrip("0")[:12] or "0")]
        if len(self.content_encodings) > MAX_CODINGS:
            raise FormatError(f"A recorded response is compressed more than {MAX_CODINGS} times.")
        for encoding in self.content_encodings:
            body = _decode_content(body, encoding, budget or UnpackBudget())
        return body


def read_warc(data: bytes, label: str) -> Iterator[Record]:
    """Yield the records of an uncompressed file; ``label`` names the file in errors.

    Raises:
        FormatError: A record is damaged or has a wrong digest.
    """
    offset, count = 0, 0
    while offset < len(data):
        count += 1
        header = _RECORD_HEADER.match(data, offset)
        if header is None or count > MAX_RECORDS:
            raise FormatError(f"{label} is not a readable WARC file: see byte {offset}.")
        fields = dict(line.split(": ", 1) for line in header[1].decode("utf-8", "replace").split("\r\n")[:-1])
        length = fields.get("Content-Length", "")
        end = header.end() + (int(length) if re.fullmatch("[0-9]{1,12}", length) else len(data))
        block = data[header.end() : end]
        digest = base64.b32encode(hashlib.sha256(block).digest()).decode()
        if data[end : end + 4] != b"\r\n\r\n" or fields.get("WARC-Block-Digest") != f"sha256:{digest}":
            raise FormatError(f"{label} has a record that does not match its length or digest: see byte {offset}.")
        headers = [fields.get(f"WARC-{name}", "") for name in ("Type", "Target-URI", "IP-Address", "Truncated")]
        try:
            date = parse_rfc3339(fields.get("WARC-Date", ""))
        except ValueError:
            date = None
        if date is None or format_rfc3339(date) != fields["WARC-Date"]:
            raise FormatError(f"{label} has a record without a date.")
        yield Record(headers[0], headers[1], date, headers[2], headers[3], block, (offset, end + 4 - offset))
        offset = end + 4


def read_response(block: bytes) -> Response | None:
    """Parse a response; return ``None`` if the bytes are not a response."""
    header = block[:MAX_HEADER_BYTES]
    status = _STATUS_LINE.match(header)
    end = _BLANK_LINE.search(header, status.end() - 2) if status else None
    while status and end and status[1] == b"100":  # skip interim responses
        status = _STATUS_LINE.match(header, end.end())
        end = _BLANK_LINE.search(header, status.end() - 2) if status else None
    if status is None or end is None:
        return None
    pairs = [line.partition(b":")[::2] for line in re.split(rb"\r?\n", header[status.end() : end.start()])]
    headers = tuple((decode_text(name).strip(), decode_text(value).strip()) for name, value in pairs)
    return Response(int(status[1]), headers, block[end.end() :])


def list_inline_images(text: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the ``data:`` URLs of images in HTML or CSS, unchanged, each with the bytes of the image."""
    for match in _INLINE_IMAGE.finditer(text):
        try:
            yield match[0].decode("ascii"), base64.b64decode(unquote(match[1].decode("ascii")).encode(), validate=False)
        except (binascii.Error, ValueError):
            continue


def mentions_url(text: bytes, url: str) -> bool | None:
    """Return True if HTML contains the file name and query of an image URL, in any common spelling.

    Returns ``None`` if the URL has neither a query nor a file name, because the rest is too common to decide.
    """
    if url[:5].lower() == "data:":
        return None
    query, last = get_url_query(url), get_url_path(url).rpartition("/")[2]
    if not query and "." not in last:
        return None
    name = f"{last or '/'}?{query}" if query else last
    page = text.decode("utf-8", "replace")
    spellings = {
        spelling.replace("&", ampersand)
        for spelling in (name, unquote(name))
        for ampersand in ("&", "&amp;", r"\u0026")
    }
    return any(re.search(re.escape(candidate) + r"(?![\w%])", page) for candidate in spellings)


def to_plain_url(url: str) -> str:
    """Normalize a URL, so that spellings by different programs are equal; a stray ``%`` becomes ``%25``.

    ``requests`` records URLs with ``%25`` and without a trailing dot after the host; browsers change neither.
    """
    return _ROOT_DOT.sub(r"\1", _STRAY_PERCENT.sub("%25", normalise_url(url)))


def _decode_chunks(body: bytes) -> bytes:
    """Decode chunked transfer encoding (RFC 9112, 7.1)."""
    chunks, offset = [], 0
    while line := re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]*\r?\n").match(body, offset):
        length = int(line[1], 16)
        chunks.append(body[line.end() : line.end() + length])
        offset = line.end() + length
        if not length or len(chunks[-1]) < length:
            break
        offset += 2 if body[offset : offset + 2] == b"\r\n" else 1
    else:
        raise FormatError("The chunks of a recorded response cannot be read.")
    return b"".join(chunks)


def _decode_content(body: bytes, encoding: str, budget: UnpackBudget) -> bytes:
    if encoding not in DECODED_ENCODINGS - {"", "identity"}:
        return body  # unknown encodings stay as recorded
    is_raw = len(body) < 2 or body[0] & 15 != 8 or (body[0] << 8 | body[1]) % 31
    bits = 31 if encoding != "deflate" else -15 if is_raw else 15
    output_bytes, offset = bytearray(), 0
    try:
        while offset < len(body) and (not offset or (bits == 31 and body[offset : offset + 2] == b"\x1f\x8b")):
            stream, piece_size = zlib.decompressobj(bits), 64
            while offset < len(body) and not stream.eof:  # growing pieces avoid copying the rest after a short stream
                output = stream.decompress(body[offset : offset + piece_size], MAX_BODY_BYTES + 1 - len(output_bytes))
                offset, piece_size = min(offset + piece_size, len(body)) - len(stream.unused_data), 2 * piece_size
                output_bytes += output
                budget.remaining -= len(output)
                if len(output_bytes) > MAX_BODY_BYTES:
                    raise FormatError(f"A recorded response unpacks to more than {MAX_BODY_BYTES} bytes.")
    except zlib.error as error:
        raise FormatError("A recorded response cannot be unpacked.") from error
    return bytes(output_bytes)
