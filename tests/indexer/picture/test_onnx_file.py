import pytest

from exhibit.errors import InvalidRequestError
from indexer.picture.descriptor import MODEL
from indexer.picture.onnx_file import has_external_data, has_nonstandard_operators
from tests.assets.networks import network


def protobuf_field(number: int, value: bytes) -> bytes:
    """Return one field of bytes shorter than 128."""
    return bytes([number << 3 | 2, len(value)]) + value


def test_external_weights_are_detected_in_any_tensor() -> None:
    assert has_external_data(network(elsewhere=True))
    assert not has_external_data(network())
    assert not has_external_data(MODEL.read_bytes())
    tensor = protobuf_field(13, b"weights.bin")
    in_a_graph, in_a_node = (
        protobuf_field(7, protobuf_field(5, tensor)),
        protobuf_field(7, protobuf_field(1, protobuf_field(5, protobuf_field(5, tensor)))),
    )
    in_a_branch = protobuf_field(7, protobuf_field(1, protobuf_field(5, protobuf_field(6, protobuf_field(5, tensor)))))
    for model in (in_a_graph, in_a_node, in_a_branch):
        assert has_external_data(model)
    assert not has_external_data(protobuf_field(8, tensor))  # no tensor can be there


def test_forbidden_operators_are_detected() -> None:
    assert not has_nonstandard_operators(network())
    assert not has_nonstandard_operators(MODEL.read_bytes())
    assert not has_nonstandard_operators(protobuf_field(7, protobuf_field(1, protobuf_field(7, b"ai.onnx"))))
    of_others, a_loop = (
        protobuf_field(7, protobuf_field(1, protobuf_field(7, b"com.example"))),
        protobuf_field(7, protobuf_field(1, protobuf_field(5, protobuf_field(6, b"")))),
    )
    # Field 25, empty
    loops, a_function = (
        protobuf_field(7, protobuf_field(1, protobuf_field(5, protobuf_field(11, b"")))),
        b"\xca\x01\x00",
    )
    for model in (of_others, a_loop, loops, a_function):
        assert has_nonstandard_operators(model)


def test_non_onnx_file_is_refused() -> None:
    deep = b""
    for _ in range(12):  # a graph in a node of a graph
        deep = protobuf_field(1, protobuf_field(5, protobuf_field(6, deep)))
    for data in (
        protobuf_field(7, deep),
        b"<html>",
        network()[:-3],
        b"\x3a\xff\xff\xff\xff\x7f",
        b"\x08" + b"\xff" * 12,
        b"\x0f",
    ):
        with pytest.raises(InvalidRequestError, match="not an ONNX file"):
            has_external_data(data)
