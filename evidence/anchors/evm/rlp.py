"""RLP, Ethereum's form of nested byte strings, read strictly: each value has one form only; and Ethereum's hash.

Source: Ethereum Yellow Paper, appendix B.
"""

from typing import TypeAlias

from Cryptodome.Hash import keccak

from exhibit.errors import IntegrityError

Item: TypeAlias = "bytes | list[Item]"

MAX_DEPTH = 16


def encode(item: Item) -> bytes:
    """The bytes of an item."""
    if isinstance(item, bytes):
        return item if len(item) == 1 and item[0] < 0x80 else _head(len(item), 0x80) + item
    body = b"".join(map(encode, item))
    return _head(len(body), 0xC0) + body


def decode(data: bytes) -> Item:
    """The item of all these bytes; raises ``IntegrityError`` when they aren't the one form of an item."""
    item, end = _read(data, 0, MAX_DEPTH)
    if end != len(data):
        raise IntegrityError("Bytes follow the end of an RLP item.")
    return item


def whole_number(number: int) -> bytes:
    """A number from 0 as RLP writes it: big-endian without zeros before it."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def as_bytes(item: Item) -> bytes:
    """The item as a byte string; raises ``IntegrityError`` for a list."""
    if not isinstance(item, bytes):
        raise IntegrityError("There is an RLP list where bytes are expected.")
    return item


def as_list(item: Item) -> list[Item]:
    """The item as a list; raises ``IntegrityError`` for a byte string."""
    if not isinstance(item, list):
        raise IntegrityError("There are bytes where an RLP list is expected.")
    return item


def as_number(item: Item) -> int:
    """The item as a number of at most 256 bits; raises ``IntegrityError``."""
    data = as_bytes(item)
    if len(data) > 32 or data[:1] == b"\0":
        raise IntegrityError("An RLP number isn't in its one form.")
    return int.from_bytes(data, "big")


def _head(length: int, offset: int) -> bytes:
    if length < 56:
        return bytes([offset + length])
    size = whole_number(length)
    return bytes([offset + 55 + len(size)]) + size


def _read(data: bytes, start: int, depth: int) -> tuple[Item, int]:
    if start >= len(data) or depth == 0:
        raise IntegrityError("An RLP item ends too early, or is nested too deeply.")
    first = data[start]
    if first < 0x80:
        return data[start : start + 1], start + 1
    is_list = first >= 0xC0
    begin, end = _span(data, start, first - (0xC0 if is_list else 0x80))
    if not is_list:
        if end - begin == 1 and data[begin] < 0x80:
            raise IntegrityError("An RLP byte isn't in its one form.")
        return data[begin:end], end
    items: list[Item] = []
    while begin < end:
        item, begin = _read(data, begin, depth - 1)
        items.append(item)
    if begin != end:
        raise IntegrityError("An RLP item is longer than the list around it.")
    return items, end


def _span(data: bytes, start: int, short: int) -> tuple[int, int]:
    """Where the body of an item begins and ends; ``short`` is its length, or 55 and the length of its length."""
    begin, length = start + 1, short
    if short > 55:
        size = data[begin : begin + short - 55]
        begin, length = begin + short - 55, int.from_bytes(size, "big")
        if length < 56 or size[0] == 0 or len(size) != short - 55:
            raise IntegrityError("An RLP length isn't in its one form.")
    if begin + length > len(data):
        raise IntegrityError("An RLP item ends too early.")
    return begin, begin + length


def keccak256(data: bytes) -> bytes:
    """The hash, 32 bytes."""
    return keccak.new(digest_bits=256, data=data).digest()
