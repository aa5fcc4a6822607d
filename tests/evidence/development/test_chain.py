"""Test that the development chain continues where it stopped, and reports invalid requests."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from evidence.anchors.opentimestamps.proofs import parse_header
from evidence.development.chain import BlockFile, Chain, run_chain
from evidence.development.server import HttpRequest
from exhibit.errors import ConfigError
from exhibit.ports import ReceiptState
from tests.assets.ots import DIGEST, anchor_to


def test_restarted_chain_continues(tmp_path: Path) -> None:
    with run_chain(tmp_path) as first:
        port = int(first.url.rpartition(":")[2])
        first.mine_block()
        receipt = anchor_to(first).submit(DIGEST)
    with (tmp_path / "headers").open("ab") as file:
        file.write(b"torn")
    with run_chain(tmp_path, port) as second:
        assert (second.blocks.tip_height, second.pending_count) == (1, 1)
        second.mine_block()
        complete = anchor_to(second).upgrade(DIGEST, receipt)
    assert complete.state is ReceiptState.COMPLETE


def test_blocks_are_mined_periodically(tmp_path: Path) -> None:
    with run_chain(tmp_path, interval=0.01) as chain:
        anchor = anchor_to(chain)
        receipt = anchor.submit(DIGEST)
        while receipt.state is ReceiptState.PENDING:
            receipt = anchor.upgrade(DIGEST, receipt)
    assert receipt.time is not None


def test_invalid_rpc_calls_return_an_error(tmp_path: Path) -> None:
    chain = Chain(tmp_path, "http://127.0.0.1:9")
    odd: list[object] = [{"method": "nothing"}, {"method": "getblockhash", "params": []}, [], {"params": 1}]
    for call in odd:
        answer = chain.handle_request(HttpRequest("POST", "/", json.dumps(call).encode()))
        assert answer.status == 500
        assert json.loads(answer.body)["error"] is not None


def test_chain_folder_without_its_first_block_is_rejected(tmp_path: Path) -> None:
    with run_chain(tmp_path) as chain:
        chain.mine_block()
    header = (tmp_path / "headers").read_bytes()[80:]
    (tmp_path / "headers").write_bytes(header)
    with pytest.raises(ConfigError, match="cannot be read"):
        Chain(tmp_path, "http://127.0.0.1:9")


def test_blocks_are_linked_and_ordered_in_time(tmp_path: Path) -> None:
    blocks = BlockFile(tmp_path / "headers")
    assert [blocks.append_block(bytes([number]) * 32) for number in range(3)] == [1, 2, 3]
    parsed = [parse_header(blocks.get_header(height) or b"") for height in range(4)]
    for before, after in pairwise(parsed):
        assert after.previous == before.hash
        assert after.time > before.time
    assert blocks.find_header(parsed[2].display_hash) == blocks.get_header(2)
    assert blocks.find_header("00" * 32) is blocks.get_header(4) is blocks.get_header(-1) is None
    assert BlockFile(tmp_path / "headers").tip_height == 3
