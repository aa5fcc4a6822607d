import pytest

from exhibit.errors import WrongUseError
from indexer.picture.descriptor import MODEL
from indexer.picture.onnx_file import keeps_data_elsewhere, needs_more_than_plain_operators
from tests.assets.networks import network


def field(number: int, value: bytes) -> bytes:
    """Return one field of bytes shorter than 128."""
    return bytes([number << 3 | 2, len(value)]) + value


def test_weights_in_another_file_are_noticed_wherever_a_tensor_may_lie() -> None:
    assert keeps_data_elsewhere(network(elsewhere=True))
    assert not keeps_data_elsewhere(network())
    assert not keeps_data_elsewhere(MODEL.read_bytes())
    tensor = field(13, b"weights.bin")
    in_a_graph, in_a_node = field(7, field(5, tensor)), field(7, field(1, field(5, field(5, tensor))))
    in_a_branch = field(7, field(1, field(5, field(6, field(5, tensor)))))
    for model in (in_a_graph, in_a_node, in_a_branch):
        assert keeps_data_elsewhere(model)
    assert not keeps_data_elsewhere(field(8, tensor))  # no tensor can be there


def test_what_a_stranger_s_network_may_not_have_is_noticed() -> None:
    assert not needs_more_than_plain_operators(network())
    assert not needs_more_than_plain_operators(MODEL.read_bytes())
    assert not needs_more_than_plain_operators(field(7, field(1, field(7, b"ai.onnx"))))
    of_others, a_loop = field(7, field(1, field(7, b"com.example"))), field(7, field(1, field(5, field(6, b""))))
    loops, a_function = field(7, field(1, field(5, field(11, b"")))), b"\xca\x01\x00"  # field 25, empty
    for model in (of_others, a_loop, loops, a_function):
        assert needs_more_than_plain_operators(model)


def test_what_is_no_onnx_file_is_refused() -> None:
    deep = b""
    for _ in range(12):  # a graph in a node of a graph
        deep = field(1, field(5, field(6, deep)))
    for data in (
        field(7, deep),
        b"<html>",
        network()[:-3],
        b"\x3a\xff\xff\xff\xff\x7f",
        b"\x08" + b"\xff" * 12,
        b"\x0f",
    ):
        with pytest.raises(WrongUseError, match="isn't an ONNX file"):
            keeps_data_elsewhere(data)
