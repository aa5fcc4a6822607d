"""The folder that receives exact bytes, each file named by the SHA-256 of its content."""

import os
from pathlib import Path

from exhibit.digests import Digest
from exhibit.errors import ServiceMissingError


class Spool:
    """Writes files that are whole or not there, whatever happens to the process, into a folder that is made.

    Names that end in ``.part`` are remains of a process that was killed, and can be removed. A file is written again
    when it has been taken away since. Raises ``ServiceMissingError`` when the folder can't be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._part = folder / f"{os.getpid()}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._part.write_bytes(b"")
            self._part.unlink()
        except OSError as error:
            raise _unwritable(folder, error) from error

    def put(self, data: bytes) -> Digest:
        """Keep bytes; a second time changes nothing. Raises ``ServiceMissingError`` when the disk is full or gone."""
        digest = Digest.of(data)
        path = self._folder / digest.hex
        if path.exists():
            return digest
        try:
            self._part.write_bytes(data)
            self._part.replace(path)
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        return digest

    def get(self, digest: Digest) -> bytes | None:
        """Bytes that were kept; ``None`` when they have been taken away since."""
        try:
            return (self._folder / digest.hex).read_bytes()
        except OSError:
            return None


def _unwritable(folder: Path, error: OSError) -> ServiceMissingError:
    hint = "Make room, or name another."
    return ServiceMissingError(f"The folder {folder} can't be written: {error.strerror}.", hint=hint)
