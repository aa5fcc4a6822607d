"""Offline verification of EVM receipts: a block header, and a proof that a log entry is in the block's receipts.

This shows that a block with this hash has a log entry with the digest and states a time. It does not show that the
block belongs to the chain: for that, compare the hash with the chain, or know validators who have sealed the block.

The Ethereum Foundation's libraries read RLP, tries and signatures, within limits set here. Sources: Ethereum Yellow
Paper, 4.3 and appendix D; EIP-2718 for receipts with a type prefix; QBFT and IBFT 2.0 as written by Besu and GoQuorum.
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
MAX_PROOF = 1 << 17  # maximum size of a receipt, bytes: reading it takes a second at most
MAX_DEPTH = 16  # maximum depth of nested lists
MAX_NODES = 64
MAX_SEALS = 256
EVENT = keccak(b"Anchored(bytes32,uint256)")
EXTRA = 12
"""Index of the extra data in a header."""

_RECEIPTS_ROOT, _NUMBER, _TIME = 5, 8, 11
_MIN_FIELDS = 15
_LATEST = 253_402_300_799  # the end of the year 9999
_HEADER = CountableList(binary)
_LOG = List([binary, CountableList(binary), binary])  # address, topics, data
_RECEIPT = List([binary, binary, binary, CountableList(_LOG)], strict=False)  # status, gas, bloom, logs; later ones
_SEALED_EXTRA_DATA = List([raw, raw, raw, raw, CountableList(binary)])  # vanity, validators, vote, round, seals
_NO_TRIE = (
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
    """``evm-*.json``: proof that a block holds a digest."""

    chain: Count  # the chain's id (EIP-155), as configured; nothing in the proof shows it
    digest: Digest  # digest that was given to the contract
    header: bytes  # the block's header, RLP; its Keccak-256 is the block's hash
    transaction: Count  # index of the transaction in the block, from 0
    log: Count  # index of the log entry in the transaction's receipt, from 0
    nodes: tuple[bytes, ...]  # nodes of the trie of receipts, from the root to the transaction's, RLP
    format: str = FORMAT  # :data:`FORMAT`
    sealed: bytes = b""  # extra data with seals, if the hash leaves them out


@dataclass(frozen=True, slots=True)
class EvmPending(Canonical):
    """The same file before the transaction is confirmed."""

    chain: Count  # the chain's id
    digest: Digest  # digest for the contract
    transaction: bytes  # signed transaction; empty if the chain already holds the digest
    format: str = PENDING_FORMAT  # :data:`PENDING_FORMAT`


@dataclass(frozen=True, slots=True)
class EvmBlock:
    """The block that a proof leads to."""

    chain: Count  # as the proof names it
    number: int
    hash: Digest
    time: datetime  # as its header states it, aware, UTC
    header: bytes  # RLP, as it is hashed
    sealed_extra_data: bytes = (
        b""  # its extra data with the seals of validators, where the hash leaves them out; not checked here
    )


def verify_proof(proof: bytes, digest: Digest) -> EvmBlock:
    """Verify a proof (an ``evm-*.json`` file) up to its block; the caller decides whether that is the chain's.

    Raises:
        PendingProofError: No block holds the digest yet.
        IntegrityError: The proof is invalid.
    """
    plain = _parse(proof)
    if plain.get("format") == PENDING_FORMAT:
        _check_digest(_convert(EvmPending, plain).digest, digest)
        raise PendingProofError("The transaction is not confirmed yet.")
    evm_proof = _convert(EvmProof, plain)
    _check_digest(evm_proof.digest, digest)
    if min(evm_proof.chain, evm_proof.transaction, evm_proof.log) < 0:
        raise IntegrityError("The receipt contains a negative number.")
    block, receipts_root = parse_header(evm_proof.chain, evm_proof.header, evm_proof.sealed)
    _check_log(check_path(receipts_root, rlp.encode(evm_proof.transaction), evm_proof.nodes), evm_proof.log, digest)
    return block


def read_pending(proof: bytes) -> EvmPending:
    """Read the pending form of a receipt; raises ``IntegrityError``."""
    return _convert(EvmPending, _parse(proof))


def parse_header(chain: int, header: bytes, sealed_extra_data: bytes = b"") -> tuple[EvmBlock, bytes]:
    """Return a block from its header (RLP) and sealed extra data, and the root of its receipts.

    Raises ``IntegrityError``.

    Fields that later forks have appended to the first 15 are allowed.
    """
    fields = _decode_fields(header)
    root, seconds, number = fields[_RECEIPTS_ROOT], _number(fields[_TIME]), _number(fields[_NUMBER])
    if len(root) != 32 or seconds > _LATEST:
        raise IntegrityError("The block header has an impossible field.")
    time = datetime.fromtimestamp(seconds, UTC)
    return EvmBlock(chain, number, Digest(keccak(header)), time, header, sealed_extra_data), root


def decode(data: bytes, shape: Any = raw) -> Any:  # noqa: ANN401 - the library's words, and what they describe
    """Decode canonical RLP in the shape of a sedes; raises ``IntegrityError``."""
    try:
        item = rlp.decode(data)
        level = [item]
        for _ in range(MAX_DEPTH):
            level = [inner for each in level if isinstance(each, list) for inner in each]
        if level:
            raise IntegrityError("An RLP item is nested too deeply.")
        return shape.deserialize(item)
    except RLPException as error:
        raise IntegrityError("The bytes are not canonical RLP, or contain unexpected data.") from error
    except RecursionError as error:
        raise IntegrityError("An RLP item is nested too deeply.") from error


def prove(pairs: Mapping[bytes, bytes], key: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Return the root of the trie of these pairs (no value is empty), and the nodes from the root to one key."""
    trie = HexaryTrie({})
    for each, value in pairs.items():
        trie[each] = value
    return trie.root_hash, _build_path(trie, key)


def check_path(root: bytes, key: bytes, nodes: Sequence[bytes]) -> bytes:
    """Return the value at a key of the trie with this root hash; raises ``IntegrityError``.

    The nodes must be exactly those from the root down that are not inlined in their parent; the library would ignore
    others.
    """
    if not 0 < len(nodes) <= MAX_NODES:
        raise IntegrityError("The proof has no nodes, or too many.")
    for node in nodes:
        decode(node)
    try:
        trie = HexaryTrie({keccak(node): node for node in nodes}, root)
        value, path = trie[key], _build_path(trie, key)
    except _NO_TRIE as error:
        raise IntegrityError("The nodes of the proof do not connect its root with the key.") from error
    if path != tuple(nodes) or not isinstance(value, bytes) or not value:
        raise IntegrityError("The proof has no value, or contains nodes that are not on its path.")
    return value


def _build_path(trie: HexaryTrie, key: bytes) -> tuple[bytes, ...]:
    nodes = [rlp.encode(node) for node in trie.get_proof(key)]
    return tuple(node for place, node in enumerate(nodes) if place == 0 or len(node) >= 32)


def seal_forms(extra: bytes) -> Iterator[tuple[bytes, bytes, Sequence[bytes]]]:
    """Yield, for each form that fits: the hashed extra data, the extra data covered by the seals, and the seals."""
    try:
        *fields, turn, seals = decode(extra, _SEALED_EXTRA_DATA)
    except IntegrityError:
        return
    yield rlp.encode([*fields, b"", []]), rlp.encode([*fields, turn, []]), seals  # QBFT: round 0
    yield rlp.encode(fields), rlp.encode([*fields, turn]), seals  # IBFT 2.0


def recover_sealers(header: bytes, sealed_extra_data: bytes) -> frozenset[bytes]:
    """Return the addresses (20 bytes each) of the seals in the extra data that a node returned for a block.

    ``header`` is the one that gives the block's hash (RLP). An impossible seal counts for nobody.

    Raises:
        IntegrityError: Header and extra data do not belong together, or there are more than :data:`MAX_SEALS` seals.
    """
    fields = _decode_fields(header)
    for hashed, covered_extra, seals in seal_forms(sealed_extra_data):
        if hashed == fields[EXTRA]:
            if len(seals) > MAX_SEALS:
                raise IntegrityError(f"The block has {len(seals)} seals, more than the {MAX_SEALS} that are read.")
            digest = keccak(rlp.encode([*fields[:EXTRA], covered_extra, *fields[EXTRA + 1 :]]))
            return frozenset(filter(None, (recover_signer(digest, seal) for seal in seals)))
    raise IntegrityError("The seals of the validators do not belong to the block header.")


def recover_signer(digest: bytes, seal: bytes) -> bytes | None:
    """Return the address that signed 32 bytes with a seal (r, s and the parity of R, 65 bytes), or ``None``."""
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


def _number(data: bytes) -> int:
    if len(data) > 32 or data[:1] == b"\0":
        raise IntegrityError("An RLP number is not in canonical form.")
    return int.from_bytes(data, "big")


def _parse(proof: bytes) -> dict[str, Any]:
    try:
        plain = parse_canonical(proof, what="The receipt", limit=MAX_PROOF)
    except FormatError as error:
        raise IntegrityError(error.message) from error
    return plain if isinstance(plain, dict) else {}


def _convert(kind: type[T], plain: dict[str, Any]) -> T:
    try:
        return from_plain(kind, plain, where="The receipt")
    except FormatError as error:
        raise IntegrityError(error.message) from error


def _check_digest(actual: Digest, expected: Digest) -> None:
    if actual != expected:
        raise IntegrityError(f"The receipt is for a different digest: {actual}.")


def _check_log(receipt: bytes, place: int, digest: Digest) -> None:
    """Check that a transaction succeeded and that one of its logs says that the digest was anchored."""
    fields = decode(receipt[1:] if receipt[:1] <= b"\x7f" else receipt, _RECEIPT)
    if len(fields) < 4 or fields[0] != b"\x01":
        raise IntegrityError("The transaction failed, or its receipt cannot be read.")
    logs = fields[3]
    if not 0 <= place < len(logs):
        raise IntegrityError("The transaction has no such log.")
    _, topics, _ = logs[place]
    if topics[:2] != (EVENT, digest.raw):
        raise IntegrityError("The log of the transaction does not state that the digest was anchored.")
