"""IPTC-IIM 4.2 datasets and the Photoshop image resources that contain them.

Pillow's reader rejects the whole block at the first wrong byte and reads the length of extended datasets as zero, so
this module has its own reader. Valid datasets before and after damage are kept, and the damage is reported.
"""

import codecs
import re
import struct
from collections.abc import Sequence

from exhibit.pictures.text_encodings import Text, decode_utf_8, decode_with, to_text

IPTC_RESOURCE, XMP_RESOURCE, EXIF_RESOURCE = 0x0404, 0x0424, 0x0422
MAX_DATASETS = 2_000
Dataset = tuple[int, int, bytes]  # record, number, value
_DATASET_MARKER = 0x1C
_RECORDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 240})
_EXTENDED_LENGTH, _MAX_OCTETS = 0x8000, 4
_SIGNATURES = (b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR")  # signatures of image resources written by Adobe's programs
_SIGNATURE = re.compile(b"|".join(_SIGNATURES))
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
_NATIONAL_CODES = frozenset(b"#$@[\\]^`{|}~")  # codes that variants of ISO 646 assign to letters
_ASCII = (b"B", b"@")


def read_resources(segments: Sequence[bytes]) -> tuple[list[tuple[int, bytes]], bool]:
    """Read Photoshop image resources. A resource may continue in the next segment.

    Args:
        segments: Contents of a JPEG's APP13 segments without ``Photoshop 3.0``; for other formats, a single block.

    Returns:
        Number and data of each resource, and True if anything was damaged.
    """
    groups: list[list[bytes]] = []
    for segment in segments:
        if groups and not segment.startswith(_SIGNATURES):
            groups[-1].append(segment)
        else:
            groups.append([segment])
    blocks: list[tuple[int, bytes]] = []
    is_damaged = False
    for parts in groups:
        block, offset = b"".join(parts), 0
        while len(block) - offset >= 12 and len(blocks) < MAX_DATASETS:
            start = _SIGNATURE.search(block, offset)
            if start is None:
                break
            is_damaged |= bool(block[offset : start.start()].strip(b"\0"))
            (number,) = struct.unpack_from(">H", block, start.end())
            name_start = start.end() + 2
            offset = name_start + 1 + block[name_start]
            offset += (offset - start.start()) % 2
            if offset + 4 > len(block):
                break
            (size,) = struct.unpack_from(">I", block, offset)
            offset += 4
            blocks.append((number, block[offset : offset + size]))
            offset += size
            if offset % 2 != start.start() % 2 and not block.startswith(_SIGNATURES, offset):
                offset += 1
        is_damaged |= offset > len(block) + 1 or bool(block[offset:].strip(b"\0"))
    return blocks, is_damaged


def read_datasets(block: bytes) -> tuple[list[Dataset], bool]:
    """Return the datasets of an IPTC block, and True if anything between or after them is unreadable."""
    results: list[Dataset] = []
    content_end = len(block.rstrip(b"\0"))
    is_damaged, offset = False, 0
    while offset < content_end and len(results) < MAX_DATASETS:
        dataset = _read_dataset(block, offset, content_end)
        end = len(block) if dataset is None else dataset[1]
        if dataset is None or not _is_boundary(block, end, content_end):  # invalid bytes, or a wrong length
            is_damaged = True
            start = offset + 1 if dataset is None else end - len(dataset[0][2])
            inner_start = _find_next_start(block, start, end, content_end)
            if inner_start is not None or dataset is None:
                offset = end if inner_start is None else inner_start
                continue
        if dataset is not None:
            results.append(dataset[0])
        offset = end
    return results, is_damaged or len(results) == MAX_DATASETS


def _read_dataset(block: bytes, offset: int, content_end: int) -> tuple[Dataset, int] | None:
    """Return the dataset at an offset and its end, or None if there is none or it is truncated."""
    if len(block) - offset < 5 or block[offset] != _DATASET_MARKER or block[offset + 1] not in _RECORDS:
        return None
    record, number, size = struct.unpack_from(">BBH", block, offset + 1)
    start = offset + 5
    octets = size - _EXTENDED_LENGTH
    if 0 < octets <= _MAX_OCTETS:
        size = int.from_bytes(block[start : start + octets], "big")
        start += octets
    elif octets == 0 or (octets > 0 and not _is_boundary(block, start + size, content_end)):  # too long for its form
        return None
    end = start + size
    return ((record, number, block[start:end]), end) if end <= len(block) else None


def _is_boundary(block: bytes, offset: int, content_end: int) -> bool:
    """Return True if only zeros follow the offset, or a dataset starts there."""
    return content_end <= offset <= len(block) or block[offset : offset + 1] == b"\x1c"


def _find_next_start(block: bytes, offset: int, end: int, content_end: int) -> int | None:
    """Return the first offset in a part of the block at which a complete dataset starts, or None."""
    while (offset := block.find(b"\x1c", offset, end)) >= 0:
        if _read_dataset(block, offset, content_end) is not None:
            return offset
        offset += 1
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
        return decode_utf_8(value)
    right, left = _parse_charset_name(charset.strip(b"\0 ")) or _parse_charset_escapes(charset)
    if value.isascii():
        is_changed = left not in _ASCII and not _NATIONAL_CODES.isdisjoint(value)
        return value if b"\x1b" in value or is_changed else value.decode("ascii")
    if right is None or left not in _ASCII or b"\x1b" in value:
        return value
    text, utf_8 = decode_with(value, right), decode_utf_8(value)
    if right == "utf-8" or text is None:
        return utf_8 if right == "utf-8" else value
    return value if isinstance(utf_8, str) else text  # both readings are possible, so neither is certain


def _parse_charset_name(charset: bytes) -> tuple[str, bytes] | None:
    """Return the encoding if the charset is declared by name, as some programs do, instead of escape sequences."""
    if not _CHARSET_NAME.fullmatch(charset):
        return None
    try:
        encoding = codecs.lookup(charset.decode().replace(" ", "")).name
    except LookupError:
        return None
    return encoding, b"B"


def _parse_charset_escapes(charset: bytes) -> tuple[str | None, bytes]:
    """Return the encoding of codes above 127, and the set of the codes below, from ISO 2022 escape sequences.

    If several sets are designated above 127, the one in G1 is used: it is active until a text changes it.
    """
    right: dict[bytes, str | None] = {}
    left = b"B"
    for intermediate, final in _ESCAPE.findall(charset):
        if intermediate in {b"-", b".", b"/"}:
            right[intermediate] = _SETS_OF_96.get(final)
        elif intermediate in {b")", b"*", b"+", b"$)", b"$*", b"$+"}:
            right[b"-"] = _SETS_OF_94.get(intermediate + final)
        elif intermediate in {b"(", b"$", b"$("}:
            left = final if intermediate == b"(" else b"$"
    return right.get(b"-", next(iter(right.values()), None)), left
