"""Offline verification of OpenTimestamps proofs and Bitcoin block headers with their work, without a node."""

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

MAX_PROOF = 1 << 18
NUMBER_BYTES = 7  # maximum length of a number in a proof: 49 bits, far more than any height or length needs
MAX_DEPTH, MAX_OPERATIONS, MAX_MESSAGE, MAX_PAYLOAD, MAX_ADDRESS = 256, 4096, 4096, 8192, 1000

_START = DetachedTimestampFile.HEADER_MAGIC + b"\x01\x08"
_APPEND, _PREPEND, _SHA256, _ATTESTATION, _MORE = 0xF0, 0xF1, 0x08, 0x00, 0xFF
_ADDRESS = re.compile(rb"[A-Za-z0-9._/:-]*")
_LAYOUT = struct.Struct("<I32s32sIII")
_DIFFICULTY_ONE = 0xFFFF << 208
_HEADER = re.compile(r"block-(0|[1-9][0-9]{0,8})\.header")


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """The 80-byte header of a block; hashes are 32 bytes as hashed (the usual text form is reversed)."""

    previous: bytes  # hash of the previous block
    merkle_root: bytes  # over the block's transactions
    time: datetime  # time stated by the miner, aware, UTC; accurate to about two hours
    bits: int  # the target in its compact form
    hash: bytes  # the block's own

    @property
    def target(self) -> int:
        """The number that the hash must not exceed; 0 if the compact form is invalid."""
        exponent, mantissa = self.bits >> 24, self.bits & 0xFFFFFF
        if mantissa > 0x7FFFFF or exponent > 32:
            return 0
        return mantissa << 8 * (exponent - 3) if exponent >= 3 else mantissa >> 8 * (3 - exponent)

    @property
    def text(self) -> str:
        """The hash as block explorers write it."""
        return self.hash[::-1].hex()


def parse_header(data: bytes) -> BlockHeader:
    """Parse a header; raises ``IntegrityError`` unless it has 80 bytes."""
    if len(data) != HEADER_BYTES:
        raise IntegrityError(f"A block header has {HEADER_BYTES} bytes, not {len(data)}.")
    _, previous, merkle_root, time, bits, _ = _LAYOUT.unpack(data)
    digest = hashlib.sha256(hashlib.sha256(data).digest()).digest()
    return BlockHeader(previous, merkle_root, datetime.fromtimestamp(time, UTC), bits, digest)


def build_header(previous: bytes, merkle_root: bytes, time: int, bits: int, nonce: int) -> bytes:
    """Return the 80-byte header of a block of version 4."""
    return _LAYOUT.pack(4, previous, merkle_root, time, bits, nonce)


def check_work(header: BlockHeader, network: Network, minimum_difficulty: float = MINIMUM_DIFFICULTY) -> None:
    """Check the work behind a header; ``regtest`` requires no difficulty, because such blocks are made at will.

    This does not show that the block is part of the main chain, only what a forgery would have cost. To check that,
    compare :attr:`BlockHeader.text` with the chain.

    Raises:
        IntegrityError: The hash misses the header's own target.
        UnknownWitnessError: The target is too easy for the main chain.
    """
    if not 0 < int.from_bytes(header.hash, "little") <= header.target:
        raise IntegrityError("The block header has no valid proof of work: it was changed or invented.")
    if network == "main" and header.target * minimum_difficulty > _DIFFICULTY_ONE:
        raise UntrustedIssuerError(f"The block {header.text} has too little work for the Bitcoin main chain.")


@dataclass(frozen=True, slots=True)
class Attestations:
    """Digest and attestations of a proof."""

    digest: bytes  # the timestamped digest
    blocks: tuple[tuple[int, bytes], ...]  # height and Merkle root of each Bitcoin block that it names, lowest first
    other_attestations: tuple[str, ...]  # other attestations in words: pending calendars, and unknown kinds


def verify_proof(
    proof: bytes,
    digest: Digest,
    headers: Mapping[int, bytes],
    network: Network,
    minimum_difficulty: float = MINIMUM_DIFFICULTY,
) -> tuple[int, datetime]:
    """Verify a proof completely: digest, operations, Merkle root of a block, and the work behind the block.

    Wrong attestations by other calendars in the proof do no harm.

    Returns:
        Height and time of the earliest block that attests the digest, by the given headers.

    Raises:
        PendingProofError: No block attests the digest yet, or no header of such a block is given.
        UnknownWitnessError: No block has enough work for the main chain.
        IntegrityError: The proof is invalid.
    """
    attestations = parse_attestations(proof)
    if attestations.digest != digest.raw:
        raise IntegrityError(f"The proof is for a different digest: {attestations.digest.hex()}.")
    attested = attestations.blocks
    if not attested:
        raise PendingProofError("The proof is still pending: no Bitcoin block attests it yet.")
    failure: IntegrityError | None = None
    for height, commitment in attested:
        if height in headers:
            try:
                return height, _check_block(commitment, headers[height], network, minimum_difficulty)
            except IntegrityError as error:
                failure = failure or error
    if failure is not None:
        raise failure
    heights = ", ".join(str(height) for height, _ in attested)
    raise PendingProofError(f"The header of Bitcoin block {heights} is not available.")


def parse_attestations(proof: bytes) -> Attestations:
    """Read a proof in the form defined by docs/reference/trust-list.md; raises ``IntegrityError``."""
    if len(proof) > MAX_PROOF:
        raise IntegrityError("The OpenTimestamps proof is too long.")
    if not proof.startswith(_START):
        raise IntegrityError("The OpenTimestamps proof cannot be read, or is not for a SHA-256 digest.")
    reader = _Reader(proof, len(_START))
    digest = reader.take(32)
    reader.read_timestamp(digest)
    return Attestations(digest, tuple(sorted(reader.blocks)), tuple(sorted(reader.other_attestations)))


def read_proof(proof: bytes) -> Any:
    """Return the library's ``Timestamp`` of a SHA-256 digest; raises ``IntegrityError`` if the file has none."""
    parse_attestations(proof)
    with _convert_errors("The OpenTimestamps proof cannot be read."):
        return DetachedTimestampFile.deserialize(BytesDeserializationContext(proof)).timestamp


def write_proof(stamp: Any) -> bytes:
    """Return the ``.ots`` file of a timestamp of a SHA-256 digest; raises ``IntegrityError``."""
    context = BytesSerializationContext()
    with _convert_errors("The OpenTimestamps proof cannot be written."):
        DetachedTimestampFile(OpSHA256(), stamp).serialize(context)
    return bytes(context.getbytes())


def merge_response(stamp: Any, response: Any) -> bytes:
    """Return the ``.ots`` file of a timestamp merged with a calendar's response.

    Raises:
        IntegrityError: The response does not fit, or the result is too long.
    """
    with _convert_errors("The calendar's answer does not fit into the proof."):
        for part in list(_walk_parts(stamp)):
            if part.msg == response.msg:
                part.merge(response)
    data = write_proof(stamp)
    read_proof(data)
    return data


def read_timestamp(data: bytes, commitment: bytes) -> Any:
    """Parse a calendar's response about a commitment; raises ``IntegrityError`` if it cannot be read."""
    _Reader(data, 0).read_timestamp(commitment)
    with _convert_errors("The calendar's answer cannot be read."):
        return Timestamp.deserialize(BytesDeserializationContext(data), commitment)


def write_timestamp(stamp: Any) -> bytes:
    """Serialize a calendar's response."""
    context = BytesSerializationContext()
    stamp.serialize(context)
    return bytes(context.getbytes())


def find_pending_parts(stamp: Any) -> Iterator[tuple[Any, str]]:
    """Yield each part of a timestamp that no block attests but a calendar may, with the calendar's URL."""
    for part in _walk_parts(stamp):
        if not any(
            isinstance(attestation, BitcoinBlockHeaderAttestation) for _, attestation in part.all_attestations()
        ):
            yield from (
                (part, attestation.uri)
                for attestation in part.attestations
                if isinstance(attestation, PendingAttestation)
            )


def extract_headers(material: Iterable[tuple[str, bytes]]) -> dict[int, bytes]:
    """Return the block headers in a receipt's material, in files such as ``block-900000.header``, by height."""
    matches = ((_HEADER.fullmatch(name), data) for name, data in material)
    return {int(match[1]): data for match, data in matches if match}


def _walk_parts(stamp: Any) -> Iterator[Any]:
    yield stamp
    for child in stamp.ops.values():
        yield from _walk_parts(child)


class _Reader:
    """Reads a proof sequentially; raises ``IntegrityError``."""

    def __init__(self, data: bytes, offset: int) -> None:
        self.data, self.offset, self.remaining_operations = data, offset, MAX_OPERATIONS
        self.blocks: list[tuple[int, bytes]] = []
        self.other_attestations: set[str] = set()

    def read_timestamp(self, message: bytes) -> None:
        """Read the rest of the data as a timestamp."""
        self._branch(message, MAX_DEPTH)
        self._check(self.offset == len(self.data))

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes."""
        self._check(self.offset + count <= len(self.data))
        self.offset += count
        return self.data[self.offset - count : self.offset]

    def _check(self, condition: bool) -> None:  # noqa: FBT001 - what has to be true
        if not condition:
            raise IntegrityError("The OpenTimestamps proof cannot be read.")

    def _number(self) -> int:
        value = 0
        for place in range(NUMBER_BYTES):
            [byte] = self.take(1)
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                self._check(byte > 0 or place == 0)
                return value
        raise IntegrityError("The OpenTimestamps proof cannot be read: a number is too long.")

    def _text(self, max_length: int) -> bytes:
        length = self._number()
        self._check(length <= max_length)
        return self.take(length)

    def _branch(self, message: bytes, depth: int) -> None:
        self._check(depth > 0)
        has_more = True
        while has_more:
            [tag] = self.take(1)
            has_more = tag == _MORE
            if has_more:
                [tag] = self.take(1)
            if tag == _ATTESTATION:
                self._attestation(message)
            else:
                self._branch(self._apply(tag, message), depth - 1)

    def _apply(self, tag: int, message: bytes) -> bytes:
        self.remaining_operations -= 1
        self._check(self.remaining_operations >= 0 and tag in {_APPEND, _PREPEND, _SHA256})
        if tag == _SHA256:
            return hashlib.sha256(message).digest()
        argument = self._text(MAX_MESSAGE)
        self._check(0 < len(argument) <= MAX_MESSAGE - len(message))
        return message + argument if tag == _APPEND else argument + message

    def _attestation(self, message: bytes) -> None:
        kind, payload = self.take(8), self._text(MAX_PAYLOAD)
        inner = _Reader(payload, 0)
        if kind == BitcoinBlockHeaderAttestation.TAG:
            self.blocks.append((inner._number(), message))
        elif kind == PendingAttestation.TAG:
            address = inner._text(MAX_ADDRESS)
            self._check(_ADDRESS.fullmatch(address) is not None)
            self.other_attestations.add(address.decode())
        else:
            self.other_attestations.add(f"something of the kind {kind.hex()}")
            return
        self._check(inner.offset == len(payload))


def _check_block(commitment: bytes, data: bytes, network: Network, minimum_difficulty: float) -> datetime:
    header = parse_header(data)
    check_work(header, network, minimum_difficulty)
    if header.merkle_root != commitment:
        raise IntegrityError(f"The block {header.text} does not contain the result of the proof.")
    return header.time


@contextlib.contextmanager
def _convert_errors(sentence: str) -> Iterator[None]:
    try:
        yield
    except (DeserializationError, ValueError, TypeError, AssertionError, RecursionError) as error:
        raise IntegrityError(sentence) from error
