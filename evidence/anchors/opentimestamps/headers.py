"""Bitcoin block headers and their proof of work, without a node and without a network."""

import hashlib
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from evidence.formats.errors import UnknownWitnessError
from exhibit.errors import IntegrityError

Network = Literal["main", "regtest"]

HEADER_BYTES = 80
MINIMUM_DIFFICULTY = 5e13
"""What a block of the main chain needs to count: 2·10²³ hashes, as all of its blocks have taken since 2024."""

_LAYOUT = struct.Struct("<I32s32sIII")
_DIFFICULTY_ONE = 0xFFFF << 208


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """The 80 bytes at the head of a block; hashes are 32 bytes as hashed (the usual text form has them reversed)."""

    previous: bytes  # hash of the block before
    merkle_root: bytes  # over the block's transactions
    time: datetime  # when the miner says it was made, aware, UTC; true within some two hours
    bits: int  # the target in its compact form
    hash: bytes  # the block's own

    @property
    def target(self) -> int:
        """The number that the hash must not exceed; 0 when the compact form is invalid."""
        exponent, mantissa = self.bits >> 24, self.bits & 0xFFFFFF
        if mantissa > 0x7FFFFF or exponent > 32:
            return 0
        return mantissa << 8 * (exponent - 3) if exponent >= 3 else mantissa >> 8 * (3 - exponent)

    @property
    def text(self) -> str:
        """The hash as block explorers write it."""
        return self.hash[::-1].hex()


def parse_header(data: bytes) -> BlockHeader:
    """Read a header; raises ``IntegrityError`` when it doesn't have 80 bytes."""
    if len(data) != HEADER_BYTES:
        raise IntegrityError(f"A block header has {HEADER_BYTES} bytes, not {len(data)}.")
    _, previous, merkle_root, time, bits, _ = _LAYOUT.unpack(data)
    digest = hashlib.sha256(hashlib.sha256(data).digest()).digest()
    return BlockHeader(previous, merkle_root, datetime.fromtimestamp(time, UTC), bits, digest)


def build_header(previous: bytes, merkle_root: bytes, time: int, bits: int, nonce: int) -> bytes:
    """The 80 bytes of a header of block version 4."""
    return _LAYOUT.pack(4, previous, merkle_root, time, bits, nonce)


def check_work(header: BlockHeader, network: Network, minimum_difficulty: float = MINIMUM_DIFFICULTY) -> None:
    """Check the work behind a header; ``regtest`` asks for no difficulty: such blocks are made at will.

    That the block is part of the main chain isn't shown by this: it shows what a forger would have had to pay. Whoever
    has the chain compares :attr:`BlockHeader.text`. Raises ``IntegrityError`` when the hash misses the header's own
    target, and ``UnknownWitnessError`` when that is too easy for the main chain.
    """
    if not 0 < int.from_bytes(header.hash, "little") <= header.target:
        raise IntegrityError("The block header has no proof of work: it was changed, or made up.")
    if network == "main" and header.target * minimum_difficulty > _DIFFICULTY_ONE:
        raise UnknownWitnessError(f"The block {header.text} is too easy to be one of the Bitcoin main chain.")
