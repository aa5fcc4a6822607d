"""Records of the web that anybody may have written (WARC 1.1, ISO 28500:2017): blocks, digests, what HTTP packed."""

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
MAX_HEAD = 8 << 20  # bytes of a block in which an answer's head ends, with all that are announced before it
MAX_CODINGS = 5
UNDONE = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""Content codings that verifiers undo; a body in another stays as it is."""
_HEAD = re.compile(rb"WARC/1\.1\r\n((?:[A-Za-z0-9-]{1,40}: [^\r\n]{0,70000}\r\n){1,20})\r\n")
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? +(\d{3})(?: [^\r\n]*)?\r?\n")
_BLANK = re.compile(rb"\r?\n\r?\n")
_STRAY = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ROOT = re.compile(r"^(https?://[^/?#:\[]+)\.(?=[:/?#]|$)")
_INLINE = re.compile(rb"data:image/[\w.+-]{1,40};base64,([A-Za-z0-9+/=%\s]+)")


@dataclass(frozen=True, slots=True)
class Record:
    """One record: what it is of, when, who answered, why it isn't whole, its bytes and where it lies in the file."""

    kind: str
    url: str
    date: datetime
    peer: str
    truncated: str
    block: bytes
    place: tuple[int, int]


@dataclass(slots=True)
class Room:
    """How many bytes may still be unpacked; below 0 once there were more."""

    left: int = MAX_BODY


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response: its status, its headers, and its body as it was on the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    packed: bytes

    def header(self, name: str) -> str:
        """The first value of a header, or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def codings(self) -> list[str]:
        """What packed the body, the last first."""
        return self.header("content-encoding").lower().replace(" ", "").split(",")[::-1]

    def body(self, room: Room | None = None) -> bytes:
        """The body with transfer and content encoding undone; raises ``FormatError`` when that can't be done."""
        if self.status in {204, 304} or not self.packed:
            return b""
        body, length = self.packed, self.header("content-length")
        if "chunked" in self.header("transfer-encoding").lower():
            body = _unchunked(body)
        elif length.isascii() and length.isdigit():
            body = body[: int(length.lstrip("0")[:12] or "0")]
        if len(self.codings) > MAX_CODINGS:
            raise FormatError(f"A recorded response is packed more than {MAX_CODINGS} times.")
        for coding in self.codings:
            body = _unpacked(body, coding, room or Room())
        return body


def read_warc(data: bytes, what: str) -> Iterator[Record]:
    """The records of an uncompressed file; raises ``FormatError`` where one is broken or hasn't its digest."""
    at, count = 0, 0
    while at < len(data):
        count += 1
        head = _HEAD.match(data, at)
        if head is None or count > MAX_RECORDS:
            raise FormatError(f"{what} isn't a WARC file that can be read: see byte {at}.")
        fields = dict(line.split(": ", 1) for line in head[1].decode("utf-8", "replace").split("\r\n")[:-1])
        length = fields.get("Content-Length", "")
        end = head.end() + (int(length) if re.fullmatch("[0-9]{1,12}", length) else len(data))
        block = data[head.end() : end]
        digest = base64.b32encode(hashlib.sha256(block).digest()).decode()
        if data[end : end + 4] != b"\r\n\r\n" or fields.get("WARC-Block-Digest") != f"sha256:{digest}":
            raise FormatError(f"{what} has a record whose bytes aren't those of its length and digest: see byte {at}.")
        kept = [fields.get(f"WARC-{name}", "") for name in ("Type", "Target-URI", "IP-Address", "Truncated")]
        try:
            date = parse_rfc3339(fields.get("WARC-Date", ""))
        except ValueError:
            date = None
        if date is None or rfc3339(date) != fields["WARC-Date"]:
            raise FormatError(f"{what} has a record without its date.")
        yield Record(kept[0], kept[1], date, kept[2], kept[3], block, (at, end + 4 - at))
        at = end + 4


def read_response(block: bytes) -> Response | None:
    """A response by its bytes; ``None`` when they aren't those of one."""
    head = block[:MAX_HEAD]
    status = _STATUS.match(head)
    end = _BLANK.search(head, status.end() - 2) if status else None
    while status and end and status[1] == b"100":  # the answer that it announces follows
        status = _STATUS.match(head, end.end())
        end = _BLANK.search(head, status.end() - 2) if status else None
    if status is None or end is None:
        return None
    pairs = [line.partition(b":")[::2] for line in re.split(rb"\r?\n", head[status.end() : end.start()])]
    headers = tuple((decoded(name).strip(), decoded(value).strip()) for name, value in pairs)
    return Response(int(status[1]), headers, block[end.end() :])


def inline_bodies(text: bytes) -> Iterator[tuple[str, bytes]]:
    """The ``data:`` addresses of images in HTML or CSS, as they are written there, each with the image's bytes."""
    for match in _INLINE.finditer(text):
        try:
            yield match[0].decode("ascii"), base64.b64decode(unquote(match[1].decode("ascii")).encode(), validate=False)
        except (binascii.Error, ValueError):
            continue


def names_address(text: bytes, url: str) -> bool | None:
    """Whether HTML holds the last part of an image's address, with its query, as it may be written there.

    ``None`` when that part is too common to tell: no query, and no name of a file.
    """
    if url[:5].lower() == "data:":
        return None
    query, last = query_of(url), path_of(url).rpartition("/")[2]
    if not query and "." not in last:
        return None
    name = f"{last or '/'}?{query}" if query else last
    page = text.decode("utf-8", "replace")
    forms = {written.replace("&", sign) for written in (name, unquote(name)) for sign in ("&", "&amp;", r"\u0026")}
    return any(re.search(re.escape(form) + r"(?![\w%])", page) for form in forms)


def plain_url(url: str) -> str:
    """An address as two programs may both have written it: its normal form, where a stray ``%`` is ``%25``.

    ``requests`` writes it so in the record of an exchange, without the root's dot behind the host, and browsers leave
    both.
    """
    return _ROOT.sub(r"\1", _STRAY.sub("%25", normalise(url)))


def _unchunked(body: bytes) -> bytes:
    """RFC 9112, 7.1."""
    whole, at = [], 0
    while line := re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]*\r?\n").match(body, at):
        length = int(line[1], 16)
        whole.append(body[line.end() : line.end() + length])
        at = line.end() + length
        if not length or len(whole[-1]) < length:
            break
        at += 2 if body[at : at + 2] == b"\r\n" else 1
    else:
        raise FormatError("A recorded response's chunks can't be read.")
    return b"".join(whole)


def _unpacked(body: bytes, coding: str, room: Room) -> bytes:
    if coding not in UNDONE - {"", "identity"}:
        return body  # as the recording program left it
    raw = len(body) < 2 or body[0] & 15 != 8 or (body[0] << 8 | body[1]) % 31
    bits = 31 if coding != "deflate" else -15 if raw else 15
    whole, at = bytearray(), 0
    try:
        while at < len(body) and (not at or (bits == 31 and body[at : at + 2] == b"\x1f\x8b")):
            stream, piece = zlib.decompressobj(bits), 64
            while at < len(body) and not stream.eof:  # pieces grow, so what stands behind a short one isn't copied
                found = stream.decompress(body[at : at + piece], MAX_BODY + 1 - len(whole))
                at, piece = min(at + piece, len(body)) - len(stream.unused_data), 2 * piece
                whole += found
                room.left -= len(found)
                if len(whole) > MAX_BODY:
                    raise FormatError(f"A recorded response unpacks to more than {MAX_BODY} bytes.")
    except zlib.error as error:
        raise FormatError("A recorded response can't be unpacked.") from error
    return bytes(whole)
