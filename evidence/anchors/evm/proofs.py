"""Receipts of EVM chains, read and checked offline: a block header, and a proof that a log lies in its receipts.

What this shows: a block with this hash holds a log of the digest, and states a time. That the block belongs to the
chain isn't shown by it; whoever has the chain compares the hash.
Source: Ethereum Yellow Paper, 4.3 and appendix D; EIP-2718 for receipts with a type before them.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from evidence.anchors.evm import rlp
from evidence.anchors.evm.patricia import check_proof
from evidence.anchors.evm.rlp import keccak256
from evidence.formats.codec import Canonical, FormatError, from_plain, parse_canonical
from evidence.formats.errors import PendingProofError
from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.types import LATER, Count

FORMAT = "exhibit-evm/1"
PENDING_FORMAT = "exhibit-evm-pending/1"
MAX_PROOF = 1 << 17  # bytes of a receipt: hashing what it holds takes a fifth of a second at most
EVENT = keccak256(b"Anchored(bytes32,uint256)")

_RECEIPTS_ROOT, _NUMBER, _TIME = 5, 8, 11
_MIN_FIELDS = 15
_LATEST = 253_402_300_799  # the end of the year 9999
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EvmProof(Canonical):
    """``evm-*.json``: what shows that a block holds a digest."""

    chain: Count  # the chain's id (EIP-155), as configured; nothing in the proof shows it
    digest: Digest  # what was given to the contract
    header: bytes  # the block's header, RLP; its Keccak-256 is the block's hash
    transaction: Count  # its place in the block, from 0
    log: Count  # the log's place in the transaction's receipt, from 0
    nodes: tuple[bytes, ...]  # of the trie of receipts, from the root to the transaction's, RLP
    format: str = FORMAT  # :data:`FORMAT`
    sealed: bytes = field(default=b"", metadata=LATER)  # the extra data with seals, where the hash leaves them out


@dataclass(frozen=True, slots=True)
class EvmPending(Canonical):
    """The same file before the chain has spoken."""

    chain: Count  # the chain's id
    digest: Digest  # what the contract is given
    transaction: bytes  # signed, as it is or will be sent; empty when the chain holds the digest already
    format: str = PENDING_FORMAT  # :data:`PENDING_FORMAT`


@dataclass(frozen=True, slots=True)
class EvmBlock:
    """The block that a proof leads to."""

    chain: Count  # as the proof names it
    number: int
    hash: Digest
    time: datetime  # as its header states it, aware, UTC
    header: bytes  # RLP, as it is hashed
    sealed: bytes = b""  # its extra data with the seals of validators, where the hash leaves them out; not checked here


def verify_proof(proof: bytes, digest: Digest) -> EvmBlock:
    """Check a proof (an ``evm-*.json`` file) to its block; whether that is the chain's is for the caller to decide.

    Raises ``PendingProofError`` when no block holds it yet, and ``IntegrityError``.
    """
    plain = _parsed(proof)
    if plain.get("format") == PENDING_FORMAT:
        _check_digest(_read(EvmPending, PENDING_FORMAT, plain).digest, digest)
        raise PendingProofError("The transaction isn't confirmed yet.")
    read = _read(EvmProof, FORMAT, plain)
    _check_digest(read.digest, digest)
    if min(read.chain, read.transaction, read.log) < 0:
        raise IntegrityError("The receipt holds a number below zero.")
    block, receipts_root = read_header(read.chain, read.header, read.sealed)
    _check_log(check_proof(receipts_root, rlp.encode(rlp.whole_number(read.transaction)), read.nodes), read.log, digest)
    return block


def read_pending(proof: bytes) -> EvmPending:
    """The pending form of a receipt; raises ``IntegrityError``."""
    return _read(EvmPending, PENDING_FORMAT, _parsed(proof))


def read_header(chain: int, header: bytes, sealed: bytes = b"") -> tuple[EvmBlock, bytes]:
    """A block by its header (RLP) and its sealed extra data, and the root of its receipts; raises ``IntegrityError``.

    Fields that later forks have added behind the first 15 are allowed.
    """
    fields = rlp.as_list(rlp.decode(header))
    if len(fields) < _MIN_FIELDS:
        raise IntegrityError("The block header lacks fields.")
    root, seconds = rlp.as_bytes(fields[_RECEIPTS_ROOT]), rlp.as_number(fields[_TIME])
    if len(root) != 32 or seconds > _LATEST:
        raise IntegrityError("The block header has a field that can't be.")
    time = datetime.fromtimestamp(seconds, UTC)
    return EvmBlock(chain, rlp.as_number(fields[_NUMBER]), Digest(keccak256(header)), time, header, sealed), root


def _parsed(proof: bytes) -> dict[str, Any]:
    try:
        plain = parse_canonical(proof, what="The receipt", limit=MAX_PROOF)
    except FormatError as error:
        raise IntegrityError(error.message) from error
    return plain if isinstance(plain, dict) else {}


def _read(kind: type[T], name: str, plain: dict[str, Any]) -> T:
    if plain.get("format") != name:
        raise IntegrityError(f"The receipt isn't in the format {name}.")
    try:
        return from_plain(kind, plain, where="The receipt")
    except FormatError as error:
        raise IntegrityError(error.message) from error


def _check_digest(found: Digest, wanted: Digest) -> None:
    if found != wanted:
        raise IntegrityError(f"The receipt is about another digest: {found}.")


def _check_log(receipt: bytes, place: int, digest: Digest) -> None:
    """Check that a transaction succeeded and that one of its logs says that the digest was anchored."""
    fields = rlp.as_list(rlp.decode(receipt[1:] if receipt[:1] <= b"\x7f" else receipt))
    if len(fields) < 4 or fields[0] != b"\x01":
        raise IntegrityError("The transaction failed, or its receipt can't be read.")
    logs = rlp.as_list(fields[3])
    if not 0 <= place < len(logs):
        raise IntegrityError("The transaction has no such log.")
    log = rlp.as_list(logs[place])
    topics = rlp.as_list(log[1]) if len(log) == 3 else []
    if topics[:2] != [EVENT, digest.raw]:
        raise IntegrityError("The log of the transaction says something else than that the digest was anchored.")
