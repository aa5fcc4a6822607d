"""Test that an EVM anchor does not sign or pay twice, without limit, or for another contract."""

import json

import pytest
from eth_hash.auto import keccak
from eth_utils import ValidationError

from evidence.anchors.evm.proofs import EvmPending, read_pending
from evidence.development.server import HttpRequest, HttpResponse, LoopbackServer
from exhibit.errors import ExhibitError, ServiceMissingError
from exhibit.ports import Receipt, ReceiptState
from tests.assets.evm_ledger import ACCOUNT, DIGEST, Ledger


def other_pending_receipt(running: Ledger, *, to: bytes, data: bytes, gas: int, chain: int = 1337) -> Receipt:
    """Return a pending receipt whose transaction differs from the one that the anchor would sign."""
    raw = ACCOUNT.sign(chain=1337, nonce=1, gas_price=10**10, gas=gas, to=to, data=data)
    return Receipt(
        "evm", "chain", development=True, state=ReceiptState.PENDING, proof=EvmPending(chain, DIGEST, raw).to_json()
    )


def call() -> bytes:
    return keccak(b"anchor(bytes32)")[:4] + DIGEST.raw


def test_a_transaction_that_the_node_has_forgotten_but_the_chain_has_not_is_not_paid_twice(
    running: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchor = running.anchor()
    receipt = anchor.submit(DIGEST)
    anchor.upgrade(DIGEST, receipt)

    def raise_already_known(_: str) -> str:
        raise ValidationError("already known")

    monkeypatch.setattr(running.chain, "eth_getTransactionByHash", lambda _: None)
    monkeypatch.setattr(running.chain, "eth_sendRawTransaction", raise_already_known)
    assert anchor.upgrade(DIGEST, receipt) is receipt
    running.chain.mine_blocks()
    assert anchor.upgrade(DIGEST, receipt).state is ReceiptState.COMPLETE


def test_a_transaction_that_ran_out_of_gas_is_signed_again_with_twice_as_much(
    running: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchor = running.anchor()
    with monkeypatch.context() as lowered:
        lowered.setattr(running.chain, "eth_estimateGas", lambda _: hex(24_000))
        receipt = anchor.submit(DIGEST)
    anchor.upgrade(DIGEST, receipt)
    running.chain.mine_blocks()
    renewed = anchor.upgrade(DIGEST, receipt)
    assert read_pending(renewed.proof).transaction != read_pending(receipt.proof).transaction
    anchor.upgrade(DIGEST, renewed)
    running.chain.mine_blocks()
    assert anchor.upgrade(DIGEST, renewed).state is ReceiptState.COMPLETE


def test_a_transaction_that_fails_with_much_gas_too_is_said_and_not_paid_again(running: Ledger) -> None:
    anchor = running.anchor()
    receipt = other_pending_receipt(running, to=running.contract, data=b"nothing", gas=100_000)
    anchor.upgrade(DIGEST, receipt)
    running.chain.mine_blocks()
    for _ in range(2):
        with pytest.raises(ServiceMissingError, match="failed"):
            anchor.upgrade(DIGEST, receipt)
    assert running.chain.pool == {}


@pytest.mark.parametrize("mined", [False, True])
def test_a_transaction_for_a_former_contract_is_signed_again_for_the_current_one(
    running: Ledger, *, mined: bool
) -> None:
    former = other_pending_receipt(running, to=b"\x05" * 20, data=call(), gas=100_000)
    if mined:
        running.chain.eth_sendRawTransaction("0x" + read_pending(former.proof).transaction.hex())
        running.chain.mine_blocks()
    renewed = running.anchor().upgrade(DIGEST, former)
    assert renewed.proof != former.proof
    running.anchor().upgrade(DIGEST, renewed)
    running.chain.mine_blocks()
    assert running.anchor().upgrade(DIGEST, renewed).state is ReceiptState.COMPLETE


def test_a_transaction_for_a_former_chain_is_signed_again_for_the_current_one(running: Ledger) -> None:
    former = other_pending_receipt(running, to=running.contract, data=call(), gas=100_000, chain=5)
    renewed = read_pending(running.anchor().upgrade(DIGEST, former).proof)
    assert renewed.chain == running.chain.chain_id
    assert renewed.transaction != read_pending(former.proof).transaction


def test_a_node_that_asks_for_much_gas_gets_no_signature(running: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running.chain, "eth_estimateGas", lambda _: hex(10**7))
    with pytest.raises(ServiceMissingError, match=r"12,500,000 .* 184,000"):
        running.anchor().submit(DIGEST)


def test_above_the_most_that_gas_may_cost_a_receipt_waits(running: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    price = int(running.chain.eth_gasPrice(), 16)
    with pytest.raises(ServiceMissingError, match=rf"{price:,} wei, and max_gas_price is 9\."):
        running.anchor(max_price=9).submit(DIGEST)
    anchor = running.anchor(max_price=price)
    receipt = anchor.submit(DIGEST)
    anchor.upgrade(DIGEST, receipt)
    monkeypatch.setattr(running.chain, "eth_gasPrice", lambda: hex(3 * price))
    assert anchor.upgrade(DIGEST, receipt) is receipt
    running.chain.mine_blocks()
    assert anchor.upgrade(DIGEST, receipt).state is ReceiptState.COMPLETE


NONSENSE = {
    "eth_call": '"0x' + "zz" * 32 + '"',
    "eth_getTransactionReceipt": '{"logs": 7}',
    "eth_getLogs": '{"a": 1}',
    "eth_getBlockByHash": "[1]",
    "eth_blockNumber": "[" * 100_000 + "]" * 100_000,
}


@pytest.mark.parametrize("method", NONSENSE)
def test_an_unreadable_response_is_reported_in_a_sentence(running: Ledger, method: str) -> None:
    other = running.anchor()
    sent = other.submit(DIGEST)
    other.upgrade(DIGEST, sent)
    running.chain.mine_blocks()
    later = running.anchor().submit(DIGEST)

    def answer(question: HttpRequest) -> HttpResponse:
        if json.loads(question.body)["method"] == method:
            return HttpResponse(b'{"jsonrpc": "2.0", "id": 1, "result": ' + NONSENSE[method].encode() + b"}")
        return running.chain.answer(question)

    server = LoopbackServer()
    with server.serve(answer):
        receipt = later if method == "eth_getLogs" else sent
        with pytest.raises(ExhibitError):
            running.anchor(url=server.url).upgrade(DIGEST, receipt)
