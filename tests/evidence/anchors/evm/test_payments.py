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


def encode_call() -> bytes:
    return keccak(b"anchor(bytes32)")[:4] + DIGEST.raw


def test_dropped_but_mined_transaction_is_not_paid_twice(local_ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    anchor = local_ledger.anchor()
    receipt = anchor.submit(DIGEST)
    anchor.upgrade(DIGEST, receipt)

    def raise_already_known(_: str) -> str:
        raise ValidationError("already known")

    monkeypatch.setattr(local_ledger.chain, "eth_getTransactionByHash", lambda _: None)
    monkeypatch.setattr(local_ledger.chain, "eth_sendRawTransaction", raise_already_known)
    assert anchor.upgrade(DIGEST, receipt) is receipt
    local_ledger.chain.mine_blocks()
    assert anchor.upgrade(DIGEST, receipt).state is ReceiptState.COMPLETE


def test_out_of_gas_transaction_is_signed_again_with_double_gas(
    local_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchor = local_ledger.anchor()
    with monkeypatch.context() as lowered:
        lowered.setattr(local_ledger.chain, "eth_estimateGas", lambda _: hex(24_000))
        receipt = anchor.submit(DIGEST)
    anchor.upgrade(DIGEST, receipt)
    local_ledger.chain.mine_blocks()
    renewed = anchor.upgrade(DIGEST, receipt)
    assert read_pending(renewed.proof).transaction != read_pending(receipt.proof).transaction
    anchor.upgrade(DIGEST, renewed)
    local_ledger.chain.mine_blocks()
    assert anchor.upgrade(DIGEST, renewed).state is ReceiptState.COMPLETE


def test_transaction_that_fails_with_high_gas_is_not_sent_again(local_ledger: Ledger) -> None:
    anchor = local_ledger.anchor()
    receipt = other_pending_receipt(local_ledger, to=local_ledger.contract, data=b"nothing", gas=100_000)
    anchor.upgrade(DIGEST, receipt)
    local_ledger.chain.mine_blocks()
    for _ in range(2):
        with pytest.raises(ServiceMissingError, match="failed"):
            anchor.upgrade(DIGEST, receipt)
    assert local_ledger.chain.pool == {}


@pytest.mark.parametrize("mined", [False, True])
def test_transaction_for_former_contract_is_signed_again(local_ledger: Ledger, *, mined: bool) -> None:
    former = other_pending_receipt(local_ledger, to=b"\x05" * 20, data=encode_call(), gas=100_000)
    if mined:
        local_ledger.chain.eth_sendRawTransaction("0x" + read_pending(former.proof).transaction.hex())
        local_ledger.chain.mine_blocks()
    renewed = local_ledger.anchor().upgrade(DIGEST, former)
    assert renewed.proof != former.proof
    local_ledger.anchor().upgrade(DIGEST, renewed)
    local_ledger.chain.mine_blocks()
    assert local_ledger.anchor().upgrade(DIGEST, renewed).state is ReceiptState.COMPLETE


def test_transaction_for_former_chain_is_signed_again(local_ledger: Ledger) -> None:
    former = other_pending_receipt(local_ledger, to=local_ledger.contract, data=encode_call(), gas=100_000, chain=5)
    renewed = read_pending(local_ledger.anchor().upgrade(DIGEST, former).proof)
    assert renewed.chain == local_ledger.chain.chain_id
    assert renewed.transaction != read_pending(former.proof).transaction


def test_excessive_gas_estimate_is_not_signed(local_ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_ledger.chain, "eth_estimateGas", lambda _: hex(10**7))
    with pytest.raises(ServiceMissingError, match=r"12,500,000 .* 184,000"):
        local_ledger.anchor().submit(DIGEST)


def test_receipt_waits_while_gas_price_exceeds_maximum(local_ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    price = int(local_ledger.chain.eth_gasPrice(), 16)
    with pytest.raises(ServiceMissingError, match=rf"{price:,} wei, and max_gas_price is 9\."):
        local_ledger.anchor(max_price=9).submit(DIGEST)
    anchor = local_ledger.anchor(max_price=price)
    receipt = anchor.submit(DIGEST)
    anchor.upgrade(DIGEST, receipt)
    monkeypatch.setattr(local_ledger.chain, "eth_gasPrice", lambda: hex(3 * price))
    assert anchor.upgrade(DIGEST, receipt) is receipt
    local_ledger.chain.mine_blocks()
    assert anchor.upgrade(DIGEST, receipt).state is ReceiptState.COMPLETE


NONSENSE = {
    "eth_call": '"0x' + "zz" * 32 + '"',
    "eth_getTransactionReceipt": '{"logs": 7}',
    "eth_getLogs": '{"a": 1}',
    "eth_getBlockByHash": "[1]",
    "eth_blockNumber": "[" * 100_000 + "]" * 100_000,
}


@pytest.mark.parametrize("method", NONSENSE)
def test_unreadable_response_is_reported(local_ledger: Ledger, method: str) -> None:
    other = local_ledger.anchor()
    sent = other.submit(DIGEST)
    other.upgrade(DIGEST, sent)
    local_ledger.chain.mine_blocks()
    later = local_ledger.anchor().submit(DIGEST)

    def answer(question: HttpRequest) -> HttpResponse:
        if json.loads(question.body)["method"] == method:
            return HttpResponse(b'{"jsonrpc": "2.0", "id": 1, "result": ' + NONSENSE[method].encode() + b"}")
        return local_ledger.chain.answer(question)

    server = LoopbackServer()
    with server.serve(answer):
        receipt = later if method == "eth_getLogs" else sent
        with pytest.raises(ExhibitError):
            local_ledger.anchor(url=server.url).upgrade(DIGEST, receipt)
