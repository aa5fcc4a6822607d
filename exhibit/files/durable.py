"""Writing files so that they are on the disk, whole or not at all, when the call returns."""

import os
import secrets
from pathlib import Path
from typing import IO, Any


def settle(file: IO[Any]) -> None:
    """Wait until what was written to a file is on the disk."""
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
    """Write a file for this user alone unless it is there, so that all who come together agree; whether it is ours."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            settle(file)
        path.hardlink_to(draft)  # whole or not at all, and only the first one stays
        settle_path(path.parent)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True
