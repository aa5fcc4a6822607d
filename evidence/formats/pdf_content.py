"""Detection of scripts, embedded files, forms and actions in an untrusted PDF, by the names in its objects.

No reference is followed and nothing is executed: the names of ISO 32000-2 are searched in all bytes and in all object
streams, including objects that no table lists. A damaged file, or one that follows another standard, may still contain
such content. The result is therefore "not found", never "none".
"""

import re
import zlib
from dataclasses import dataclass

MAX_BYTES = 64 << 20
MAX_UNPACKED_BYTES = 128 << 20  # bytes of all object streams together
MAX_HEADER_BYTES, MAX_DICTIONARY_BYTES, MAX_STREAMS = 1024, 4096, 100_000
_VALUE = rb"\s*(?:[(<\[/]|\d+\s+\d+\s+R)"
_END = rb"(?![^\x00-\x20()<>\[\]{}/%])"
CONTENT_PATTERNS = {
    "script": rb"/(?:JavaScript" + _END + rb"|JS" + _VALUE + rb")",
    "files": rb"/(?:EmbeddedFiles?|RichMediaContent)" + _END,
    "launch": rb"/(?:Launch|GoToE)" + _END,
    "sends": rb"/(?:SubmitForm|ImportData)" + _END,
    "form": rb"/(?:AcroForm|XFA)" + _VALUE,
    "media": rb"/(?:RichMedia|Rendition)" + _END,
    "actions": rb"/AA" + _VALUE,
}
"""Search patterns by type of content; documents and verdicts use the same names."""
_COMPILED_PATTERNS = {kind: re.compile(pattern) for kind, pattern in CONTENT_PATTERNS.items()}
_ESCAPED_NAME = re.compile(rb"#([0-9A-Fa-f]{2})")
_STREAM_START = re.compile(rb"(?<!end)stream\r?\n")
_ENCRYPTED = re.compile(rb"/Encrypt" + _VALUE)
_FILTERS = re.compile(rb"/Filter\s*(\[[^\]]*\]|/[A-Za-z0-9]+)")


@dataclass(frozen=True, slots=True)
class PdfContent:
    """Types of detected content, and a code for the reason if part of the file could not be examined."""

    kinds: tuple[str, ...]
    unread_reason: str = ""  # ``damaged``, ``encrypted``, ``large`` or ``packed``


def is_pdf(data: bytes, name: str) -> bool:
    """Return True if the data starts like a PDF, or the name ends in .pdf."""
    return b"%PDF-" in data[:MAX_HEADER_BYTES] or name.lower().endswith(".pdf")


def inspect_pdf(data: bytes) -> PdfContent:
    """Detect active and embedded content in a PDF."""
    if len(data) > MAX_BYTES:
        return PdfContent((), "large")
    if b"%PDF-" not in data[:MAX_HEADER_BYTES]:
        return PdfContent((), "damaged")
    decoded = _decode_names(data)
    streams, unread_reason = _read_object_streams(data)
    kinds = {
        kind for kind, pattern in _COMPILED_PATTERNS.items() for part in (decoded, *streams) if pattern.search(part)
    }
    unread_reason = "encrypted" if _ENCRYPTED.search(decoded) else unread_reason
    return PdfContent(tuple(kind for kind in CONTENT_PATTERNS if kind in kinds), unread_reason)


def _read_object_streams(data: bytes) -> tuple[list[bytes], str]:
    """Return the decompressed object streams with decoded names, and a reason code if some could not be read."""
    streams: list[bytes] = []
    unread_reason, remaining, end = "", MAX_UNPACKED_BYTES, 0
    for count, start in enumerate(_STREAM_START.finditer(data)):
        if count >= MAX_STREAMS or remaining <= 0:
            return streams, "large"
        dictionary = _decode_names(data[max(0, start.start() - MAX_DICTIONARY_BYTES) : start.start()])
        dictionary = dictionary[dictionary.rfind(b"obj") + 3 :]
        filters = _FILTERS.search(dictionary)
        if start.start() < end or b"/ObjStm" not in dictionary or filters is None:  # not packed: searched above
            continue
        end = data.find(b"endstream", start.end())
        reason = "packed"
        if filters[1].strip(b"[] \t\r\n") in {b"/FlateDecode", b"/Fl"} and b"/DecodeParms" not in dictionary:
            stream, reason = _decompress_stream(data[start.end() : end], remaining) if end >= 0 else (b"", "damaged")
            remaining -= len(stream)
            streams.append(_decode_names(stream))
        unread_reason = unread_reason or reason
        if end < 0:
            break
    return streams, "large" if remaining <= 0 else unread_reason


def _decompress_stream(data: bytes, max_bytes: int) -> tuple[bytes, str]:
    """Return the decompressed stream, and a reason code if it is incomplete."""
    unpacker = zlib.decompressobj()
    try:
        stream = unpacker.decompress(data, max_bytes)
    except zlib.error:
        return b"", "damaged"
    return stream, "" if unpacker.eof and not unpacker.unused_data.strip() else "damaged"


def _decode_names(data: bytes) -> bytes:
    """Decode hexadecimal codes in names, such as ``#53`` for ``S``."""
    return _ESCAPED_NAME.sub(lambda code: bytes.fromhex(code[1].decode()), data) if b"#" in data else data
