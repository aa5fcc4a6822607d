"""Durable file writes: complete and on the disk when the call returns, or not done at all."""

import os
import secrets
from pathlib import Path
from typing import IO, Any


def settle(file: IO[Any]) -> None:
    """Wait until the data written to a file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def settle_path(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_once(path: Path, data: bytes) -> bool:
    """Write a private file unless it exists, so that concurrent writers agree on its content.

    Returns:
        True if this call has created the file.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            settle(file)
        path.hardlink_to(draft)  # atomic, and only the first writer succeeds
        settle_path(path.parent)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True
