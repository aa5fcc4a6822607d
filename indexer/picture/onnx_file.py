"""Checks of ONNX files without running them: external data, and non-standard operators.

The file is a Protocol Buffers message (https://protobuf.dev/programming-guides/encoding/, onnx.proto3). Only the fields
that lead to tensors are followed.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from exhibit.errors import InvalidRequestError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 32

_TENSOR, _SPARSE, _GRAPH, _NODE, _ATTRIBUTE, _FUNCTION, _MODEL = range(7)
_CHILD_KINDS: Mapping[int, Mapping[int, int]] = MappingProxyType(
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
_Field = tuple[int, int, int | memoryview]


def has_external_data(data: bytes) -> bool:
    """Return True if a tensor of an ONNX file is stored in another file.

    Raises:
        InvalidRequestError: The data is not an ONNX file.
    """
    return any(
        kind == _TENSOR and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value == 1))
        for kind, number, value in _iterate_fields(data)
    )


def has_nonstandard_operators(data: bytes) -> bool:
    """Return True if a model has non-standard operators, local functions, loops or branches.

    A crafted picture could keep a loop running for hours.

    Raises:
        InvalidRequestError: The data is not an ONNX file.
    """
    return any(
        (kind == _NODE and number == _DOMAIN and bytes(value) not in _STANDARD)
        or _CHILD_KINDS[kind].get(number) == _FUNCTION
        or (kind == _ATTRIBUTE and _CHILD_KINDS[kind].get(number) == _GRAPH)
        for kind, number, value in _iterate_fields(data)
    )


def _iterate_fields(data: bytes) -> Iterator[_Field]:
    try:
        yield from _walk_message(memoryview(data), _MODEL, 0)
    except (IndexError, ValueError) as error:
        raise InvalidRequestError("The file is not an ONNX file, or is truncated.") from error


def _walk_message(message: memoryview, kind: int, depth: int) -> Iterator[_Field]:
    """Yield each field of a message and its submessages: kind of message, field number, value."""
    if depth > _MAX_DEPTH:
        raise ValueError(depth)
    for number, value in _parse_fields(message):
        yield kind, number, value
        child_kind = _CHILD_KINDS[kind].get(number)
        if child_kind is not None and isinstance(value, memoryview):
            yield from _walk_message(value, child_kind, depth + 1)


def _parse_fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    offset = 0
    while offset < len(message):
        key, offset = _parse_varint(message, offset)
        if key & 7 == _VARINT:
            value, offset = _parse_varint(message, offset)
            yield key >> 3, value
            continue
        if key & 7 == _BYTES:
            length, offset = _parse_varint(message, offset)
        elif key & 7 in {_FIXED32, _FIXED64}:
            length = 4 if key & 7 == _FIXED32 else 8
        else:
            raise ValueError(key)
        if offset + length > len(message):
            raise ValueError(length)
        yield key >> 3, message[offset : offset + length]
        offset += length


def _parse_varint(message: memoryview, offset: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, offset
        if shift > 63:
            raise ValueError(shift)
