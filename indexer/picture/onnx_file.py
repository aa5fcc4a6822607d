"""Checks of ONNX files without running them: external data, and operators beyond the plain ones.

The file is a Protocol Buffers message (https://protobuf.dev/programming-guides/encoding/, onnx.proto3). Only the fields
that lead to tensors are followed.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from exhibit.errors import WrongUseError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DEEPEST = 32

_TENSOR, _SPARSE, _GRAPH, _NODE, _ATTRIBUTE, _FUNCTION, _MODEL = range(7)
_LEADS_TO: Mapping[int, Mapping[int, int]] = MappingProxyType(
    {
        _MODEL: {7: _GRAPH, 25: _FUNCTION},
        _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
        _FUNCTION: {7: _NODE},
        _NODE: {5: _ATTRIBUTE},
        _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
        _SPARSE: {1: _TENSOR, 2: _TENSOR},
        _TENSOR: {},
    }
)
_EXTERNAL_DATA, _DATA_LOCATION, _DOMAIN = 13, 14, 7
_STANDARD = frozenset({b"", b"ai.onnx"})
_Found = tuple[int, int, int | memoryview]


def keeps_data_elsewhere(data: bytes) -> bool:
    """Return True if a tensor of an ONNX file is stored in another file.

    Raises:
        WrongUseError: It is not an ONNX file.
    """
    return any(
        kind == _TENSOR and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value == 1))
        for kind, number, value in _read(data)
    )


def needs_more_than_plain_operators(data: bytes) -> bool:
    """Return True if a network has non-standard operators, functions of its own, loops or branches.

    A picture could make a loop run for hours.

    Raises:
        WrongUseError: It is not an ONNX file.
    """
    return any(
        (kind == _NODE and number == _DOMAIN and bytes(value) not in _STANDARD)
        or _LEADS_TO[kind].get(number) == _FUNCTION
        or (kind == _ATTRIBUTE and _LEADS_TO[kind].get(number) == _GRAPH)
        for kind, number, value in _read(data)
    )


def _read(data: bytes) -> Iterator[_Found]:
    try:
        yield from _below(memoryview(data), _MODEL, 0)
    except (IndexError, ValueError) as error:
        raise WrongUseError("The file isn't an ONNX file, or it was cut off.") from error


def _below(message: memoryview, kind: int, depth: int) -> Iterator[_Found]:
    """Yield each field of a message and its submessages: kind of message, field number, value."""
    if depth > _DEEPEST:
        raise ValueError(depth)
    for number, value in _fields(message):
        yield kind, number, value
        below = _LEADS_TO[kind].get(number)
        if below is not None and isinstance(value, memoryview):
            yield from _below(value, below, depth + 1)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        if key & 7 == _VARINT:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if key & 7 == _BYTES:
            length, place = _varint(message, place)
        elif key & 7 in {_FIXED32, _FIXED64}:
            length = 4 if key & 7 == _FIXED32 else 8
        else:
            raise ValueError(key)
        if place + length > len(message):
            raise ValueError(length)
        yield key >> 3, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, place
        if shift > 63:
            raise ValueError(shift)
