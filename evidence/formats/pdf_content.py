"""Detection of scripts, embedded files, forms and actions in an untrusted PDF, by the names in its objects.

No object is followed and nothing is executed: the names of ISO 32000-2 are searched in all bytes and in all object
streams, so that nothing can hide in an object that no table lists. Content that is not found may still exist, in a
damaged file or under another standard: the result is "not found", never "none".
"""

import re
import zlib
from dataclasses import dataclass

MAX_BYTES = 64 << 20
MAX_UNPACKED = 128 << 20  # bytes of all object streams together
MAX_HEAD, MAX_DICTIONARY, MAX_STREAMS = 1024, 4096, 100_000
_VALUE = rb"\s*(?:[(<\[/]|\d+\s+\d+\s+R)"
_END = rb"(?![^\x00-\x20()<>\[\]{}/%])"
SIGNS = {
    "script": rb"/(?:JavaScript" + _END + rb"|JS" + _VALUE + rb")",
    "files": rb"/(?:EmbeddedFiles?|RichMediaContent)" + _END,
    "launch": rb"/(?:Launch|GoToE)" + _END,
    "sends": rb"/(?:SubmitForm|ImportData)" + _END,
    "form": rb"/(?:AcroForm|XFA)" + _VALUE,
    "media": rb"/(?:RichMedia|Rendition)" + _END,
    "actions": rb"/AA" + _VALUE,
}
"""Patterns to search for, by the names that documents and verdicts use."""
_PATTERNS = {kind: re.compile(sign) for kind, sign in SIGNS.items()}
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_STREAM = re.compile(rb"(?<!end)stream\r?\n")
_ENCRYPTED = re.compile(rb"/Encrypt" + _VALUE)
_FILTERS = re.compile(rb"/Filter\s*(\[[^\]]*\]|/[A-Za-z0-9]+)")


@dataclass(frozen=True, slots=True)
class PdfContent:
    """Detected content, and why some of the file could not be examined, as a code; empty if all could."""

    kinds: tuple[str, ...]
    unread: str = ""  # ``damaged``, ``encrypted``, ``large`` or ``packed``


def is_pdf(data: bytes, name: str) -> bool:
    """Return True if data starts like a PDF, or the name ends in .pdf."""
    return b"%PDF-" in data[:MAX_HEAD] or name.lower().endswith(".pdf")


def inspect_pdf(data: bytes) -> PdfContent:
    """Return the active and embedded content of a PDF."""
    if len(data) > MAX_BYTES:
        return PdfContent((), "large")
    if b"%PDF-" not in data[:MAX_HEAD]:
        return PdfContent((), "damaged")
    plain = _decode_names(data)
    streams, unread = _read_object_streams(data)
    kinds = {kind for kind, sign in _PATTERNS.items() for part in (plain, *streams) if sign.search(part)}
    unread = "encrypted" if _ENCRYPTED.search(plain) else unread
    return PdfContent(tuple(kind for kind in SIGNS if kind in kinds), unread)


def _read_object_streams(data: bytes) -> tuple[list[bytes], str]:
    """Return the object streams, unpacked and with decoded names, and why there may be more."""
    streams: list[bytes] = []
    unread, remaining, end = "", MAX_UNPACKED, 0
    for count, start in enumerate(_STREAM.finditer(data)):
        if count >= MAX_STREAMS or remaining <= 0:
            return streams, "large"
        dictionary = _decode_names(data[max(0, start.start() - MAX_DICTIONARY) : start.start()])
        dictionary = dictionary[dictionary.rfind(b"obj") + 3 :]
        filters = _FILTERS.search(dictionary)
        if start.start() < end or b"/ObjStm" not in dictionary or filters is None:  # not packed: searched above
            continue
        end = data.find(b"endstream", start.end())
        reason = "packed"
        if filters[1].strip(b"[] \t\r\n") in {b"/FlateDecode", b"/Fl"} and b"/DecodeParms" not in dictionary:
            stream, reason = _unpack(data[start.end() : end], remaining) if end >= 0 else (b"", "damaged")
            remaining -= len(stream)
            streams.append(_decode_names(stream))
        unread = unread or reason
        if end < 0:
            break
    return streams, "large" if remaining <= 0 else unread


def _unpack(data: bytes, max_bytes: int) -> tuple[bytes, str]:
    """Return the unpacked stream, and why there may be more."""
    unpacker = zlib.decompressobj()
    try:
        stream = unpacker.decompress(data, max_bytes)
    except zlib.error:
        return b"", "damaged"
    return stream, "" if unpacker.eof and not unpacker.unused_data.strip() else "damaged"


def _decode_names(data: bytes) -> bytes:
    """Decode the codes in names, such as ``#53`` for ``S``."""
    return _ESCAPED.sub(lambda code: bytes.fromhex(code[1].decode()), data) if b"#" in data else data
