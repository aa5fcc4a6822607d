"""The chain's file: what doesn't follow isn't continued, and each block lies on the one before."""

from itertools import pairwise
from pathlib import Path

import pytest

from evidence.anchors.opentimestamps.headers import parse_header
from evidence.development.blocks import Blocks
from evidence.development.chain import Chain, running_chain
from exhibit.errors import ConfigError


def test_a_chain_with_a_foreign_block_does_not_start(tmp_path: Path) -> None:
    with running_chain(tmp_path) as chain:
        chain.mine()
    header = (tmp_path / "headers").read_bytes()[80:]
    (tmp_path / "headers").write_bytes(header)
    with pytest.raises(ConfigError, match="can't be read"):
        Chain(tmp_path, "http://127.0.0.1:9")


def test_each_block_lies_on_the_one_before_and_is_later(tmp_path: Path) -> None:
    blocks = Blocks(tmp_path / "headers")
    assert [blocks.mine(bytes([number]) * 32) for number in range(3)] == [1, 2, 3]
    parsed = [parse_header(blocks.header(height) or b"") for height in range(4)]
    for before, after in pairwise(parsed):
        assert after.previous == before.hash
        assert after.time > before.time
    assert blocks.by_hash(parsed[2].text) == blocks.header(2)
    assert blocks.by_hash("00" * 32) is blocks.header(4) is blocks.header(-1) is None
    assert Blocks(tmp_path / "headers").tip == 3
