"""Durable file writes. When a call returns, the data is complete and on the disk; otherwise nothing is changed."""

import os
import secrets
from pathlib import Path
from typing import IO, Any


def sync_file(file: IO[Any]) -> None:
    """Wait until the data written to a file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_path(path: Path) -> None:
    """Wait until a file, or the directory entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_once(path: Path, data: bytes) -> bool:
    """Write a private file unless it exists. All concurrent writers then find the same content.

    Returns:
        True if this call has created the file.
    """
    temporary_path = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            sync_file(file)
        path.hardlink_to(temporary_path)  # atomic, and only the first writer succeeds
        sync_path(path.parent)
    except FileExistsError:
        return False
    finally:
        temporary_path.unlink()
    return True
