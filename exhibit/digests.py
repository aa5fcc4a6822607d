"""SHA-256 digests (FIPS 180-4). They identify all stored bytes of the installation."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A SHA-256 digest: 32 raw bytes."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 32:
            raise ValueError(f"a SHA-256 digest has 32 bytes, not {len(self.raw)}")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the digest of these bytes."""
        return cls(hashlib.sha256(data).digest())

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Return the digest of a file, read in chunks of 1 MiB."""
        with path.open("rb") as file:
            return cls.from_stream(file)

    @classmethod
    def from_stream(cls, stream: BinaryIO) -> Self:
        """Return the digest of the rest of a stream, read in chunks of 1 MiB."""
        digest = hashlib.sha256()
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
        return cls(digest.digest())

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """Parse 64 hexadecimal digits. Raises ``ValueError`` for anything else."""
        return cls(bytes.fromhex(text))

    @property
    def hex(self) -> str:
        """The digest as 64 lower-case hexadecimal digits."""
        return self.raw.hex()

    def __str__(self) -> str:
        return self.raw.hex()
