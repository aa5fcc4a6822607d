"""Response bodies, from crawled pages and from archives: status, codings and completeness.

Handles transfer and content codings (RFC 9110, 8.4; RFC 9112, 6 and 7) and decompresses only up to a limit.
``Content-Digest``, ``Repr-Digest`` and ``Digest`` are ignored: browsers show bodies that do not match them, and an
incorrect digest would hide an image only from the crawler.
"""

import re
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence

import brotli

from crawler.reading.sniff import Content, sniff
from exhibit.errors import RefusedError
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import Headers

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CODINGS = ("gzip", "deflate", "br", "zstd")
"""Supported content codings, as offered in requests; the old name ``x-gzip`` is supported as well."""

_PIECE = 1 << 16
_MAX_CODINGS = 4
_MAX_WINDOW: Mapping[int, int] = {zstd.DecompressionParameter.window_log_max: 23}  # 8 MiB, as browsers (RFC 9659)
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
_RANGE = re.compile(r"bytes\s+0-(\d{1,18})/(\d{1,18})\s*", re.IGNORECASE)


def field(headers: Headers, name: str) -> str:
    """Return a header's value, or an empty string; several fields of the name are joined (RFC 9110, 5.3)."""
    name = name.lower()
    return ", ".join(value.strip() for field_name, value in headers if field_name.lower() == name)


def status_problem(status: int, content_range: str) -> tuple[str, str] | None:
    """Return why a response with this status has no complete body, as reason and sentence, or ``None`` if it does.

    A partial response (206) counts as complete if its range covers the whole body.
    """
    if status == 206 and not _is_everything(content_range):
        return Reason.INCOMPLETE, Sentence(
            "The server returned a partial response, and did not state that it is complete."
        )
    if 200 <= status < 300 and status not in (204, 205):
        return None
    return f"http-{status}", f"The server answered with status {status}."


def whole_body(sent: bytes, headers: Headers, most: int) -> bytes:
    """Return the body of a response with all codings decoded.

    If an archive stored the body decoded although the headers still name the coding, it is returned as stored.

    Raises:
        RefusedError: ``incomplete``, ``bad-encoding``, or ``too-large`` for more than ``most`` bytes.
    """
    body = content(sent, headers, most)
    missing = None if field(headers, "transfer-encoding") else _missing(len(body), headers)
    codings = codings_of(field(headers, "content-encoding"))
    try:
        plain = undone(body, codings, most)
    except RefusedError:
        if not _is_plain(body):
            raise
        plain, missing = body, None  # the declared length is that of the compressed body
    if missing:
        raise missing
    if len(plain) > most:
        raise _too_large()
    return plain


def content(sent: bytes, headers: Headers, most: int) -> bytes:
    """Return the body with only its transfer codings decoded; raises as :func:`whole_body`."""
    codings = codings_of(field(headers, "transfer-encoding"))
    body = _unchunked(sent) if "chunked" in codings else sent
    return undone(body, [coding for coding in codings if coding != "chunked"], most)


def codings_of(text: str) -> list[str]:
    """Return the codings that a header names, in the order of application; empty if one is unknown.

    Browsers also use such a body unchanged.
    """
    names = [coding.strip().lower().removeprefix("x-") for coding in text.split(",")]
    codings = [coding for coding in names if coding not in ("", "identity")]
    return codings if all(coding in (*CODINGS, "chunked") for coding in codings) else []


def undone(body: bytes, codings: Sequence[str], most: int) -> bytes:
    """Decode the codings of a body, the last one first; raises as :func:`whole_body`."""
    if len(codings) > _MAX_CODINGS:
        raise _bad_encoding()
    for coding in reversed(codings):
        if body and coding in _UNDO:
            try:
                body = _UNDO[coding](body, most)
            except (zlib.error, brotli.error, zstd.ZstdError) as error:
                raise _bad_encoding() from error
    return body


def _missing(size: int, headers: Headers) -> RefusedError | None:
    """Return an error if the headers declare more bytes than arrived; surplus bytes are no error."""
    declared = [length.strip() for length in field(headers, "content-length").split(",")]
    declared += [match[2]] if (match := _RANGE.fullmatch(field(headers, "content-range"))) else []
    if any(length.isascii() and length.isdecimal() and int(length[:19]) > size for length in declared):
        return _incomplete()
    return None


def _is_everything(content_range: str) -> bool:
    match = _RANGE.fullmatch(content_range.strip())
    return match is not None and int(match[1]) + 1 == int(match[2])


def _is_plain(body: bytes) -> bool:
    return sniff(body) is Content.IMAGE or body.lstrip()[:1] == b"<"


def _unchunked(sent: bytes) -> bytes:
    """Join the chunks of a body (RFC 9112, 7.1); a body that does not start with a chunk is returned unchanged."""
    pieces: list[bytes] = []
    place = 0
    while match := _CHUNK.match(sent, place):
        size, place = int(match[1], 16), match.end()
        if not size:
            return b"".join(pieces)
        if place + size > len(sent):
            raise _incomplete()
        pieces.append(sent[place : place + size])
        place += size
        place += 2 if sent.startswith(b"\r\n", place) else 1 if sent.startswith(b"\n", place) else 0
    if pieces:
        raise _incomplete()
    return sent


def _gunzip(body: bytes, most: int) -> bytes:
    """Decompress every gzip member (RFC 1952, 2.2). Like browsers, ignores checksums and trailing data."""
    whole = bytearray()
    place, inflater = 0, None
    while place < len(body):
        begin = _gzip_data(body, place)
        if begin is None:
            if inflater is None:
                raise _incomplete() if body[:3] == b"\x1f\x8b\x08"[: len(body)] else _bad_encoding()
            break
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        whole += _inflated(inflater, body[begin:], most - len(whole))
        place = len(body) - len(inflater.unused_data) + 8
    return bytes(whole)


def _gzip_data(body: bytes, place: int) -> int | None:
    """Return the offset of a gzip member's data (RFC 1952, 2.3); ``None`` if its header is incomplete."""
    if body[place : place + 3] != b"\x1f\x8b\x08" or len(body) < place + 10:
        return None
    flags, begin = body[place + 3], place + 10
    if flags & 4:
        begin += 2 + int.from_bytes(body[begin : begin + 2], "little")
    for flag in (8, 16):
        if flags & flag:
            begin = body.find(b"\0", begin) + 1 or len(body)
    begin += 2 if flags & 2 else 0
    return begin if begin < len(body) else None


def _inflate(body: bytes, most: int) -> bytes:
    """Decompress deflate as servers use it: in zlib format (RFC 1950), with its checksum ignored, or raw (RFC 1951)."""
    if int.from_bytes(body[:2]) % 31 == 0 and body[0] & 15 == 8:
        try:
            return _inflated(zlib.decompressobj(-zlib.MAX_WBITS), body[2:], most)
        except zlib.error:
            pass
    return _inflated(zlib.decompressobj(-zlib.MAX_WBITS), body, most)


def _inflated(inflater: "zlib._Decompress", body: bytes, most: int) -> bytes:
    plain = inflater.decompress(body, most + 1)
    if len(plain) > most:
        raise _too_large()
    if not inflater.eof:
        raise _incomplete()
    return plain


def _unbrotli(body: bytes, most: int) -> bytes:
    decoder, whole = brotli.Decompressor(), bytearray()
    piece = decoder.process(body, output_buffer_limit=_PIECE)
    while piece or not (decoder.is_finished() or decoder.can_accept_more_data()):
        whole += piece
        if len(whole) > most:
            raise _too_large()
        piece = b"" if decoder.is_finished() else decoder.process(b"", output_buffer_limit=_PIECE)
    if not decoder.is_finished():
        raise _incomplete()
    return bytes(whole)


def _unzstd(body: bytes, most: int) -> bytes:
    """Decompress every zstd frame (RFC 8878, 3.1)."""
    whole = bytearray()
    while body:
        decoder = zstd.ZstdDecompressor(options=_MAX_WINDOW)
        piece = decoder.decompress(body, _PIECE)
        while True:
            whole += piece
            if len(whole) > most:
                raise _too_large()
            if decoder.eof or decoder.needs_input:
                break
            piece = decoder.decompress(b"", _PIECE)
        if not decoder.eof:
            raise _incomplete()
        body = decoder.unused_data
    return bytes(whole)


_UNDO: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}


def _incomplete() -> RefusedError:
    return RefusedError(Sentence("The response ended before it was complete."), reason=Reason.INCOMPLETE)


def _bad_encoding() -> RefusedError:
    return RefusedError(
        Sentence("The content encoding of the response could not be decoded."), reason=Reason.BAD_ENCODING
    )


def _too_large() -> RefusedError:
    return RefusedError(Sentence("The content exceeds the size limit."), reason=Reason.TOO_LARGE)
