"""Test that blocks of EVM nodes are encoded as the chain hashes them, and that lies are detected."""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rlp
from eth_hash.auto import keccak

from evidence.anchors.evm import node as evm_node
from evidence.anchors.evm.proofs import verify_proof
from evidence.development.server import HttpRequest, HttpResponse, LoopbackServer
from exhibit.digests import Digest
from exhibit.errors import ConfigError, ExhibitError, IntegrityError, ServiceMissingError
from exhibit.ports import ReceiptState
from tests.assets.evm_chain import EvmChain
from tests.assets.evm_ledger import DIGEST, Ledger

VANITY, VALIDATORS, SEALS = bytes(32), [b"\x01" * 20, b"\x02" * 20], [b"\x03" * 65, b"\x04" * 65]


SEALED_HEADERS: dict[str, tuple[bytes, bytes]] = {
    "clique": (VANITY + SEALS[0], VANITY + SEALS[0]),
    "qbft": (
        rlp.encode([VANITY, VALIDATORS, [], b"\x07", SEALS]),
        rlp.encode([VANITY, VALIDATORS, [], b"", []]),
    ),
    "ibft-2": (
        rlp.encode([VANITY, VALIDATORS, b"", b"\0\0\0\x07", SEALS]),
        rlp.encode([VANITY, VALIDATORS, b""]),
    ),
    "ibft-of-quorum": (
        VANITY + rlp.encode([VALIDATORS, SEALS[0], SEALS]),
        VANITY + rlp.encode([VALIDATORS, SEALS[0], []]),
    ),
}
"""Extra data as nodes return it and as the chain hashes it, by consensus protocol."""


@pytest.mark.parametrize("agreement", SEALED_HEADERS)
def test_header_hashes_as_on_its_chain(agreement: str) -> None:
    extra_data, hashed = SEALED_HEADERS[agreement]
    fields = [bytes([number + 1]) * 32 for number in range(15)]
    fields[12] = hashed
    header = rlp.encode(fields)
    block = dict(zip(evm_node._HEADER_FIELDS.split(), ["0x" + field.hex() for field in fields], strict=True))
    block |= {"extraData": "0x" + extra_data.hex(), "hash": "0x" + keccak(header).hex()}
    assert evm_node.encode_header(block) == header
    with pytest.raises(IntegrityError, match="another header format"):
        evm_node.encode_header({**block, "hash": "0x" + bytes(32).hex()})


def test_node_without_block_receipts_is_supported(local_ledger: Ledger) -> None:
    local_ledger.chain.mutes.add("eth_getBlockReceipts")
    assert local_ledger.complete(DIGEST).state is ReceiptState.COMPLETE


def test_node_with_other_chain_id_is_rejected(local_ledger: Ledger) -> None:
    anchor = local_ledger.anchor()
    anchor.chain = 1
    with pytest.raises(ConfigError, match="1337 instead of 1"):
        anchor.submit(DIGEST)


@contextlib.contextmanager
def serve_altered_responses(chain: EvmChain, method: str, change: Callable[[Any], object]) -> Iterator[str]:
    def answer(question: HttpRequest) -> HttpResponse:
        response = chain.answer(question)
        plain = json.loads(response.body)
        if json.loads(question.body)["method"] == method:
            change(plain["result"])
        return HttpResponse(json.dumps(plain).encode(), "application/json")

    server = LoopbackServer()
    with server.serve(answer):
        yield server.url


LIES: tuple[tuple[str, Callable[[Any], object], str], ...] = (
    ("eth_getBlockByHash", lambda block: block.update(timestamp="0x1"), "another header format"),
    ("eth_getBlockByHash", lambda block: block.pop("hash"), "an unknown form"),
    ("eth_getBlockReceipts", lambda receipts: receipts[0].update(cumulativeGasUsed="0x1"), "another receipt format"),
)


def to_qbft_block(block: dict[str, Any]) -> None:
    """Turn a block into one of QBFT."""
    extra_data, hashed = SEALED_HEADERS["qbft"]
    names = [name for name in (*evm_node._HEADER_FIELDS.split(), *evm_node._FORK_FIELDS) if block.get(name) is not None]
    header = rlp.encode(
        [hashed if name == "extraData" else evm_node._encode_field(name, block[name]) for name in names]
    )
    block |= {"extraData": "0x" + extra_data.hex(), "hash": "0x" + keccak(header).hex()}


def test_receipt_stores_validator_seals_that_the_block_hash_omits(local_ledger: Ledger) -> None:
    assert json.loads(local_ledger.complete(DIGEST).proof)["sealed"] == ""
    other = Digest.from_bytes(b"another")
    receipt = local_ledger.anchor().submit(other)
    local_ledger.anchor().upgrade(other, receipt)
    local_ledger.chain.mine_blocks()
    local_ledger.chain.mutes.add("eth_getBlockReceipts")  # it would query a hash unknown to the chain
    with serve_altered_responses(local_ledger.chain, "eth_getBlockByHash", to_qbft_block) as url:
        upgraded = local_ledger.anchor(url=url).upgrade(other, receipt)
    assert json.loads(upgraded.proof)["sealed"] == SEALED_HEADERS["qbft"][0].hex()
    assert verify_proof(upgraded.proof, other).sealed_extra_data == SEALED_HEADERS["qbft"][0]


NONSENSE = ("[]", "null", "{}", "<html>", '{"error": 1}', '{"result": "0xzz"}', '{"result": 7}')


def test_false_node_response_is_detected(local_ledger: Ledger) -> None:
    receipt = local_ledger.anchor().submit(DIGEST)
    local_ledger.anchor().upgrade(DIGEST, receipt)
    local_ledger.chain.mine_blocks()
    for method, change, words in LIES:
        with (
            serve_altered_responses(local_ledger.chain, method, change) as url,
            pytest.raises(ExhibitError, match=words),
        ):
            local_ledger.anchor(url=url).upgrade(DIGEST, receipt)
    assert local_ledger.anchor().upgrade(DIGEST, receipt).time is not None


def test_malformed_node_responses_are_reported_as_missing_service(local_ledger: Ledger) -> None:
    server, answers = LoopbackServer(), list(NONSENSE)
    with server.serve(lambda _: HttpResponse(answers[0].encode())):
        while answers:
            with pytest.raises(ServiceMissingError):
                local_ledger.anchor(url=server.url).submit(DIGEST)
            answers.pop(0)


def test_provider_key_in_url_is_never_shown(local_ledger: Ledger) -> None:
    with pytest.raises(ServiceMissingError) as raised:
        local_ledger.anchor(url="http://127.0.0.1:9/v3/secret-of-mine").submit(DIGEST)
    assert "secret-of-mine" not in str(raised.value)
