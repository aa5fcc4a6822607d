"""A chain of blocks that anybody can make in no time (regtest's rules), kept in a file."""

import os
import threading
import time
from pathlib import Path

from evidence.anchors.opentimestamps.headers import HEADER_BYTES, BlockHeader, build_header, parse_header
from exhibit.errors import ConfigError, IntegrityError

BITS = 0x207FFFFF


class Blocks:
    """Headers, each on top of the one before, from a first block that is made with the file.

    Args:
        path: 80 bytes a block; made when absent.

    Raises:
        ConfigError: the file doesn't hold such a chain.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._headers = _read(path)
        except IntegrityError as error:
            hint = "Remove the folder to start a new chain."
            raise ConfigError(f"The development chain in {path} can't be read.", hint=hint) from error
        if not self._headers:
            self.mine(bytes(32))

    @property
    def tip(self) -> int:
        """The height of the newest block, from 0."""
        return len(self._headers) - 1

    def header(self, height: int) -> bytes | None:
        """The 80 bytes at a height, or ``None``."""
        return self._headers[height] if 0 <= height < len(self._headers) else None

    def by_hash(self, text: str) -> bytes | None:
        """The 80 bytes of the block whose hash reads so, or ``None``."""
        return next((header for header in self._headers if parse_header(header).text == text), None)

    def mine(self, merkle_root: bytes) -> int:
        """Make the next block over a Merkle root of 32 bytes; returns its height."""
        with self._lock:
            above = parse_header(self._headers[-1]) if self._headers else None
            header = _mined(above, merkle_root)
            with self._path.open("ab") as file:
                file.write(header)
                file.flush()
                os.fsync(file.fileno())
            self._headers.append(header)
            return self.tip


def _mined(above: BlockHeader | None, merkle_root: bytes) -> bytes:
    earliest = 0 if above is None else int(above.time.timestamp()) + 1
    moment = max(int(time.time()), earliest)
    nonce = 0
    while True:
        header = build_header(bytes(32) if above is None else above.hash, merkle_root, moment, BITS, nonce)
        parsed = parse_header(header)
        if int.from_bytes(parsed.hash, "little") <= parsed.target:
            return header
        nonce += 1


def _read(path: Path) -> list[bytes]:
    """The headers of a file; what a broken write has left at its end is cut off."""
    data = path.read_bytes() if path.exists() else b""
    whole = len(data) - len(data) % HEADER_BYTES
    if whole != len(data):
        os.truncate(path, whole)
    headers = [data[start : start + HEADER_BYTES] for start in range(0, whole, HEADER_BYTES)]
    previous = bytes(32)
    for header in headers:
        parsed = parse_header(header)
        if parsed.previous != previous:
            raise IntegrityError("a block doesn't follow the one before")
        previous = parsed.hash
    return headers
