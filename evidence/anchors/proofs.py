"""OpenTimestamps proofs, read and checked offline against block headers."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpSHA256
from opentimestamps.core.serialize import (
    BytesDeserializationContext,
    BytesSerializationContext,
    DeserializationError,
)
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp

from evidence.anchors.headers import MINIMUM_DIFFICULTY, Network, check_work, parse_header
from evidence.errors import PendingProofError
from exhibit.digests import Digest
from exhibit.errors import IntegrityError

MAX_PROOF = 1 << 18
NUMBER_BYTES = 7
"""That a number may take in a proof: 49 bits, far more than any height or length needs."""

UNREADABLE = (
    DeserializationError,
    ValueError,
    TypeError,
    AssertionError,
    RecursionError,
    PendingDeprecationWarning,  # the library's, about an operation that no calendar uses, where warnings are errors
)


def verify_proof(
    proof: bytes,
    digest: Digest,
    headers: Mapping[int, bytes],
    network: Network,
    minimum_difficulty: float = MINIMUM_DIFFICULTY,
) -> tuple[int, datetime]:
    """Check a proof to the last step: digest, operations, Merkle root of a block, and the work behind the block.

    Args:
        proof: an ``.ots`` file.
        digest: what has to be stamped.
        headers: block headers of 80 bytes by height.
        network: whose blocks count.
        minimum_difficulty: what a block of ``main`` needs.

    Returns:
        The height and the time of the earliest block that attests the digest; what else a calendar may have named
        wrongly does no harm.

    Raises:
        PendingProofError: no block attests it yet, or the header of none of those that do is given.
        UnknownWitnessError: no block is of the main chain, by the work behind it.
        IntegrityError: the proof is broken, or about another digest, or no header fits.
    """
    stamp = read_proof(proof)
    if stamp.msg != digest.raw:
        raise IntegrityError(f"The proof is about another digest: {stamp.msg.hex()}.")
    attested = block_attestations(stamp)
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
    raise PendingProofError(f"The header of Bitcoin block {heights} isn't at hand.")


def read_proof(proof: bytes) -> Any:  # noqa: ANN401 - the library has no types
    """The library's ``Timestamp`` of a SHA-256 digest; raises ``IntegrityError`` when the file holds none."""
    if len(proof) > MAX_PROOF:
        raise IntegrityError("The OpenTimestamps proof is too long.")
    with _readable("The OpenTimestamps proof can't be read."):
        file = DetachedTimestampFile.deserialize(_Context(proof))
        _check_heights(file.timestamp)
    if not isinstance(file.file_hash_op, OpSHA256):
        raise IntegrityError("The OpenTimestamps proof isn't about a SHA-256 digest.")
    return file.timestamp


def write_proof(stamp: Any) -> bytes:  # noqa: ANN401 - the library has no types
    """The ``.ots`` file of a timestamp of a SHA-256 digest; raises ``IntegrityError``."""
    context = BytesSerializationContext()
    with _readable("The OpenTimestamps proof can't be written."):
        DetachedTimestampFile(OpSHA256(), stamp).serialize(context)
    written: bytes = context.getbytes()
    return written


def merged(stamp: Any, answer: Any) -> bytes:  # noqa: ANN401 - the library has no types
    """The ``.ots`` file of a timestamp, grown by what a calendar answered about one of its parts.

    Raises:
        IntegrityError: together they would be too long or too deep to be read again.
    """
    with _readable("The calendar's answer doesn't fit into the proof."):
        for part in list(_parts(stamp)):
            if part.msg == answer.msg:
                part.merge(answer)
    grown = write_proof(stamp)
    read_proof(grown)
    return grown


def read_stamp(data: bytes, commitment: bytes) -> Any:  # noqa: ANN401 - the library has no types
    """A calendar's answer about a commitment; raises ``IntegrityError`` when it can't be read."""
    with _readable("The calendar's answer can't be read."):
        context = _Context(data)
        stamp = Timestamp.deserialize(context, commitment)
        context.assert_eof()
        _check_heights(stamp)
    return stamp


def write_stamp(stamp: Any) -> bytes:  # noqa: ANN401 - the library has no types
    """A calendar's answer."""
    context = BytesSerializationContext()
    stamp.serialize(context)
    written: bytes = context.getbytes()
    return written


def block_attestations(stamp: Any) -> list[tuple[int, bytes]]:  # noqa: ANN401 - the library has no types
    """Height and Merkle root of each Bitcoin block that a timestamp names, lowest first."""
    return sorted(
        (attestation.height, commitment)
        for commitment, attestation in stamp.all_attestations()
        if isinstance(attestation, BitcoinBlockHeaderAttestation)
    )


def further_attestations(proof: bytes) -> tuple[str, ...]:
    """What a proof names besides blocks, in words: calendars that it waits for, and what isn't known here."""
    found = set()
    for _, attestation in read_proof(proof).all_attestations():
        if isinstance(attestation, PendingAttestation):
            found.add(attestation.uri)
        elif not isinstance(attestation, BitcoinBlockHeaderAttestation):
            found.add(f"something of the kind {attestation.TAG.hex()}")
    return tuple(sorted(found))


def pending_stamps(stamp: Any) -> Iterator[tuple[Any, str]]:  # noqa: ANN401 - the library has no types
    """Each part of a timestamp that waits for a calendar, with the calendar's URL."""
    for part in _parts(stamp):
        for attestation in part.attestations:
            if isinstance(attestation, PendingAttestation):
                yield part, attestation.uri


def headers_in(material: Iterable[tuple[str, bytes]]) -> dict[int, bytes]:
    """The block headers among a receipt's material, files such as ``block-900000.header``, by height."""
    found = {}
    for name, data in material:
        height = name.removeprefix("block-").removesuffix(".header")
        if name == f"block-{height}.header" and height.isdecimal() and len(height) < 10:
            found[int(height)] = data
    return found


def _parts(stamp: Any) -> Iterator[Any]:  # noqa: ANN401 - the library has no types
    yield stamp
    for below in stamp.ops.values():
        yield from _parts(below)


class _Context(BytesDeserializationContext):
    """The library's reader, which would read a number of any length, for seconds."""

    def read_varuint(self) -> int:
        value = 0
        for place in range(NUMBER_BYTES):
            byte: int = self.fd_read(1)[0]
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return value
        raise DeserializationError("a number is too long")


def _check_heights(stamp: Any) -> None:  # noqa: ANN401 - the library has no types
    """Attestations are read without :class:`_Context`."""
    if any(height >> 7 * NUMBER_BYTES for height, _ in block_attestations(stamp)):
        raise DeserializationError("a height is too large")


def _check_block(commitment: bytes, data: bytes, network: Network, minimum_difficulty: float) -> datetime:
    header = parse_header(data)
    check_work(header, network, minimum_difficulty)
    if header.merkle_root != commitment:
        raise IntegrityError(f"The block {header.text} doesn't hold what the proof leads to.")
    return header.time


@contextlib.contextmanager
def _readable(sentence: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise IntegrityError(sentence) from error
