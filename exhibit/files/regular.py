"""Safe opening of regular files, for paths that may refer to something else."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from exhibit.errors import RefusedError


def open_regular_file(path: Path) -> BinaryIO:
    """Open a regular file for reading, without blocking: opening a named pipe would wait for a writer.

    Raises ``RefusedError`` if the path is not a regular file, and ``OSError``.
    """
    refusal = RefusedError("The file does not exist, or is not a regular file.", reason="not-a-file")
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise refusal from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise refusal
    return os.fdopen(handle, "rb")
