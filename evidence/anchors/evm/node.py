"""JSON-RPC requests to an Ethereum node: the state of the account, the contract, and whole blocks."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests
import rlp
from eth_hash.auto import keccak
from rlp.exceptions import RLPException
from rlp.sedes import List, raw

from evidence.anchors.evm.proofs import EVENT, EXTRA, EvmProof, decode, prove, seal_forms
from evidence.anchors.fetch import MAX_RESPONSE_BYTES, send_request
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.sentences import Sentence

MAX_RECEIPTS = 64 << 20  # bytes of an answer with receipts, such as all of a block

_NUMBERS = frozenset(
    ("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas")
)
_HEADER = (
    "parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom difficulty number gasLimit gasUsed "
    "timestamp extraData mixHash nonce"
)
_FORK_FIELDS = (
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
)
"""Header fields that forks have appended since London."""
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RLPException, RecursionError)
"""Errors of unreadable responses; the last one is raised for JSON with endless nesting."""
_QUORUM = List([raw, raw, raw])  # validators, proposer's seal, seals


class RefusedCallError(ServiceMissingError):
    """The node rejected a call with its own message."""


@dataclass(frozen=True, slots=True)
class TransactionOutcome:
    """Result of a transaction."""

    transaction: str  # its hash
    block: int  # number of its block
    failed: bool = False  # true if it only cost its sender gas
    logged: bool = True  # true if it logged anything


@dataclass(frozen=True, slots=True)
class EvmNode:
    """A node, or a provider of one."""

    url: str = field(repr=False)  # of its JSON-RPC; a key in its path is never shown
    session: requests.Session

    def call(self, method: str, *parameters: object, limit: int = MAX_RESPONSE_BYTES) -> Any:  # noqa: ANN401 - whatever the node answers
        """Make one call.

        Raises ``RefusedCallError`` if the node rejects it with a reason, and ``ServiceMissingError``.
        """
        request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
        status, body = send_request(self.session, self.url, request, {"Content-Type": "application/json"}, limit=limit)
        try:
            response = json.loads(body)
            if response.get("error") is not None:
                reason = str(response["error"].get("message"))[:200]
                raise RefusedCallError(Sentence("The node refused %(method)s: %(why)s.", method=method, why=reason))
            return response["result"]
        except _UNREADABLE as error:
            details = {"method": method, "status": status}
            sentence = Sentence("The node's response to %(method)s is not valid (status %(status)s).", **details)
            raise ServiceMissingError(sentence) from error

    def number(self, method: str, *parameters: object) -> int:
        """Make a call that returns a number; raises ``ServiceMissingError``."""
        result = self.call(method, *parameters)
        try:
            return int(result, 16)
        except _UNREADABLE as error:
            raise ServiceMissingError(f"The node answered {method} with something that isn't a number.") from error

    def anchored_at(self, contract: bytes, digest: Digest) -> int:
        """Return the Unix time at which the contract first got a digest, as of the newest block; 0 for never.

        Raises:
            ServiceMissingError: The node does not respond, or there is no such contract.
        """
        data = "0x" + (keccak(b"at(bytes32)")[:4] + digest.raw).hex()
        result = self.call("eth_call", {"to": "0x" + contract.hex(), "data": data}, "latest")
        if not isinstance(result, str) or len(result) != 66:
            raise ServiceMissingError(f"The chain has no contract of ours at 0x{contract.hex()}.")
        with _convert_errors("eth_call"):
            return int(result, 16)

    def newest_block(self) -> int:
        """Return the number of the newest block; raises ``ServiceMissingError``."""
        return self.number("eth_blockNumber")

    def find_block_at(self, time: int) -> int:
        """Return the number of the first block with at least this time, by bisection."""
        low, high = 0, self.newest_block()
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._time(middle) < time else (low, middle)
        return low

    def get_outcome(self, transaction: str) -> TransactionOutcome | None:
        """Return the result of a transaction, or ``None`` while it is not in a block.

        Raises ``ServiceMissingError``.
        """
        receipt = self.call("eth_getTransactionReceipt", transaction, limit=MAX_RECEIPTS)
        with _convert_errors("eth_getTransactionReceipt"):
            if receipt is None or receipt["blockNumber"] is None:
                return None
            failed = receipt.get("status") is not None and int(receipt["status"], 16) == 0
            return TransactionOutcome(transaction, int(receipt["blockNumber"], 16), failed, bool(receipt["logs"]))

    def find_log(self, contract: bytes, digest: Digest, first: int, last: int) -> TransactionOutcome | None:
        """Return the transaction in these blocks that logged a digest, or ``None``; raises ``ServiceMissingError``."""
        topics = ["0x" + EVENT.hex(), "0x" + digest.hex]
        log_filter = {"address": "0x" + contract.hex(), "topics": topics, "fromBlock": hex(first), "toBlock": hex(last)}
        logs = self.call("eth_getLogs", log_filter)
        with _convert_errors("eth_getLogs"):
            return (
                TransactionOutcome(str(logs[0]["transactionHash"]), int(logs[0]["blockNumber"], 16)) if logs else None
            )

    def build_proof(self, chain: int, digest: Digest, transaction: str) -> EvmProof:
        """Return the proof that a mined transaction logged a digest.

        Raises:
            ServiceMissingError: The node returns an incomplete block.
            IntegrityError: The node's data is inconsistent, or its blocks have an unknown form.
        """
        try:
            own_receipt = self.call("eth_getTransactionReceipt", transaction, limit=MAX_RECEIPTS)
            block = self.call("eth_getBlockByHash", own_receipt["blockHash"], False)  # noqa: FBT003 - the node's own parameter
            encoded = [encode_receipt(receipt) for receipt in self._fetch_receipts(block)]
            header, extra = encode_header(block), _bytes(block["extraData"])
            position = int(own_receipt["transactionIndex"], 16)
            log = _find_log(own_receipt["logs"], digest)
        except _UNREADABLE as error:
            raise ServiceMissingError("The node doesn't give the block in a form that is known.") from error
        root, nodes = prove({rlp.encode(index): data for index, data in enumerate(encoded)}, rlp.encode(position))
        if root.hex() != str(block["receiptsRoot"]).removeprefix("0x"):
            raise IntegrityError("The block's receipts don't give its root: this chain has receipts of its own form.")
        hashed = decode(header)[EXTRA]
        sealed_extra = extra if any(form == hashed for form, _, _ in seal_forms(extra)) else b""
        return EvmProof(chain, digest, header, position, log, nodes, sealed=sealed_extra)

    def _fetch_receipts(self, block: dict[str, Any]) -> Sequence[dict[str, Any]]:
        try:
            receipts: list[dict[str, Any]] = self.call("eth_getBlockReceipts", block["hash"], limit=MAX_RECEIPTS)
            if isinstance(receipts, list) and len(receipts) == len(block["transactions"]):
                return sorted(receipts, key=lambda item: int(item["transactionIndex"], 16))
        except RefusedCallError:
            pass  # an older node: one by one
        return [self.call("eth_getTransactionReceipt", item, limit=MAX_RECEIPTS) for item in block["transactions"]]

    def _time(self, number: int) -> int:
        block = self.call("eth_getBlockByNumber", hex(number), False)  # noqa: FBT003 - the node's own parameter
        try:
            return int(block["timestamp"], 16)
        except _UNREADABLE as error:
            raise ServiceMissingError(f"The node has no block {number}.") from error


def encode_header(block: dict[str, Any]) -> bytes:
    """Return the RLP of a block header from a node's JSON, in the form whose hash is the block's hash.

    Consortium chains leave the validators' seals out of the hash, because each validator may hold others
    (:func:`_list_hashed_forms`).

    Raises:
        IntegrityError: No form has the block's hash.
    """
    names = [*_HEADER.split(), *(name for name in _FORK_FIELDS if block.get(name) is not None)]
    for extra in _list_hashed_forms(_bytes(block["extraData"])):
        header: bytes = rlp.encode([extra if name == "extraData" else _field(name, block[name]) for name in names])
        if keccak(header) == _bytes(block["hash"]):
            return header
    raise IntegrityError("The block's header doesn't give its hash: this chain has headers of its own form.")


def _list_hashed_forms(extra: bytes) -> Iterator[bytes]:
    """Yield candidates for a header's extra data as hashed: unchanged, or without the part that is not hashed."""
    yield extra
    yield from (hashed for hashed, _, _ in seal_forms(extra))  # QBFT and IBFT 2.0
    with contextlib.suppress(IntegrityError):
        validators, proposer, _ = decode(extra[32:], _QUORUM)
        yield extra[:32] + rlp.encode([validators, proposer, []])  # IBFT of Quorum (EIP-650): no seals


def encode_receipt(receipt: dict[str, Any]) -> bytes:
    """Encode a receipt from a node's JSON as in the trie of its block (EIP-658, EIP-2718)."""
    logs = [
        [_bytes(log["address"]), [_bytes(topic) for topic in log["topics"]], _bytes(log["data"])]
        for log in receipt["logs"]
    ]
    state = _field("number", receipt["status"]) if receipt.get("status") is not None else _bytes(receipt["root"])
    body: bytes = rlp.encode(
        [state, _field("number", receipt["cumulativeGasUsed"]), _bytes(receipt["logsBloom"]), logs]
    )
    kind = int(receipt.get("type") or "0x0", 16)
    return bytes([kind]) + body if kind else body


def _find_log(logs: Sequence[dict[str, Any]], digest: Digest) -> int:
    topics = [EVENT, digest.raw]
    places = [place for place, log in enumerate(logs) if [_bytes(topic) for topic in log["topics"]][:2] == topics]
    if not places:
        raise IntegrityError("The transaction has no log of the digest.")
    return places[0]


@contextlib.contextmanager
def _convert_errors(method: str) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise ServiceMissingError(f"The node answered {method} with something that can't be read.") from error


def _field(name: str, text: str) -> int | bytes:
    return int(text, 16) if name in _NUMBERS else _bytes(text)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
