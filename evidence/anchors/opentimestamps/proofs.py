"""Offline verification of OpenTimestamps proofs, and of Bitcoin block headers with their proof of work."""

import contextlib
import hashlib
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpSHA256
from opentimestamps.core.serialize import BytesDeserializationContext, BytesSerializationContext, DeserializationError
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp

from evidence.formats.errors import PendingProofError, UntrustedIssuerError
from exhibit.digests import Digest
from exhibit.errors import IntegrityError

Network = Literal["main", "regtest"]

HEADER_BYTES = 80
MINIMUM_DIFFICULTY = 5e13
"""Difficulty that a block of the main chain needs to count: 2·10²³ hashes, as all its blocks have taken since 2024."""

MAX_PROOF_BYTES = 1 << 18
MAX_NUMBER_BYTES = 7  # maximum length of a number in a proof: 49 bits, far more than any height or length needs
MAX_DEPTH, MAX_OPERATIONS, MAX_MESSAGE, MAX_PAYLOAD, MAX_ADDRESS = 256, 4096, 4096, 8192, 1000

_PROOF_PREFIX = DetachedTimestampFile.HEADER_MAGIC + b"\x01\x08"
_APPEND, _PREPEND, _SHA256, _ATTESTATION, _BRANCH_MARKER = 0xF0, 0xF1, 0x08, 0x00, 0xFF
_ADDRESS = re.compile(rb"[A-Za-z0-9._/:-]*")
_HEADER_LAYOUT = struct.Struct("<I32s32sIII")
_DIFFICULTY_ONE_TARGET = 0xFFFF << 208
_HEADER_FILE_NAME = re.compile(r"block-(0|[1-9][0-9]{0,8})\.header")


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """80-byte header of a block; hashes are 32 bytes in internal byte order (the usual text form is reversed)."""

    previous: bytes  # hash of the previous block
    merkle_root: bytes  # root over the block's transactions
    time: datetime  # time stated by the miner, aware, UTC; accurate to about two hours
    bits: int  # target in compact form
    hash: bytes  # hash of the block

    @property
    def target(self) -> int:
        """Maximum value of the hash; 0 if the compact form is invalid."""
        exponent, mantissa = self.bits >> 24, self.bits & 0xFFFFFF
        if mantissa > 0x7FFFFF or exponent > 32:
            return 0
        return mantissa << 8 * (exponent - 3) if exponent >= 3 else mantissa >> 8 * (3 - exponent)

    @property
    def display_hash(self) -> str:
        """Hash in the form that block explorers show."""
        return self.hash[::-1].hex()


def parse_header(data: bytes) -> BlockHeader:
    """Parse a header; raises ``IntegrityError`` unless it has 80 bytes."""
    if len(data) != HEADER_BYTES:
        raise IntegrityError(f"A block header has {HEADER_BYTES} bytes, not {len(data)}.")
    _, previous, merkle_root, time, bits, _ = _HEADER_LAYOUT.unpack(data)
    digest = hashlib.sha256(hashlib.sha256(data).digest()).digest()
    return BlockHeader(previous, merkle_root, datetime.fromtimestamp(time, UTC), bits, digest)


def build_header(previous: bytes, merkle_root: bytes, time: int, bits: int, nonce: int) -> bytes:
    """Return the 80-byte header of a block of version 4."""
    return _HEADER_LAYOUT.pack(4, previous, merkle_root, time, bits, nonce)


def check_work(header: BlockHeader, network: Network, minimum_difficulty: float = MINIMUM_DIFFICULTY) -> None:
    """Check the proof of work of a header; ``regtest`` has no minimum difficulty.

    This shows how much a forgery would have cost, not that the block is part of the main chain. To verify that,
    compare :attr:`BlockHeader.display_hash` with the chain.

    Raises:
        IntegrityError: The hash exceeds the header's own target.
        UntrustedIssuerError: The target is too easy for the main chain.
    """
    if not 0 < int.from_bytes(header.hash, "little") <= header.target:
        raise IntegrityError("The block header has no valid proof of work: it was changed or invented.")
    if network == "main" and header.target * minimum_difficulty > _DIFFICULTY_ONE_TARGET:
        raise UntrustedIssuerError(f"The block {header.display_hash} has too little work for the Bitcoin main chain.")


@dataclass(frozen=True, slots=True)
class Attestations:
    """Digest and attestations of a proof."""

    digest: bytes  # the timestamped digest
    blocks: tuple[tuple[int, bytes], ...]  # height and Merkle root of each named Bitcoin block, lowest first
    other_attestations: tuple[str, ...]  # descriptions of pending calendars and unknown attestations


def verify_proof(
    proof: bytes,
    digest: Digest,
    headers: Mapping[int, bytes],
    network: Network,
    minimum_difficulty: float = MINIMUM_DIFFICULTY,
) -> tuple[int, datetime]:
    """Verify a proof completely: digest, operations, Merkle root of a block, and the block's proof of work.

    Invalid attestations by other calendars in the proof are ignored if one is valid.

    Returns:
        Height and time of the earliest block that attests the digest, by the given headers.

    Raises:
        PendingProofError: No block attests the digest yet, or no header of such a block is given.
        UntrustedIssuerError: No block has enough work for the main chain.
        IntegrityError: The proof is invalid.
    """
    attestations = parse_attestations(proof)
    if attestations.digest != digest.raw:
        raise IntegrityError(f"The proof is for a different digest: {attestations.digest.hex()}.")
    attested_blocks = attestations.blocks
    if not attested_blocks:
        raise PendingProofError("The proof is still pending: no Bitcoin block attests it yet.")
    failure: IntegrityError | None = None
    for height, commitment in attested_blocks:
        if height in headers:
            try:
                return height, _check_block(commitment, headers[height], network, minimum_difficulty)
            except IntegrityError as error:
                failure = failure or error
    if failure is not None:
        raise failure
    heights = ", ".join(str(height) for height, _ in attested_blocks)
    raise PendingProofError(f"The header of Bitcoin block {heights} is not available.")


def parse_attestations(proof: bytes) -> Attestations:
    """Parse a proof in the form defined by docs/reference/trust-list.md; raises ``IntegrityError`` if it is invalid."""
    if len(proof) > MAX_PROOF_BYTES:
        raise IntegrityError("The OpenTimestamps proof is too long.")
    if not proof.startswith(_PROOF_PREFIX):
        raise IntegrityError("The OpenTimestamps proof cannot be read, or is not for a SHA-256 digest.")
    reader = _ProofReader(proof, len(_PROOF_PREFIX))
    digest = reader.read_bytes(32)
    reader.read_timestamp(digest)
    return Attestations(digest, tuple(sorted(reader.blocks)), tuple(sorted(reader.other_attestations)))


def read_proof(proof: bytes) -> Any:
    """Parse a proof as the library's ``Timestamp`` of a SHA-256 digest; raises ``IntegrityError`` if it is invalid."""
    parse_attestations(proof)
    with _convert_errors("The OpenTimestamps proof cannot be read."):
        return DetachedTimestampFile.deserialize(BytesDeserializationContext(proof)).timestamp


def write_proof(timestamp: Any) -> bytes:
    """Serialize a timestamp of a SHA-256 digest as an ``.ots`` file; raises ``IntegrityError`` if that fails."""
    context = BytesSerializationContext()
    with _convert_errors("The OpenTimestamps proof cannot be written."):
        DetachedTimestampFile(OpSHA256(), timestamp).serialize(context)
    return bytes(context.getbytes())


def merge_response(timestamp: Any, response: Any) -> bytes:
    """Merge a calendar's response into a timestamp, and return its ``.ots`` file.

    Raises:
        IntegrityError: The response does not fit, or the result is too long.
    """
    with _convert_errors("The calendar's response does not fit into the proof."):
        for timestamp_part in list(_walk_parts(timestamp)):
            if timestamp_part.msg == response.msg:
                timestamp_part.merge(response)
    data = write_proof(timestamp)
    read_proof(data)
    return data


def read_timestamp(data: bytes, commitment: bytes) -> Any:
    """Parse a calendar's response about a commitment; raises ``IntegrityError`` if it cannot be read."""
    _ProofReader(data, 0).read_timestamp(commitment)
    with _convert_errors("The calendar's response cannot be read."):
        return Timestamp.deserialize(BytesDeserializationContext(data), commitment)


def write_timestamp(timestamp: Any) -> bytes:
    """Serialize a timestamp in the form of a calendar's response."""
    context = BytesSerializationContext()
    timestamp.serialize(context)
    return bytes(context.getbytes())


def find_pending_parts(timestamp: Any) -> Iterator[tuple[Any, str]]:
    """Yield each part of a timestamp that only a calendar attests so far, with the calendar's URL."""
    for timestamp_part in _walk_parts(timestamp):
        if not any(
            isinstance(attestation, BitcoinBlockHeaderAttestation)
            for _, attestation in timestamp_part.all_attestations()
        ):
            yield from (
                (timestamp_part, attestation.uri)
                for attestation in timestamp_part.attestations
                if isinstance(attestation, PendingAttestation)
            )


def extract_headers(material: Iterable[tuple[str, bytes]]) -> dict[int, bytes]:
    """Extract block headers by height from a receipt's material, files such as ``block-900000.header``."""
    matches = ((_HEADER_FILE_NAME.fullmatch(name), data) for name, data in material)
    return {int(match[1]): data for match, data in matches if match}


def _walk_parts(timestamp: Any) -> Iterator[Any]:
    yield timestamp
    for child in timestamp.ops.values():
        yield from _walk_parts(child)


class _ProofReader:
    """Sequential reader of a proof; raises ``IntegrityError`` if the proof is invalid."""

    def __init__(self, data: bytes, offset: int) -> None:
        self.data, self.offset, self.remaining_operations = data, offset, MAX_OPERATIONS
        self.blocks: list[tuple[int, bytes]] = []
        self.other_attestations: set[str] = set()

    def read_timestamp(self, message: bytes) -> None:
        """Read the rest of the data as a timestamp."""
        self._read_branch(message, MAX_DEPTH)
        self._require(self.offset == len(self.data))

    def read_bytes(self, count: int) -> bytes:
        """Return the next ``count`` bytes."""
        self._require(self.offset + count <= len(self.data))
        self.offset += count
        return self.data[self.offset - count : self.offset]

    def _require(self, condition: bool) -> None:  # noqa: FBT001 - asserted condition
        if not condition:
            raise IntegrityError("The OpenTimestamps proof cannot be read.")

    def _read_number(self) -> int:
        value = 0
        for index in range(MAX_NUMBER_BYTES):
            [byte] = self.read_bytes(1)
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                self._require(byte > 0 or index == 0)
                return value
        raise IntegrityError("The OpenTimestamps proof cannot be read: a number is too long.")

    def _read_bytes(self, max_length: int) -> bytes:
        length = self._read_number()
        self._require(length <= max_length)
        return self.read_bytes(length)

    def _read_branch(self, message: bytes, depth: int) -> None:
        self._require(depth > 0)
        has_more = True
        while has_more:
            [tag] = self.read_bytes(1)
            has_more = tag == _BRANCH_MARKER
            if has_more:
                [tag] = self.read_bytes(1)
            if tag == _ATTESTATION:
                self._read_attestation(message)
            else:
                self._read_branch(self._apply_operation(tag, message), depth - 1)

    def _apply_operation(self, tag: int, message: bytes) -> bytes:
        self.remaining_operations -= 1
        self._require(self.remaining_operations >= 0 and tag in {_APPEND, _PREPEND, _SHA256})
        if tag == _SHA256:
            return hashlib.sha256(message).digest()
        argument = self._read_bytes(MAX_MESSAGE)
        self._require(0 < len(argument) <= MAX_MESSAGE - len(message))
        return message + argument if tag == _APPEND else argument + message

    def _read_attestation(self, message: bytes) -> None:
        tag, payload = self.read_bytes(8), self._read_bytes(MAX_PAYLOAD)
        payload_reader = _ProofReader(payload, 0)
        if tag == BitcoinBlockHeaderAttestation.TAG:
            self.blocks.append((payload_reader._read_number(), message))
        elif tag == PendingAttestation.TAG:
            address = payload_reader._read_bytes(MAX_ADDRESS)
            self._require(_ADDRESS.fullmatch(address) is not None)
            self.other_attestations.add(address.decode())
        else:
            self.other_attestations.add(f"an attestation of the unknown type {tag.hex()}")
            return
        self._require(payload_reader.offset == len(payload))


def _check_block(commitment: bytes, data: bytes, network: Network, minimum_difficulty: float) -> datetime:
    header = parse_header(data)
    check_work(header, network, minimum_difficulty)
    if header.merkle_root != commitment:
        raise IntegrityError(f"The block {header.display_hash} does not contain the result of the proof.")
    return header.time


@contextlib.contextmanager
def _convert_errors(sentence: str) -> Iterator[None]:
    try:
        yield
    except (DeserializationError, ValueError, TypeError, AssertionError, RecursionError) as error:
        raise IntegrityError(sentence) from error
