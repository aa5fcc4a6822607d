"""The gradient of the descriptor, which the network's file alone gives: no framework is needed to attack it.

A network in eight bits has no gradient of its own. Each quantiser is taken for the identity within its range, while
the network runs forward as it is (Athalye, Carlini and Wagner, "Obfuscated Gradients Give a False Sense of Security",
2018).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.layout.single_thread import cv2
from indexer.picture.descriptor import MODEL
from indexer.picture.onnx_file import _fields

Floats = NDArray[np.float32]
Backward = Callable[[Floats], Floats]
TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64}
POWER = 3
LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class _Node:
    kind: str
    inputs: tuple[str, ...]
    output: str
    stride: int


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One operation that was done: what it came from, and how a gradient goes back through it."""

    output: str
    inputs: tuple[str, ...]
    back: tuple[Backward, ...]


class Network:
    """Exhibit's descriptor, forwards and backwards, one picture at a time."""

    def __init__(self, data: bytes) -> None:
        fields = _parts(dict(_parts(memoryview(data)))[7])
        self._stored = dict(_tensor(part) for number, part in fields if number == 5)
        nodes = [_node(part) for number, part in fields if number == 1]
        constant = [node for node in nodes if node.kind == "DequantizeLinear" and node.inputs[0] in self._stored]
        for node in constant:
            self._stored[node.output] = self._weights(node)
        kinds = {"Conv", "Add", "QuantizeLinear", "DequantizeLinear"}
        self._nodes = [node for node in nodes if node.kind in kinds and node not in constant]

    def described(self, x: Floats) -> tuple[Floats, Backward]:
        """The vector of one input, (3, 224, 224), and what turns a gradient by the vector into one by the input."""
        values: dict[str, Floats] = {"x": x}
        steps = [self._done(node, values) for node in self._nodes]
        last = steps[-1].output
        z, tail = self._pooled(values[last])

        def back(gradient: Floats) -> Floats:
            gradients = {last: tail(gradient)}
            for step in reversed(steps):
                coming = gradients.pop(step.output)
                for name, one in zip(step.inputs, step.back, strict=True):
                    gone = one(coming)
                    gradients[name] = gradients[name] + gone if name in gradients else gone
            return gradients["x"]

        return z, back

    def _done(self, node: _Node, values: dict[str, Floats]) -> _Step:
        if node.kind == "Add":
            values[node.output] = values[node.inputs[0]] + values[node.inputs[1]]
            return _Step(node.output, node.inputs, (_same, _same))
        x = values[node.inputs[0]]
        if node.kind == "QuantizeLinear":
            scale, zero = (np.float32(self._stored[name]) for name in node.inputs[1:])
            levels = np.rint(x / scale) + zero
            inside = (levels >= 0) & (levels <= 255)
            values[node.output] = (np.clip(levels, 0, 255) - zero) * scale
            back: Backward = lambda gradient: np.asarray(gradient * inside, np.float32)  # noqa: E731
        elif node.kind == "DequantizeLinear":  # what QuantizeLinear gives here has its old scale
            values[node.output] = x
            back = _same
        else:
            weights, bias = (self._stored[name] for name in node.inputs[1:])
            made, back = _convolved(x, weights, node.stride)
            values[node.output] = made + bias[:, None, None]
        return _Step(node.output, node.inputs[:1], (back,))

    def _weights(self, node: _Node) -> Floats:
        values, scale, zero = (self._stored[name].astype(np.float32) for name in node.inputs)
        shape = (-1,) + (1,) * (values.ndim - 1) if scale.size > 1 else ()
        return np.asarray((values - zero.reshape(shape)) * scale.reshape(shape), np.float32)

    def _pooled(self, maps: Floats) -> tuple[Floats, Backward]:
        weights, bias = self._stored["head.weight"], self._stored["head.bias"]
        means = np.maximum((maps**POWER).mean(axis=(1, 2)), LEAST)
        raw = weights @ means ** (1 / POWER) + bias
        length = float(np.linalg.norm(raw))
        z = np.asarray(raw / length, np.float32)

        def back(gradient: Floats) -> Floats:
            by_raw = (gradient - z * float(gradient @ z)) / length
            by_means = (weights.T @ by_raw) * means ** (1 / POWER - 1) / POWER
            return np.asarray(by_means[:, None, None] * POWER * maps ** (POWER - 1) / maps[0].size, np.float32)

        return z, back


@cache
def built_in() -> Network:
    """The network that comes with Exhibit."""
    return Network(MODEL.read_bytes())


def _same(gradient: Floats) -> Floats:
    return gradient


def _convolved(x: Floats, weights: Floats, stride: int) -> tuple[Floats, Backward]:
    """Of (c, h, w); padded by zeros, at the end where it halves the picture, as TensorFlow does."""
    if weights.shape[2] == 1:
        flat = weights[:, :, 0, 0]
        return _times(flat, x), lambda gradient: _times(flat.T, gradient)
    first = 1 if stride == 2 else 0
    if weights.shape[1] > 1:
        return _stem(x, weights)

    def filtered(planes: Iterable[Floats], kernels: Floats) -> Floats:
        each = [
            cv2.filter2D(plane, -1, kernel, borderType=cv2.BORDER_CONSTANT)
            for plane, kernel in zip(planes, kernels, strict=True)
        ]
        return np.stack(each)

    def back(gradient: Floats) -> Floats:
        spread = np.zeros_like(x)
        spread[:, first::stride, first::stride] = gradient
        return filtered(spread, np.ascontiguousarray(weights[:, 0, ::-1, ::-1]))

    made = filtered(x, np.ascontiguousarray(weights[:, 0]))
    return np.ascontiguousarray(made[:, first::stride, first::stride]), back


def _stem(x: Floats, weights: Floats) -> tuple[Floats, Backward]:
    """Of all channels, halving: a sum over the kernel's places."""
    side = x.shape[1] // 2
    padded = np.pad(x, ((0, 0), (0, 2), (0, 2)))
    places = [(row, column) for row in range(weights.shape[2]) for column in range(weights.shape[3])]
    taken = {
        place: np.s_[:, place[0] : place[0] + 2 * side : 2, place[1] : place[1] + 2 * side : 2] for place in places
    }
    made = sum(_times(weights[:, :, row, column], padded[taken[row, column]]) for row, column in places)

    def back(gradient: Floats) -> Floats:
        spread = np.zeros_like(padded)
        for row, column in places:
            spread[taken[row, column]] += _times(weights[:, :, row, column].T, gradient)
        return spread[:, : x.shape[1], : x.shape[2]]

    return np.asarray(made, np.float32), back


def _times(matrix: Floats, planes: Floats) -> Floats:
    return np.asarray((matrix @ planes.reshape(len(planes), -1)).reshape(-1, *planes.shape[1:]), np.float32)


def _tensor(message: memoryview) -> tuple[str, NDArray[Any]]:
    """Name and values (onnx.proto3, TensorProto)."""
    shape: list[int] = []
    name, kind, raw, floats, integers = "", 1, b"", b"", list[int]()
    for number, value in _fields(message):
        if number == 1 and isinstance(value, int):
            shape.append(value)
        elif number == 2 and isinstance(value, int):
            kind = value
        elif isinstance(value, memoryview):
            name = bytes(value).decode() if number == 8 else name
            raw = bytes(value) if number == 9 else raw
            floats += bytes(value) if number == 4 else b""
            integers += _varints(value) if number == 5 else []
    if raw or floats:
        return name, np.frombuffer(raw or floats, TYPES[kind]).reshape(shape)
    return name, np.array(integers, np.int64).astype(TYPES[kind]).reshape(shape)


def _varints(packed: memoryview) -> list[int]:
    """Packed integers; negative ones are written in 64 bits."""
    values, value, shift = list[int](), 0, 0
    for byte in packed:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            values.append(value - (1 << 64) if value >> 63 else value)
            value = shift = 0
    return values


def _node(message: memoryview) -> _Node:
    """NodeProto; of its attributes only the strides are needed, which are equal."""
    parts = _parts(message)
    inputs, outputs, kinds = ([bytes(value).decode() for number, value in parts if number == n] for n in (1, 2, 4))
    stride = 1
    for number, attribute in parts:
        if number == 5 and (1, b"strides") in [(n, bytes(value)) for n, value in _parts(attribute)]:
            stride = next(value for n, value in _fields(attribute) if n == 8 and isinstance(value, int))
    return _Node(kinds[0], tuple(inputs), outputs[0], stride)


def _parts(message: memoryview) -> list[tuple[int, memoryview]]:
    """The fields that hold bytes: texts, numbers in one piece, messages."""
    return [(number, value) for number, value in _fields(message) if isinstance(value, memoryview)]
