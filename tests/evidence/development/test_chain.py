"""The development chain goes on where it ended, and says what is wrong with what it is asked."""

import json
from pathlib import Path

from evidence.development.chain import Chain, running_chain
from evidence.development.server import Question
from exhibit.ports import ReceiptState
from tests.assets.ots import DIGEST, anchor_to


def test_a_restarted_chain_continues(tmp_path: Path) -> None:
    with running_chain(tmp_path) as first:
        port = int(first.url.rpartition(":")[2])
        first.mine()
        receipt = anchor_to(first).submit(DIGEST)
    with (tmp_path / "headers").open("ab") as file:
        file.write(b"torn")
    with running_chain(tmp_path, port) as second:
        assert (second.blocks.tip, second.pending) == (1, 1)
        second.mine()
        complete = anchor_to(second).upgrade(DIGEST, receipt)
    assert complete.state is ReceiptState.COMPLETE


def test_blocks_come_by_themselves_when_asked_to(tmp_path: Path) -> None:
    with running_chain(tmp_path, every=0.01) as chain:
        anchor = anchor_to(chain)
        receipt = anchor.submit(DIGEST)
        while receipt.state is ReceiptState.PENDING:
            receipt = anchor.upgrade(DIGEST, receipt)
    assert receipt.time is not None


def test_the_development_node_answers_odd_calls_with_an_error(tmp_path: Path) -> None:
    chain = Chain(tmp_path, "http://127.0.0.1:9")
    odd: list[object] = [{"method": "nothing"}, {"method": "getblockhash", "params": []}, [], {"params": 1}]
    for call in odd:
        answer = chain.answer(Question("POST", "/", json.dumps(call).encode()))
        assert answer.status == 500
        assert json.loads(answer.body)["error"] is not None
