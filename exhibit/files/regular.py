"""Opening a file by its name, whatever else may have that name."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from exhibit.errors import RefusedError


def open_regular(path: Path) -> BinaryIO:
    """Open a file to be read; a pipe of that name would let whoever opens it wait for somebody who writes.

    Raises ``RefusedError`` where there is no regular file, and ``OSError``.
    """
    refused = RefusedError("It isn't a file.", reason="not-a-file")
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise refused from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise refused
    return os.fdopen(handle, "rb")
