"""JSON-RPC requests to an Ethereum node: account, contract, and complete blocks."""

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

from evidence.anchors.evm.proofs import (
    EVENT_TOPIC,
    EXTRA_DATA_INDEX,
    EvmProof,
    build_trie_proof,
    decode,
    list_seal_forms,
)
from evidence.anchors.fetch import MAX_RESPONSE_BYTES, send_request
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.sentences import Sentence

MAX_RECEIPTS = 64 << 20  # maximum size of a response with receipts, such as those of a block

_NUMBER_FIELDS = frozenset(
    ("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas")
)
_HEADER_FIELDS = (
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
_PARSE_ERRORS = (ValueError, LookupError, TypeError, AttributeError, RLPException, RecursionError)
"""Errors of unreadable responses; the last one is raised for JSON with endless nesting."""
_QUORUM_EXTRA_DATA = List([raw, raw, raw])  # validators, proposer's seal, seals


class RefusedCallError(ServiceMissingError):
    """The node rejected a call and stated a reason."""


@dataclass(frozen=True, slots=True)
class TransactionOutcome:
    """Result of a transaction."""

    transaction_hash: str  # hash of the transaction
    block_number: int  # number of its block
    is_failed: bool = False  # true if it was reverted
    has_logs: bool = True  # true if it wrote log entries


@dataclass(frozen=True, slots=True)
class EvmNode:
    """Client of an Ethereum node or node provider."""

    url: str = field(repr=False)  # JSON-RPC URL; not shown, because its path may contain an API key
    session: requests.Session

    def call(self, method: str, *parameters: object, limit: int = MAX_RESPONSE_BYTES) -> Any:  # noqa: ANN401 - JSON
        """Make one call and return its result.

        Raises:
            RefusedCallError: The node rejects the call with a reason.
            ServiceMissingError: The node does not respond, or its response is invalid.
        """
        request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
        status, body = send_request(
            self.session, self.url, request, {"Content-Type": "application/json"}, max_bytes=limit
        )
        try:
            response = json.loads(body)
            if response.get("error") is not None:
                reason = str(response["error"].get("message"))[:200]
                raise RefusedCallError(Sentence("The node refused %(method)s: %(why)s.", method=method, why=reason))
            return response["result"]
        except _PARSE_ERRORS as error:
            details = {"method": method, "status": status}
            sentence = Sentence("The node's response to %(method)s is not valid (status %(status)s).", **details)
            raise ServiceMissingError(sentence) from error

    def call_number(self, method: str, *parameters: object) -> int:
        """Make a call and return its result as a number; raises ``ServiceMissingError`` for other results."""
        result = self.call(method, *parameters)
        try:
            return int(result, 16)
        except _PARSE_ERRORS as error:
            raise ServiceMissingError(f"The node's response to {method} is not a number.") from error

    def get_anchor_time(self, contract: bytes, digest: Digest) -> int:
        """Return the Unix time at which the contract first received a digest, or 0, as of the newest block.

        Raises:
            ServiceMissingError: The node does not respond, or there is no such contract.
        """
        data = "0x" + (keccak(b"at(bytes32)")[:4] + digest.raw).hex()
        result = self.call("eth_call", {"to": "0x" + contract.hex(), "data": data}, "latest")
        if not isinstance(result, str) or len(result) != 66:
            raise ServiceMissingError(f"The chain has no contract of Exhibit at 0x{contract.hex()}.")
        with _convert_errors("eth_call"):
            return int(result, 16)

    def get_newest_block(self) -> int:
        """Return the number of the newest block; raises ``ServiceMissingError``."""
        return self.call_number("eth_blockNumber")

    def find_block_at(self, time: int) -> int:
        """Find the first block with this Unix time or a later one, by bisection, and return its number."""
        low, high = 0, self.get_newest_block()
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._get_block_time(middle) < time else (low, middle)
        return low

    def get_outcome(self, transaction: str) -> TransactionOutcome | None:
        """Return the result of a transaction, or ``None`` while it is not in a block.

        Raises:
            ServiceMissingError: The node does not respond, or its response is invalid.
        """
        receipt = self.call("eth_getTransactionReceipt", transaction, limit=MAX_RECEIPTS)
        with _convert_errors("eth_getTransactionReceipt"):
            if receipt is None or receipt["blockNumber"] is None:
                return None
            is_failed = receipt.get("status") is not None and int(receipt["status"], 16) == 0
            return TransactionOutcome(transaction, int(receipt["blockNumber"], 16), is_failed, bool(receipt["logs"]))

    def find_log(self, contract: bytes, digest: Digest, first: int, last: int) -> TransactionOutcome | None:
        """Find the transaction in these blocks that logged a digest; return ``None`` if there is none.

        Raises:
            ServiceMissingError: The node does not respond, or its response is invalid.
        """
        topics = ["0x" + EVENT_TOPIC.hex(), "0x" + digest.hex]
        log_filter = {"address": "0x" + contract.hex(), "topics": topics, "fromBlock": hex(first), "toBlock": hex(last)}
        logs = self.call("eth_getLogs", log_filter)
        with _convert_errors("eth_getLogs"):
            return (
                TransactionOutcome(str(logs[0]["transactionHash"]), int(logs[0]["blockNumber"], 16)) if logs else None
            )

    def build_proof(self, chain: int, digest: Digest, transaction: str) -> EvmProof:
        """Build the proof that a mined transaction logged a digest.

        Raises:
            ServiceMissingError: The node returns an incomplete block.
            IntegrityError: The node's data is inconsistent, or its blocks have an unknown form.
        """
        try:
            own_receipt = self.call("eth_getTransactionReceipt", transaction, limit=MAX_RECEIPTS)
            block = self.call("eth_getBlockByHash", own_receipt["blockHash"], False)  # noqa: FBT003 - JSON-RPC
            encoded_receipts = [encode_receipt(receipt) for receipt in self._fetch_receipts(block)]
            header, extra = encode_header(block), _decode_hex(block["extraData"])
            position = int(own_receipt["transactionIndex"], 16)
            log = _find_log_index(own_receipt["logs"], digest)
        except _PARSE_ERRORS as error:
            raise ServiceMissingError("The node returned the block in an unknown format.") from error
        root, nodes = build_trie_proof(
            {rlp.encode(index): data for index, data in enumerate(encoded_receipts)}, rlp.encode(position)
        )
        if root.hex() != str(block["receiptsRoot"]).removeprefix("0x"):
            raise IntegrityError("The block's receipts do not match its root: the chain has another receipt format.")
        hashed_extra = decode(header)[EXTRA_DATA_INDEX]
        sealed_extra = extra if any(candidate == hashed_extra for candidate, _, _ in list_seal_forms(extra)) else b""
        return EvmProof(chain, digest, header, position, log, nodes, sealed=sealed_extra)

    def _fetch_receipts(self, block: dict[str, Any]) -> Sequence[dict[str, Any]]:
        try:
            receipts: list[dict[str, Any]] = self.call("eth_getBlockReceipts", block["hash"], limit=MAX_RECEIPTS)
            if isinstance(receipts, list) and len(receipts) == len(block["transactions"]):
                return sorted(receipts, key=lambda item: int(item["transactionIndex"], 16))
        except RefusedCallError:
            pass  # older nodes: request the receipts one by one
        return [self.call("eth_getTransactionReceipt", item, limit=MAX_RECEIPTS) for item in block["transactions"]]

    def _get_block_time(self, number: int) -> int:
        block = self.call("eth_getBlockByNumber", hex(number), False)  # noqa: FBT003 - JSON-RPC
        try:
            return int(block["timestamp"], 16)
        except _PARSE_ERRORS as error:
            raise ServiceMissingError(f"The node has no block {number}.") from error


def encode_header(block: dict[str, Any]) -> bytes:
    """Encode a block header from a node's JSON as RLP, in the form whose hash is the block's hash.

    Consortium chains exclude the validators' seals from the hash, because each validator may store different ones
    (:func:`_list_hashed_forms`).

    Raises:
        IntegrityError: No form of the header has the block's hash.
    """
    names = [*_HEADER_FIELDS.split(), *(name for name in _FORK_FIELDS if block.get(name) is not None)]
    for extra in _list_hashed_forms(_decode_hex(block["extraData"])):
        header: bytes = rlp.encode(
            [extra if name == "extraData" else _encode_field(name, block[name]) for name in names]
        )
        if keccak(header) == _decode_hex(block["hash"]):
            return header
    raise IntegrityError("The block's header does not match its hash: the chain has another header format.")


def _list_hashed_forms(extra: bytes) -> Iterator[bytes]:
    """Yield candidates for the hashed form of a header's extra data: complete, or without the unhashed part."""
    yield extra
    yield from (hashed_extra for hashed_extra, _, _ in list_seal_forms(extra))  # QBFT and IBFT 2.0
    with contextlib.suppress(IntegrityError):
        validators, proposer, _ = decode(extra[32:], _QUORUM_EXTRA_DATA)
        yield extra[:32] + rlp.encode([validators, proposer, []])  # IBFT of Quorum (EIP-650): no seals


def encode_receipt(receipt: dict[str, Any]) -> bytes:
    """Encode a receipt from a node's JSON as it is stored in the trie of its block (EIP-658, EIP-2718)."""
    logs = [
        [_decode_hex(log["address"]), [_decode_hex(topic) for topic in log["topics"]], _decode_hex(log["data"])]
        for log in receipt["logs"]
    ]
    state = (
        _encode_field("number", receipt["status"])
        if receipt.get("status") is not None
        else _decode_hex(receipt["root"])
    )
    body: bytes = rlp.encode(
        [state, _encode_field("number", receipt["cumulativeGasUsed"]), _decode_hex(receipt["logsBloom"]), logs]
    )
    kind = int(receipt.get("type") or "0x0", 16)
    return bytes([kind]) + body if kind else body


def _find_log_index(logs: Sequence[dict[str, Any]], digest: Digest) -> int:
    topics = [EVENT_TOPIC, digest.raw]
    indexes = [index for index, log in enumerate(logs) if [_decode_hex(topic) for topic in log["topics"]][:2] == topics]
    if not indexes:
        raise IntegrityError("The transaction has no log entry with the digest.")
    return indexes[0]


@contextlib.contextmanager
def _convert_errors(method: str) -> Iterator[None]:
    try:
        yield
    except _PARSE_ERRORS as error:
        raise ServiceMissingError(f"The node's response to {method} cannot be read.") from error


def _encode_field(name: str, text: str) -> int | bytes:
    return int(text, 16) if name in _NUMBER_FIELDS else _decode_hex(text)


def _decode_hex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
