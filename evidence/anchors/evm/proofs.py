"""Offline verification of EVM receipts: a block header, and a proof that a log entry is in the block's receipts.

A valid proof shows that a block with a certain hash has a log entry with the digest, and states a time. It does not
show that the block belongs to the chain. To verify that, compare the hash with the chain, or check the seals of known
validators.

The Ethereum Foundation's libraries parse RLP, tries and signatures, within the limits of this module. Sources:
Ethereum Yellow Paper, 4.3 and appendix D; EIP-2718 for receipts with a type prefix; QBFT and IBFT 2.0 as implemented
by Besu and GoQuorum.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import rlp
from eth_hash.auto import keccak
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from rlp.exceptions import RLPException
from rlp.sedes import CountableList, List, binary, raw
from trie import HexaryTrie
from trie.exceptions import InvalidNode, MissingTrieNode, ValidationError

from evidence.formats.codec import Canonical, FormatError, from_plain, parse_canonical
from evidence.formats.errors import PendingProofError
from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.types import Count

FORMAT = "exhibit-evm/1"
PENDING_FORMAT = "exhibit-evm-pending/1"
MAX_PROOF_BYTES = 1 << 17  # maximum size of a receipt, bytes: parsing it takes at most a second
MAX_DEPTH = 16  # maximum depth of nested lists
MAX_NODES = 64
MAX_SEALS = 256
EVENT_TOPIC = keccak(b"Anchored(bytes32,uint256)")
EXTRA_DATA_INDEX = 12
"""Index of the extra data in a header."""

_RECEIPTS_ROOT_INDEX, _NUMBER_INDEX, _TIME_INDEX = 5, 8, 11
_MIN_FIELDS = 15
_MAX_TIME = 253_402_300_799  # the end of the year 9999
_HEADER = CountableList(binary)
_LOG = List([binary, CountableList(binary), binary])  # address, topics, data
_RECEIPT = List([binary, binary, binary, CountableList(_LOG)], strict=False)  # status, gas, bloom, logs
_SEALED_EXTRA_DATA = List([raw, raw, raw, raw, CountableList(binary)])  # vanity, validators, vote, round, seals
_TRIE_ERRORS = (
    InvalidNode,
    MissingTrieNode,
    ValidationError,
    RLPException,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
)
"""Errors of the library for nodes that do not form a trie."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EvmProof(Canonical):
    """Proof that a block contains a digest (``evm-*.json``)."""

    chain: Count  # the chain's id (EIP-155), as configured; the proof does not verify it
    digest: Digest  # digest that was submitted to the contract
    header: bytes  # the block's header, RLP; its Keccak-256 is the block's hash
    transaction: Count  # index of the transaction in the block, from 0
    log: Count  # index of the log entry in the transaction's receipt, from 0
    nodes: tuple[bytes, ...]  # nodes of the trie of receipts, from the root to the transaction's, RLP
    format: str = FORMAT  # :data:`FORMAT`
    sealed: bytes = b""  # extra data with seals, if the hash excludes them


@dataclass(frozen=True, slots=True)
class EvmPending(Canonical):
    """Receipt before the transaction is confirmed (``evm-*.json``)."""

    chain: Count  # the chain's id
    digest: Digest  # digest to submit to the contract
    transaction: bytes  # signed transaction; empty if the contract already has the digest
    format: str = PENDING_FORMAT  # :data:`PENDING_FORMAT`


@dataclass(frozen=True, slots=True)
class EvmBlock:
    """Block that contains a proven log entry."""

    chain: Count  # id of the chain that the proof states
    number: int
    hash: Digest
    time: datetime  # time in the header, aware, UTC
    header: bytes  # RLP, in the hashed form
    sealed_extra_data: bytes = b""  # extra data with the seals of validators, if the hash excludes them; not verified


def verify_proof(proof: bytes, digest: Digest) -> EvmBlock:
    """Verify a proof (an ``evm-*.json`` file) up to its block; the caller checks that the block is on the chain.

    Raises:
        PendingProofError: No block contains the digest yet.
        IntegrityError: The proof is invalid.
    """
    plain = _parse_json(proof)
    if plain.get("format") == PENDING_FORMAT:
        _check_digest(_build_object(EvmPending, plain).digest, digest)
        raise PendingProofError("The transaction is not confirmed yet.")
    evm_proof = _build_object(EvmProof, plain)
    _check_digest(evm_proof.digest, digest)
    if min(evm_proof.chain, evm_proof.transaction, evm_proof.log) < 0:
        raise IntegrityError("The receipt contains a negative number.")
    block, receipts_root = parse_header(evm_proof.chain, evm_proof.header, evm_proof.sealed)
    _check_log(
        verify_trie_proof(receipts_root, rlp.encode(evm_proof.transaction), evm_proof.nodes), evm_proof.log, digest
    )
    return block


def read_pending(proof: bytes) -> EvmPending:
    """Parse a receipt whose transaction is not confirmed yet; raises ``IntegrityError`` if it is invalid."""
    return _build_object(EvmPending, _parse_json(proof))


def parse_header(chain: int, header: bytes, sealed_extra_data: bytes = b"") -> tuple[EvmBlock, bytes]:
    """Parse a block header (RLP); return the block, and the root of its receipts.

    Fields that later forks appended to the first 15 are allowed.

    Raises:
        IntegrityError: The header is invalid.
    """
    fields = _decode_fields(header)
    root, seconds, number = (
        fields[_RECEIPTS_ROOT_INDEX],
        _decode_number(fields[_TIME_INDEX]),
        _decode_number(fields[_NUMBER_INDEX]),
    )
    if len(root) != 32 or seconds > _MAX_TIME:
        raise IntegrityError("The block header contains an invalid field.")
    time = datetime.fromtimestamp(seconds, UTC)
    return EvmBlock(chain, number, Digest(keccak(header)), time, header, sealed_extra_data), root


def decode(data: bytes, shape: Any = raw) -> Any:  # noqa: ANN401 - untyped library
    """Decode canonical RLP with a sedes; raises ``IntegrityError`` if the data does not fit it."""
    try:
        item = rlp.decode(data)
        level = [item]
        for _ in range(MAX_DEPTH):
            level = [child for parent in level if isinstance(parent, list) for child in parent]
        if level:
            raise IntegrityError("An RLP item is nested too deeply.")
        return shape.deserialize(item)
    except RLPException as error:
        raise IntegrityError("The bytes are not canonical RLP, or contain unexpected data.") from error
    except RecursionError as error:
        raise IntegrityError("An RLP item is nested too deeply.") from error


def build_trie_proof(pairs: Mapping[bytes, bytes], key: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Build a trie of these pairs, without empty values; return its root, and the nodes from the root to the key."""
    trie = HexaryTrie({})
    for entry_key, value in pairs.items():
        trie[entry_key] = value
    return trie.root_hash, _build_path(trie, key)


def verify_trie_proof(root: bytes, key: bytes, nodes: Sequence[bytes]) -> bytes:
    """Verify a proof for a key of the trie with this root hash, and return the key's value.

    The nodes must be exactly those on the path from the root that are not inlined in their parent. This is checked,
    because the library ignores additional nodes.

    Raises:
        IntegrityError: The proof is invalid.
    """
    if not 0 < len(nodes) <= MAX_NODES:
        raise IntegrityError("The proof has no nodes, or too many.")
    for node in nodes:
        decode(node)
    try:
        trie = HexaryTrie({keccak(node): node for node in nodes}, root)
        value, path = trie[key], _build_path(trie, key)
    except _TRIE_ERRORS as error:
        raise IntegrityError("The nodes of the proof do not connect its root with the key.") from error
    if path != tuple(nodes) or not isinstance(value, bytes) or not value:
        raise IntegrityError("The proof has no value, or contains nodes that are not on its path.")
    return value


def _build_path(trie: HexaryTrie, key: bytes) -> tuple[bytes, ...]:
    nodes = [rlp.encode(node) for node in trie.get_proof(key)]
    return tuple(node for index, node in enumerate(nodes) if index == 0 or len(node) >= 32)


def list_seal_forms(extra: bytes) -> Iterator[tuple[bytes, bytes, Sequence[bytes]]]:
    """Yield for each matching format: hashed extra data, extra data that the seals cover, and the seals."""
    try:
        *fields, round_number, seals = decode(extra, _SEALED_EXTRA_DATA)
    except IntegrityError:
        return
    yield rlp.encode([*fields, b"", []]), rlp.encode([*fields, round_number, []]), seals  # QBFT: round 0
    yield rlp.encode(fields), rlp.encode([*fields, round_number]), seals  # IBFT 2.0


def recover_sealers(header: bytes, sealed_extra_data: bytes) -> frozenset[bytes]:
    """Recover the addresses (20 bytes each) that sealed a block from its extra data; invalid seals are ignored.

    Args:
        header: Header whose hash is the block's hash, RLP.
        sealed_extra_data: Extra data with seals, as returned by a node.

    Raises:
        IntegrityError: Header and extra data do not match, or there are more than :data:`MAX_SEALS` seals.
    """
    fields = _decode_fields(header)
    for hashed_extra, covered_extra, seals in list_seal_forms(sealed_extra_data):
        if hashed_extra == fields[EXTRA_DATA_INDEX]:
            if len(seals) > MAX_SEALS:
                raise IntegrityError(f"The block has {len(seals)} seals, more than the {MAX_SEALS} that are read.")
            digest = keccak(rlp.encode([*fields[:EXTRA_DATA_INDEX], covered_extra, *fields[EXTRA_DATA_INDEX + 1 :]]))
            return frozenset(filter(None, (recover_signer(digest, seal) for seal in seals)))
    raise IntegrityError("The seals of the validators do not belong to the block header.")


def recover_signer(digest: bytes, seal: bytes) -> bytes | None:
    """Recover the address that signed a digest of 32 bytes with a seal (65 bytes: r, s, parity of R), or ``None``."""
    if len(seal) != 65:
        return None
    try:
        key = Signature(seal).recover_public_key_from_msg_hash(digest)
    except BadSignature:
        return None
    return bytes(key.to_canonical_address())


def _decode_fields(header: bytes) -> tuple[bytes, ...]:
    fields: tuple[bytes, ...] = decode(header, _HEADER)
    if len(fields) < _MIN_FIELDS:
        raise IntegrityError("The block header lacks fields.")
    return fields


def _decode_number(data: bytes) -> int:
    if len(data) > 32 or data[:1] == b"\0":
        raise IntegrityError("An RLP number is not in canonical form.")
    return int.from_bytes(data, "big")


def _parse_json(proof: bytes) -> dict[str, Any]:
    try:
        plain = parse_canonical(proof, label="The receipt", limit=MAX_PROOF_BYTES)
    except FormatError as error:
        raise IntegrityError(error.message) from error
    return plain if isinstance(plain, dict) else {}


def _build_object(kind: type[T], plain: dict[str, Any]) -> T:
    try:
        return from_plain(kind, plain, location="The receipt")
    except FormatError as error:
        raise IntegrityError(error.message) from error


def _check_digest(actual: Digest, expected: Digest) -> None:
    if actual != expected:
        raise IntegrityError(f"The receipt is for a different digest: {actual}.")


def _check_log(receipt: bytes, index: int, digest: Digest) -> None:
    """Check that a transaction succeeded and that its log entry at this index has the digest."""
    fields = decode(receipt[1:] if receipt[:1] <= b"\x7f" else receipt, _RECEIPT)
    if len(fields) < 4 or fields[0] != b"\x01":
        raise IntegrityError("The transaction failed, or its receipt cannot be read.")
    logs = fields[3]
    if not 0 <= index < len(logs):
        raise IntegrityError("The transaction has no such log entry.")
    _, topics, _ = logs[index]
    if topics[:2] != (EVENT_TOPIC, digest.raw):
        raise IntegrityError("The log entry of the transaction does not contain the digest.")
