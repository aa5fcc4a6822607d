"""Text entries of EXIF (CIPA DC-008, EXIF 3.0) and of TIFF files.

Pillow's reader stops reading a directory at the first invalid offset and skips UTF-8 entries (type 129), so the entries
are read here. An entry is valid if its bytes lie in the block and look like one complete text; otherwise damage is
reported.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from exhibit.pictures.text_encodings import Text, as_utf_8, decode_with, to_text

MAX_ENTRIES = 4_096
MAX_COMMENT = 1 << 16  # bytes
ASCII, UTF_8, _SHORT_KIND = 2, 129, 3
EXIF_IFD = 0x8769
COPYRIGHT, USER_COMMENT, XMP_TAG, IPTC_TAG, PHOTOSHOP_TAG = 0x8298, 0x9286, 0x02BC, 0x83BB, 0x8649
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8, 129: 1}
_POINTERS = {4, 13, 16, 18}
_ORDERS = {b"II": "<", b"MM": ">"}
_OTHER = {"<": ">", ">": "<"}
_CLASSIC, _BIG = 42, 43
_BEFORE = 3  # printable bytes before a text: the offset then points into another text
_COMMENT_CODES = {b"ASCII\0\0\0": "ascii", b"JIS\0\0\0\0\0": "iso2022_jp", b"UNICODE\0": "utf-16"}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a directory."""

    tag: int
    kind: int
    place: int  # offset of the value in the block
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
    order = _ORDERS.get(block[:2])
    if order is None or len(block) < 8:
        directories.is_damaged = True
        return directories
    (magic,) = struct.unpack_from(f"{order}H", block, 2)
    if magic not in {_CLASSIC, _BIG}:
        order, directories.is_damaged = _OTHER[order], True
        (magic,) = struct.unpack_from(f"{order}H", block, 2)
    is_big = magic == _BIG
    (start,) = struct.unpack_from(f"{order}{'Q' if is_big else 'I'}", block.ljust(16, b"\0"), 8 if is_big else 4)
    directories.first = _read_directory(block, start, order, directories, is_big=is_big)
    pointer = directories.first.get(EXIF_IFD)
    if pointer is not None:
        directories.exif = _read_directory(block, _number(pointer), pointer.order, directories, is_big=is_big)
    return directories


def _number(entry: Entry) -> int:
    return int.from_bytes(entry.view[:8], "little" if entry.order == "<" else "big") if entry.kind in _POINTERS else 0


def _read_directory(
    block: bytes, start: int, order: str, directories: Directories, *, is_big: bool
) -> dict[int, Entry]:
    """Read a directory in its declared byte order, or in the other one if only that is readable."""
    entries, is_whole = _entries(block, start, order, is_big=is_big)
    if not is_whole:
        directories.is_damaged = True
        other = (start, *(int.from_bytes(start.to_bytes(8, "little")[:4], "big"),) * (start < 1 << 32))
        for place in other:
            again, is_readable = _entries(block, place, _OTHER[order], is_big=is_big)
            if is_readable:
                entries = again
                break
    by_tag: dict[int, Entry] = {}
    for entry in entries:
        by_tag.setdefault(entry.tag, entry)
    return by_tag


def _entries(block: bytes, start: int, order: str, *, is_big: bool) -> tuple[list[Entry], bool]:
    """Return the entries of a directory whose bytes are present, and True if these are all entries."""
    head, size, form, offset = (8, 20, "HHQ", "Q") if is_big else (2, 12, "HHI", "I")
    room = size - struct.calcsize(f"={form}")
    if not 8 <= start <= len(block) - head:
        return [], False
    (count,) = struct.unpack_from(f"{order}{'Q' if is_big else 'H'}", block, start)
    is_whole = 0 < count <= min(MAX_ENTRIES, (len(block) - start - head) // size)
    entries: list[Entry] = []
    view, unknown = memoryview(block), 0  # entries of hostile files may all point to the same megabytes
    for number in range(min(count, MAX_ENTRIES, (len(block) - start - head) // size)):
        place = start + head + number * size
        tag, kind, values = struct.unpack_from(f"{order}{form}", block, place)
        unit = _SIZES.get(kind)
        if unit is None:
            unknown += 1
            continue
        length, at = values * unit, place + size - room
        is_inline = length <= room
        if not is_inline:
            (at,) = struct.unpack_from(f"{order}{offset}", block, at)
        if at + length > len(block) or at < 8:
            is_whole = False
            continue
        entries.append(Entry(tag, kind, at, length, view[at : at + length], order, is_inline))
    return entries, is_whole and not unknown


def text_of(entry: Entry | None, other_entries: Sequence[Entry], block: bytes) -> tuple[Text, bool]:
    """Return the text of an entry, and whether it is valid. Invalid entries have an empty text.

    Args:
        entry: The entry, or None.
        other_entries: All entries of its block, which show what is adjacent to it.
        block: The bytes that the entries point into.
    """
    if entry is None:
        return "", True
    value = entry.value.rstrip(b"\0")
    parts = [part for part in value.split(b"\0") if part.strip()]
    is_text = entry.kind in {ASCII, UTF_8, 1, 7} and not value.startswith(b"\0")
    is_one = len(parts) <= (2 if entry.tag == COPYRIGHT else 1)
    if not is_text or not is_one or (parts and not entry.is_inline and not _is_whole(entry, other_entries, block)):
        return "", False
    value = b" ".join(parts)
    return (as_utf_8(value) if entry.kind == UTF_8 else to_text(value)), True


def _is_whole(entry: Entry, other_entries: Sequence[Entry], block: bytes) -> bool:
    """Return False if a text starts or ends within other printable bytes, as with shifted offsets."""
    place, end = entry.place, entry.place + entry.size
    neighbours = [other for other in other_entries if other is not entry]
    before = block[max(0, place - _BEFORE) : place]
    if len(before) == _BEFORE and all(0x20 < code < 0x7F for code in before):
        return any(other.place + other.size in {place - 1, place} for other in neighbours)
    is_open = end < len(block) and block[end - 1] and 0x20 < block[end] < 0x7F
    return not is_open or any(other.place == end for other in neighbours)


def wide_text(entry: Entry | None) -> tuple[Text, bool]:
    """Return the text of a Windows tag (XPTitle, XPAuthor, …), which is UTF-16, and whether it is one complete text."""
    if entry is None:
        return "", True
    value = entry.value
    if entry.kind == _SHORT_KIND and not any(value[entry.order == "<" :: 2]):  # a two-byte number for each byte
        value = value[entry.order == ">" :: 2]
    text = _utf_16(value, "<")
    return ("", False) if isinstance(text, bytes) or "\0" in text else (text, True)


def comment_of(entry: Entry | None) -> Text:
    """Read a user comment, whose first eight bytes name its character set."""
    if entry is None:
        return ""
    comment = bytes(entry.view[:MAX_COMMENT])
    code, value = comment[:8], comment[8:]
    encoding = _COMMENT_CODES.get(code)
    if encoding == "utf-16":
        return _utf_16(value, entry.order)
    if encoding is not None and (text := decode_with(value.rstrip(b"\0 "), encoding)) is not None:
        return text
    return to_text((comment if encoding is None and code.strip(b"\0") else value).strip(b"\0 "))


def _utf_16(value: bytes, order: str) -> Text:
    """Decode UTF-16 by its BOM, or in the byte order with more ASCII characters, preferring that of the file."""
    if value.startswith((b"\xff\xfe", b"\xfe\xff")):
        return decode_with(value, "utf-16") or value
    value += b"\0" * (len(value) % 2)
    orders = ("utf-16-le", "utf-16-be") if order == "<" else ("utf-16-be", "utf-16-le")
    texts = [text for name in orders if (text := decode_with(value, name, also="\0")) is not None]
    texts = [text.rstrip("\0") for text in texts]
    return max(texts, key=lambda text: sum(character.isascii() for character in text), default=value)
