"""Text entries of EXIF (CIPA DC-008, EXIF 3.0) and of TIFF files.

Pillow's reader stops at the first invalid offset of a directory and skips UTF-8 entries (type 129), so this module has
its own reader. An entry is valid if its bytes lie in the block and look like one complete text; otherwise damage is
reported.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from exhibit.pictures.text_encodings import Text, decode_utf_8, decode_with, to_text

MAX_ENTRIES = 4_096
MAX_COMMENT = 1 << 16  # bytes
ASCII, UTF_8, _SHORT_KIND = 2, 129, 3
EXIF_IFD = 0x8769
COPYRIGHT, USER_COMMENT, XMP_TAG, IPTC_TAG, PHOTOSHOP_TAG = 0x8298, 0x9286, 0x02BC, 0x83BB, 0x8649
_VALUE_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
    129: 1,
}
_POINTER_KINDS = {4, 13, 16, 18}
_BYTE_ORDERS = {b"II": "<", b"MM": ">"}
_OPPOSITE_ORDER = {"<": ">", ">": "<"}
_CLASSIC_MAGIC, _BIG_MAGIC = 42, 43
_MIN_PRECEDING = 3  # with this many printable bytes before a text, its offset points into another text
_COMMENT_CODES = {b"ASCII\0\0\0": "ascii", b"JIS\0\0\0\0\0": "iso2022_jp", b"UNICODE\0": "utf-16"}


@dataclass(frozen=True, slots=True)
class Entry:
    """Entry of a directory."""

    tag: int
    kind: int
    offset: int  # offset of the value in the block
    size: int  # bytes
    view: memoryview
    order: str  # "<" or ">"
    is_inline: bool

    @property
    def value(self) -> bytes:
        """Bytes of the value."""
        return bytes(self.view)


@dataclass(slots=True)
class Directories:
    """Entries of the first directory and of the EXIF directory, the first one of each tag."""

    first: dict[int, Entry] = field(default_factory=dict)
    exif: dict[int, Entry] = field(default_factory=dict)
    is_damaged: bool = False


def read_directories(block: bytes) -> Directories:
    """Read the entries of a TIFF structure, as used in EXIF blocks and TIFF files."""
    directories = Directories()
    order = _BYTE_ORDERS.get(block[:2])
    if order is None or len(block) < 8:
        directories.is_damaged = True
        return directories
    (magic,) = struct.unpack_from(f"{order}H", block, 2)
    if magic not in {_CLASSIC_MAGIC, _BIG_MAGIC}:
        order, directories.is_damaged = _OPPOSITE_ORDER[order], True
        (magic,) = struct.unpack_from(f"{order}H", block, 2)
    is_big = magic == _BIG_MAGIC
    (start,) = struct.unpack_from(f"{order}{'Q' if is_big else 'I'}", block.ljust(16, b"\0"), 8 if is_big else 4)
    directories.first = _read_directory(block, start, order, directories, is_big=is_big)
    pointer = directories.first.get(EXIF_IFD)
    if pointer is not None:
        directories.exif = _read_directory(block, _read_number(pointer), pointer.order, directories, is_big=is_big)
    return directories


def _read_number(entry: Entry) -> int:
    return (
        int.from_bytes(entry.view[:8], "little" if entry.order == "<" else "big") if entry.kind in _POINTER_KINDS else 0
    )


def _read_directory(
    block: bytes, start: int, order: str, directories: Directories, *, is_big: bool
) -> dict[int, Entry]:
    """Read a directory in its declared byte order, or in the other one if only that is readable."""
    entries, is_complete = _read_entries(block, start, order, is_big=is_big)
    if not is_complete:
        directories.is_damaged = True
        other_starts = (start, *(int.from_bytes(start.to_bytes(8, "little")[:4], "big"),) * (start < 1 << 32))
        for offset in other_starts:
            other_entries, is_readable = _read_entries(block, offset, _OPPOSITE_ORDER[order], is_big=is_big)
            if is_readable:
                entries = other_entries
                break
    by_tag: dict[int, Entry] = {}
    for entry in entries:
        by_tag.setdefault(entry.tag, entry)
    return by_tag


def _read_entries(block: bytes, start: int, order: str, *, is_big: bool) -> tuple[list[Entry], bool]:
    """Return the entries of a directory whose bytes are present, and True if no entry is missing."""
    head, size, entry_format, pointer_format = (8, 20, "HHQ", "Q") if is_big else (2, 12, "HHI", "I")
    inline_size = size - struct.calcsize(f"={entry_format}")
    if not 8 <= start <= len(block) - head:
        return [], False
    (count,) = struct.unpack_from(f"{order}{'Q' if is_big else 'H'}", block, start)
    is_complete = 0 < count <= min(MAX_ENTRIES, (len(block) - start - head) // size)
    entries: list[Entry] = []
    # No copies: all entries of a hostile file may point to the same megabytes
    view, unknown_count = (
        memoryview(block),
        0,
    )
    for number in range(min(count, MAX_ENTRIES, (len(block) - start - head) // size)):
        entry_offset = start + head + number * size
        tag, kind, values = struct.unpack_from(f"{order}{entry_format}", block, entry_offset)
        unit = _VALUE_SIZES.get(kind)
        if unit is None:
            unknown_count += 1
            continue
        length, value_offset = values * unit, entry_offset + size - inline_size
        is_inline = length <= inline_size
        if not is_inline:
            (value_offset,) = struct.unpack_from(f"{order}{pointer_format}", block, value_offset)
        if value_offset + length > len(block) or value_offset < 8:
            is_complete = False
            continue
        entries.append(
            Entry(tag, kind, value_offset, length, view[value_offset : value_offset + length], order, is_inline)
        )
    return entries, is_complete and not unknown_count


def read_text(entry: Entry | None, other_entries: Sequence[Entry], block: bytes) -> tuple[Text, bool]:
    """Return the text of an entry, and True if it is valid. Invalid entries have an empty text.

    Args:
        entry: The entry, or None.
        other_entries: All entries of the block, used to check the bytes next to the text.
        block: The bytes that the entries point into.
    """
    if entry is None:
        return "", True
    value = entry.value.rstrip(b"\0")
    parts = [part for part in value.split(b"\0") if part.strip()]
    is_text = entry.kind in {ASCII, UTF_8, 1, 7} and not value.startswith(b"\0")
    is_single = len(parts) <= (2 if entry.tag == COPYRIGHT else 1)
    if (
        not is_text
        or not is_single
        or (parts and not entry.is_inline and not _is_complete_text(entry, other_entries, block))
    ):
        return "", False
    value = b" ".join(parts)
    return (decode_utf_8(value) if entry.kind == UTF_8 else to_text(value)), True


def _is_complete_text(entry: Entry, other_entries: Sequence[Entry], block: bytes) -> bool:
    """Return False if printable bytes directly before or after a text show that its offset is wrong."""
    start, end = entry.offset, entry.offset + entry.size
    neighbours = [other for other in other_entries if other is not entry]
    preceding = block[max(0, start - _MIN_PRECEDING) : start]
    if len(preceding) == _MIN_PRECEDING and all(0x20 < code < 0x7F for code in preceding):
        return any(other.offset + other.size in {start - 1, start} for other in neighbours)
    runs_on = end < len(block) and block[end - 1] and 0x20 < block[end] < 0x7F
    return not runs_on or any(other.offset == end for other in neighbours)


def read_wide_text(entry: Entry | None) -> tuple[Text, bool]:
    """Return the UTF-16 text of a Windows tag (XPTitle, XPAuthor, …), and True if it is one complete text."""
    if entry is None:
        return "", True
    value = entry.value
    if entry.kind == _SHORT_KIND and not any(value[entry.order == "<" :: 2]):  # a two-byte number for each byte
        value = value[entry.order == ">" :: 2]
    text = _decode_utf_16(value, "<")
    return ("", False) if isinstance(text, bytes) or "\0" in text else (text, True)


def read_comment(entry: Entry | None) -> Text:
    """Read a user comment, whose first eight bytes name its character set."""
    if entry is None:
        return ""
    comment = bytes(entry.view[:MAX_COMMENT])
    code, value = comment[:8], comment[8:]
    encoding = _COMMENT_CODES.get(code)
    if encoding == "utf-16":
        return _decode_utf_16(value, entry.order)
    if encoding is not None and (text := decode_with(value.rstrip(b"\0 "), encoding)) is not None:
        return text
    return to_text((comment if encoding is None and code.strip(b"\0") else value).strip(b"\0 "))


def _decode_utf_16(value: bytes, order: str) -> Text:
    """Decode UTF-16 by its BOM, else in the byte order with more ASCII characters (if equal, the order of the file)."""
    if value.startswith((b"\xff\xfe", b"\xfe\xff")):
        return decode_with(value, "utf-16") or value
    value += b"\0" * (len(value) % 2)
    orders = ("utf-16-le", "utf-16-be") if order == "<" else ("utf-16-be", "utf-16-le")
    texts = [text for name in orders if (text := decode_with(value, name, allowed="\0")) is not None]
    texts = [text.rstrip("\0") for text in texts]
    return max(texts, key=lambda text: sum(character.isascii() for character in text), default=value)
