"""DER (ITU-T X.690), read strictly: what has two forms, or goes on behind its end, isn't read at all."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from exhibit.errors import IntegrityError

MAX_DEPTH = 24
MAX_ELEMENTS = 20_000
CONSTRUCTED = (0x30, 0x31)  # SEQUENCE and SET: the only universal types that hold others
_TIME = re.compile(rb"(\d\d|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d{1,9})?Z")


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its tag, all its bytes, those behind its head, and what lies in it when it is constructed."""

    tag: int
    encoded: bytes
    content: bytes
    inside: tuple["Element", ...]


def unreadable() -> IntegrityError:
    """What is raised for everything that can't be read."""
    return IntegrityError("It isn't DER that can be read.")


def read(data: bytes) -> Element:
    """The one element that these bytes are; raises ``IntegrityError``."""
    element, end = _read(data, 0, len(data), MAX_DEPTH, [MAX_ELEMENTS])
    if end != len(data):
        raise unreadable()
    return element


def fields(element: Element, pattern: str, tag: int = 0x30) -> tuple[Any, ...]:
    """What lies in an element, by tags in their order, such as ``02 30|80 a0?``; ``None`` for what isn't there."""
    if element.tag != tag:
        raise unreadable()
    found: list[Element | None] = []
    left = list(element.inside)
    for part in pattern.split():
        if left and f"{left[0].tag:02x}" in part.rstrip("?").split("|"):
            found.append(left.pop(0))
        elif part.endswith("?"):
            found.append(None)
        else:
            raise unreadable()
    if left:
        raise unreadable()
    return tuple(found)


def oid(dotted: str) -> bytes:
    """The content of an object identifier."""
    first, second, *rest = map(int, dotted.split("."))
    out = bytearray()
    for number in (40 * first + second, *rest):
        groups = [number & 127]
        while number := number >> 7:
            groups.append(number & 127 | 128)
        out += bytes(reversed(groups))
    return bytes(out)


def number(content: bytes, most: int) -> int:
    """A whole number from 0 to ``most``; raises ``IntegrityError``."""
    if not content or (content[0] == 0 and len(content) > 1 and content[1] < 128) or content[0] > 127:
        raise unreadable()
    value = int.from_bytes(content, "big")
    if value > most:
        raise unreadable()
    return value


def bits(element: Element) -> bytes:
    """The bytes of a BIT STRING that fills them."""
    if element.tag != 0x03 or element.content[0] != 0:
        raise unreadable()
    return element.content[1:]


def time_of(element: Element) -> tuple[datetime, int]:
    """A UTCTime or GeneralizedTime of the years 1950 to 9999: whole seconds, UTC, and nanoseconds besides."""
    match = _TIME.fullmatch(element.content)
    if match is None or len(match[1]) != {0x17: 2, 0x18: 4}.get(element.tag):
        raise unreadable()
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if element.tag == 0x17:
        year += 1900 if year >= 50 else 2000
    if not 1950 <= year <= 9999:
        raise unreadable()
    try:
        time = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise unreadable() from error
    return time, int((match[7] or b".")[1:].ljust(9, b"0"))


def _read(data: bytes, start: int, limit: int, depth: int, left: list[int]) -> tuple[Element, int]:
    left[0] -= 1
    if start + 2 > limit or depth == 0 or left[0] < 0:
        raise unreadable()
    tag, length, body = data[start], data[start + 1], start + 2
    if length > 127:
        size = length & 127
        length = int.from_bytes(data[body : body + size], "big")
        if not 0 < size <= 3 or body + size > limit or data[body] == 0 or length < 128:
            raise unreadable()
        body += size
    end = body + length
    is_universal = tag < 0x40
    holds = tag & 32 or tag & 31 in {0x10, 0x11}
    if end > limit or tag & 31 == 31 or tag == 0 or (is_universal and holds and tag not in CONSTRUCTED):
        raise unreadable()
    inside, place = [], body
    while tag & 32 and place < end:
        element, place = _read(data, place, end, depth - 1, left)
        inside.append(element)
    content = data[body:end]
    if is_universal and not _has_one_form(tag, content):
        raise unreadable()
    return Element(tag, data[start:end], content, tuple(inside)), end


def _has_one_form(tag: int, content: bytes) -> bool:
    """Whether a value of a universal type is written as DER writes it, for those types that leave a choice."""
    if tag == 0x01:
        return content in {b"\x00", b"\xff"}
    if tag in {0x02, 0x0A}:
        short = len(content) > 1 and (content[0], content[1] >> 7) in {(0, 0), (255, 1)}
        return bool(content) and not short
    if tag == 0x03:
        unused = content[0] if content else 8
        return unused == 0 or (unused < 8 and len(content) > 1 and content[-1] & ((1 << unused) - 1) == 0)
    if tag == 0x05:
        return not content
    if tag == 0x06:
        padded = content[:1] == b"\x80" or any(first < 128 and second == 128 for first, second in pairwise(content))
        return bool(content) and content[-1] < 128 and not padded
    return True
