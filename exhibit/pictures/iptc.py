"""IPTC-IIM 4.2 datasets and the Photoshop image resources that contain them.

Pillow's reader rejects the whole block at the first wrong byte and reads the length of extended datasets as zero, so
the datasets are read here. Valid datasets before and after damage are kept, and the damage is reported.
"""

import codecs
import re
import struct
from collections.abc import Sequence

from exhibit.pictures.text_encodings import Text, as_utf_8, decode_with, to_text

IPTC_RESOURCE, XMP_RESOURCE, EXIF_RESOURCE = 0x0404, 0x0424, 0x0422
MAX_DATASETS = 2_000
Dataset = tuple[int, int, bytes]  # record, number, value
_MARK = 0x1C
_RECORDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 240})
_EXTENDED, _MAX_OCTETS = 0x8000, 4
_SIGNATURES = (b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR")  # signatures of image resources written by Adobe's programs
_START = re.compile(b"|".join(_SIGNATURES))
_CHARACTER_SET = (1, 90)
_ESCAPE = re.compile(rb"\x1b([\x20-\x2f]*)([\x30-\x7e])")
_UTF_8 = re.compile(rb"(?:\x1b|\A)%(?:G|/[GHI])")
_CHARSET_NAME = re.compile(rb"(?:utf|iso|latin|windows|cp|mac|gb|big|shift|euc)[\w -]{1,20}", re.IGNORECASE)
_SETS_OF_96 = {
    b"A": "iso8859_1", b"B": "iso8859_2", b"C": "iso8859_3", b"D": "iso8859_4", b"F": "iso8859_7", b"G": "iso8859_6",
    b"H": "iso8859_8", b"L": "iso8859_5", b"M": "iso8859_9", b"T": "iso8859_11", b"V": "iso8859_10",
    b"Y": "iso8859_13", b"_": "iso8859_14", b"b": "iso8859_15", b"f": "iso8859_16",
}  # fmt: skip
"""Right halves in the International Register (ISO 2375), designated by ``ESC - F``, ``ESC . F`` or ``ESC / F``."""
_SETS_OF_94 = {b"$)A": "gb2312", b"$)B": "euc_jp", b"$)C": "euc_kr", b"$)G": "euc_tw"}
_NATIONAL = frozenset(b"#$@[\\]^`{|}~")  # codes that variants of ISO 646 assign to letters
_ASCII = (b"B", b"@")


def resources(segments: Sequence[bytes]) -> tuple[list[tuple[int, bytes]], bool]:
    """Read Photoshop image resources, which may continue from one segment to the next.

    Args:
        segments: Contents of the APP13 segments without ``Photoshop 3.0``, or the one block of another format.

    Returns:
        Number and data of each resource, and whether anything was damaged.
    """
    joined: list[list[bytes]] = []
    for segment in segments:
        if joined and not segment.startswith(_SIGNATURES):
            joined[-1].append(segment)
        else:
            joined.append([segment])
    blocks: list[tuple[int, bytes]] = []
    is_damaged = False
    for parts in joined:
        block, place = b"".join(parts), 0
        while len(block) - place >= 12 and len(blocks) < MAX_DATASETS:
            start = _START.search(block, place)
            if start is None:
                break
            is_damaged |= bool(block[place : start.start()].strip(b"\0"))
            (number,) = struct.unpack_from(">H", block, start.end())
            name_start = start.end() + 2
            place = name_start + 1 + block[name_start]
            place += (place - start.start()) % 2
            if place + 4 > len(block):
                break
            (size,) = struct.unpack_from(">I", block, place)
            place += 4
            blocks.append((number, block[place : place + size]))
            place += size
            if place % 2 != start.start() % 2 and not block.startswith(_SIGNATURES, place):
                place += 1
        is_damaged |= place > len(block) + 1 or bool(block[place:].strip(b"\0"))
    return blocks, is_damaged


def datasets(block: bytes) -> tuple[list[Dataset], bool]:
    """Return the datasets of an IPTC block, and True if anything between or after them is unreadable."""
    results: list[Dataset] = []
    filled = len(block.rstrip(b"\0"))
    is_damaged, place = False, 0
    while place < filled and len(results) < MAX_DATASETS:
        dataset = _dataset(block, place, filled)
        end = len(block) if dataset is None else dataset[1]
        if dataset is None or not _ends(block, end, filled):  # invalid bytes, or a wrong length
            is_damaged = True
            start = place + 1 if dataset is None else end - len(dataset[0][2])
            inner = _next_start(block, start, end, filled)
            if inner is not None or dataset is None:
                place = end if inner is None else inner
                continue
        if dataset is not None:
            results.append(dataset[0])
        place = end
    return results, is_damaged or len(results) == MAX_DATASETS


def _dataset(block: bytes, place: int, filled: int) -> tuple[Dataset, int] | None:
    """Return the dataset at an offset and its end, or None if there is none or it is truncated."""
    if len(block) - place < 5 or block[place] != _MARK or block[place + 1] not in _RECORDS:
        return None
    record, number, size = struct.unpack_from(">BBH", block, place + 1)
    start = place + 5
    octets = size - _EXTENDED
    if 0 < octets <= _MAX_OCTETS:
        size = int.from_bytes(block[start : start + octets], "big")
        start += octets
    elif octets == 0 or (octets > 0 and not _ends(block, start + size, filled)):  # long, but not in extended form
        return None
    end = start + size
    return ((record, number, block[start:end]), end) if end <= len(block) else None


def _ends(block: bytes, place: int, filled: int) -> bool:
    """Return True if only zeros follow in the block, or a dataset starts there."""
    return filled <= place <= len(block) or block[place : place + 1] == b"\x1c"


def _next_start(block: bytes, place: int, end: int, filled: int) -> int | None:
    """Return the first offset in a part of the block at which a complete dataset starts, or None."""
    while (place := block.find(b"\x1c", place, end)) >= 0:
        if _dataset(block, place, filled) is not None:
            return place
        place += 1
    return None


def decode_datasets(datasets: Sequence[Dataset]) -> dict[int, list[Text]]:
    """Decode the values of record 2 by number, in the character set that dataset 1:90 declares."""
    declared_sets = [value for record, number, value in datasets if (record, number) == _CHARACTER_SET]
    values: dict[int, list[Text]] = {}
    for record, number, value in datasets:
        if record == 2 and value.strip(b"\0 "):
            values.setdefault(number, []).append(
                _decode_value(value.rstrip(b"\0"), declared_sets[-1] if declared_sets else b"")
            )
    return values


def _decode_value(value: bytes, charset: bytes) -> Text:
    if b"\0" in value or not charset.strip(b"\0 "):
        return to_text(value)
    if _UTF_8.search(charset):
        return as_utf_8(value)
    right, left = _named_charset(charset.strip(b"\0 ")) or _designated_charset(charset)
    if value.isascii():
        is_changed = left not in _ASCII and not _NATIONAL.isdisjoint(value)
        return value if b"\x1b" in value or is_changed else value.decode("ascii")
    if right is None or left not in _ASCII or b"\x1b" in value:
        return value
    text, utf_8 = decode_with(value, right), as_utf_8(value)
    if right == "utf-8" or text is None:
        return utf_8 if right == "utf-8" else value
    return value if isinstance(utf_8, str) else text  # both readings are possible, so neither is certain


def _named_charset(charset: bytes) -> tuple[str, bytes] | None:
    """Return the encoding if it is declared by its name instead of escape sequences, as some programs do."""
    if not _CHARSET_NAME.fullmatch(charset):
        return None
    try:
        encoding = codecs.lookup(charset.decode().replace(" ", "")).name
    except LookupError:
        return None
    return encoding, b"B"


def _designated_charset(charset: bytes) -> tuple[str | None, bytes]:
    """Return the encoding designated by ISO 2022 escape sequences for codes above 127, and the set for the codes below.

    If several sets are designated above 127, the one in G1 is used, which is active until a text changes it.
    """
    right: dict[bytes, str | None] = {}
    left = b"B"
    for between, final in _ESCAPE.findall(charset):
        if between in {b"-", b".", b"/"}:
            right[between] = _SETS_OF_96.get(final)
        elif between in {b")", b"*", b"+", b"$)", b"$*", b"$+"}:
            right[b"-"] = _SETS_OF_94.get(between + final)
        elif between in {b"(", b"$", b"$("}:
            left = final if between == b"(" else b"$"
    return right.get(b"-", next(iter(right.values()), None)), left
