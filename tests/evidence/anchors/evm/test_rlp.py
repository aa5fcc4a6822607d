"""RLP against another library, and bytes that are none."""

import contextlib

import pytest
import rlp as other_rlp
from hypothesis import given, strategies as st

from evidence.anchors.evm import rlp
from exhibit.errors import IntegrityError

ITEMS = st.recursive(st.binary(max_size=70), lambda inner: st.lists(inner, max_size=20), max_leaves=40)


@given(ITEMS)
def test_rlp_is_written_and_read_as_by_another_library(item: rlp.Item) -> None:
    assert rlp.encode(item) == other_rlp.encode(item)
    assert rlp.decode(rlp.encode(item)) == item


@given(st.binary(max_size=80))
def test_bytes_that_are_no_rlp_are_refused_and_all_others_have_one_form(data: bytes) -> None:
    with contextlib.suppress(IntegrityError):
        assert rlp.encode(rlp.decode(data)) == data


@pytest.mark.parametrize("data", ["", "8100", "b800", "b90001ff", "c2", "c181", "f80101", "80ff", "bf" + "ff" * 8])
def test_rlp_that_is_not_in_its_one_form_is_refused(data: str) -> None:
    with pytest.raises(IntegrityError):
        rlp.decode(bytes.fromhex(data))


def test_rlp_that_is_nested_without_end_is_refused() -> None:
    data = b""
    for _ in range(30):
        data = rlp.encode([data]) if not data else rlp._head(len(data), 0xC0) + data
    with pytest.raises(IntegrityError, match="too deeply"):
        rlp.decode(data)
