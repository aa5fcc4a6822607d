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

from crawler.reading.sniff import ContentKind, sniff
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

_CHUNK_BYTES = 1 << 16
_MAX_CODINGS = 4
_MAX_WINDOW: Mapping[int, int] = {zstd.DecompressionParameter.window_log_max: 23}  # 8 MiB, as browsers (RFC 9659)
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
_RANGE = re.compile(r"bytes\s+0-(\d{1,18})/(\d{1,18})\s*", re.IGNORECASE)


def get_field(headers: Headers, name: str) -> str:
    """Return a header's value, or an empty string; several fields of the name are joined (RFC 9110, 5.3)."""
    name = name.lower()
    return ", ".join(value.strip() for field_name, value in headers if field_name.lower() == name)


def check_status(status: int, content_range: str) -> tuple[str, str] | None:
    """Return reason and sentence if a response with this status has no complete body, else ``None``.

    A partial response (206) counts as complete if its range covers the whole body.
    """
    if status == 206 and not _is_complete_range(content_range):
        return Reason.INCOMPLETE, Sentence(
            "The server returned a partial response and did not confirm that it covers the whole content."
        )
    if 200 <= status < 300 and status not in (204, 205):
        return None
    return f"http-{status}", f"The server returned the status {status}."


def decode_body(payload: bytes, headers: Headers, max_bytes: int) -> bytes:
    """Return the body of a response with all codings decoded.

    If an archive stored the body decoded although the headers still name the coding, it is returned as stored.

    Raises:
        RefusedError: ``incomplete``, ``bad-encoding``, or ``too-large`` for more than ``max_bytes`` bytes.
    """
    body = decode_transfer_codings(payload, headers, max_bytes)
    length_error = None if get_field(headers, "transfer-encoding") else _check_length(len(body), headers)
    codings = parse_codings(get_field(headers, "content-encoding"))
    try:
        decoded = decode_codings(body, codings, max_bytes)
    except RefusedError:
        if not _is_decoded(body):
            raise
        decoded, length_error = body, None  # the declared length is that of the compressed body
    if length_error:
        raise length_error
    if len(decoded) > max_bytes:
        raise _make_size_error()
    return decoded


def decode_transfer_codings(payload: bytes, headers: Headers, max_bytes: int) -> bytes:
    """Return the body with only its transfer codings decoded; raises as :func:`decode_body`."""
    codings = parse_codings(get_field(headers, "transfer-encoding"))
    body = _join_chunks(payload) if "chunked" in codings else payload
    return decode_codings(body, [coding for coding in codings if coding != "chunked"], max_bytes)


def parse_codings(text: str) -> list[str]:
    """Return the codings that a header names, in the order of application; empty if one is unknown.

    Browsers also use such a body unchanged.
    """
    names = [coding.strip().lower().removeprefix("x-") for coding in text.split(",")]
    codings = [coding for coding in names if coding not in ("", "identity")]
    return codings if all(coding in (*CODINGS, "chunked") for coding in codings) else []


def decode_codings(body: bytes, codings: Sequence[str], max_bytes: int) -> bytes:
    """Decode the codings of a body, the last one first; raises as :func:`decode_body`."""
    if len(codings) > _MAX_CODINGS:
        raise _make_encoding_error()
    for coding in reversed(codings):
        if body and coding in _DECODERS:
            try:
                body = _DECODERS[coding](body, max_bytes)
            except (zlib.error, brotli.error, zstd.ZstdError) as error:
                raise _make_encoding_error() from error
    return body


def _check_length(size: int, headers: Headers) -> RefusedError | None:
    """Return an error if the headers declare more bytes than were received; surplus bytes are accepted."""
    declared = [length.strip() for length in get_field(headers, "content-length").split(",")]
    declared += [match[2]] if (match := _RANGE.fullmatch(get_field(headers, "content-range"))) else []
    if any(length.isascii() and length.isdecimal() and int(length[:19]) > size for length in declared):
        return _make_incomplete_error()
    return None


def _is_complete_range(content_range: str) -> bool:
    match = _RANGE.fullmatch(content_range.strip())
    return match is not None and int(match[1]) + 1 == int(match[2])


def _is_decoded(body: bytes) -> bool:
    return sniff(body) is ContentKind.IMAGE or body.lstrip()[:1] == b"<"


def _join_chunks(payload: bytes) -> bytes:
    """Join the chunks of a body (RFC 9112, 7.1); a body that does not start with a chunk is returned unchanged."""
    chunks: list[bytes] = []
    offset = 0
    while match := _CHUNK.match(payload, offset):
        size, offset = int(match[1], 16), match.end()
        if not size:
            return b"".join(chunks)
        if offset + size > len(payload):
            raise _make_incomplete_error()
        chunks.append(payload[offset : offset + size])
        offset += size
        offset += 2 if payload.startswith(b"\r\n", offset) else 1 if payload.startswith(b"\n", offset) else 0
    if chunks:
        raise _make_incomplete_error()
    return payload


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    """Decompress every gzip member (RFC 1952, 2.2). Like browsers, ignores checksums and trailing data."""
    output = bytearray()
    offset, inflater = 0, None
    while offset < len(body):
        data_offset = _find_gzip_data(body, offset)
        if data_offset is None:
            if inflater is None:
                raise _make_incomplete_error() if body[:3] == b"\x1f\x8b\x08"[: len(body)] else _make_encoding_error()
            break
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        output += _inflate_stream(inflater, body[data_offset:], max_bytes - len(output))
        offset = len(body) - len(inflater.unused_data) + 8
    return bytes(output)


def _find_gzip_data(body: bytes, offset: int) -> int | None:
    """Return the offset of a gzip member's data (RFC 1952, 2.3); ``None`` if its header is incomplete."""
    if body[offset : offset + 3] != b"\x1f\x8b\x08" or len(body) < offset + 10:
        return None
    flags, data_offset = body[offset + 3], offset + 10
    if flags & 4:
        data_offset += 2 + int.from_bytes(body[data_offset : data_offset + 2], "little")
    for flag in (8, 16):
        if flags & flag:
            data_offset = body.find(b"\0", data_offset) + 1 or len(body)
    data_offset += 2 if flags & 2 else 0
    return data_offset if data_offset < len(body) else None


def _inflate(body: bytes, max_bytes: int) -> bytes:
    """Decompress deflate as servers use it: in zlib format (RFC 1950), with its checksum ignored, or raw (RFC 1951)."""
    if int.from_bytes(body[:2]) % 31 == 0 and body[0] & 15 == 8:
        try:
            return _inflate_stream(zlib.decompressobj(-zlib.MAX_WBITS), body[2:], max_bytes)
        except zlib.error:
            pass
    return _inflate_stream(zlib.decompressobj(-zlib.MAX_WBITS), body, max_bytes)


def _inflate_stream(inflater: "zlib._Decompress", body: bytes, max_bytes: int) -> bytes:
    output = inflater.decompress(body, max_bytes + 1)
    if len(output) > max_bytes:
        raise _make_size_error()
    if not inflater.eof:
        raise _make_incomplete_error()
    return output


def _decompress_brotli(body: bytes, max_bytes: int) -> bytes:
    decoder, output = brotli.Decompressor(), bytearray()
    chunk = decoder.process(body, output_buffer_limit=_CHUNK_BYTES)
    while chunk or not (decoder.is_finished() or decoder.can_accept_more_data()):
        output += chunk
        if len(output) > max_bytes:
            raise _make_size_error()
        chunk = b"" if decoder.is_finished() else decoder.process(b"", output_buffer_limit=_CHUNK_BYTES)
    if not decoder.is_finished():
        raise _make_incomplete_error()
    return bytes(output)


def _decompress_zstd(body: bytes, max_bytes: int) -> bytes:
    """Decompress every zstd frame (RFC 8878, 3.1)."""
    output = bytearray()
    while body:
        decoder = zstd.ZstdDecompressor(options=_MAX_WINDOW)
        chunk = decoder.decompress(body, _CHUNK_BYTES)
        while True:
            output += chunk
            if len(output) > max_bytes:
                raise _make_size_error()
            if decoder.eof or decoder.needs_input:
                break
            chunk = decoder.decompress(b"", _CHUNK_BYTES)
        if not decoder.eof:
            raise _make_incomplete_error()
        body = decoder.unused_data
    return bytes(output)


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "deflate": _inflate,
    "br": _decompress_brotli,
    "zstd": _decompress_zstd,
}


def _make_incomplete_error() -> RefusedError:
    return RefusedError(Sentence("The response ended before it was complete."), reason=Reason.INCOMPLETE)


def _make_encoding_error() -> RefusedError:
    return RefusedError(
        Sentence("The content encoding of the response could not be decoded."), reason=Reason.BAD_ENCODING
    )


def _make_size_error() -> RefusedError:
    return RefusedError(Sentence("The content exceeds the size limit."), reason=Reason.TOO_LARGE)
