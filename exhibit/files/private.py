"""What Exhibit writes is for its user alone, and for nobody else on the machine."""

import contextlib
import os
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def keep_private() -> None:
    """Close to others all files and folders that this process and its children make; entry points begin with it."""
    os.umask(_OTHERS)


def closed(data_dir: Path) -> int:
    """Close files and folders of the data folder that others may read, such as settings that an editor saved.

    Returns how many they were. What lies behind a closed door isn't looked for. The folder itself may let the group of
    its servers pass.
    """
    mended, waiting = 0, [data_dir]
    while waiting:
        path = waiting.pop()
        with contextlib.suppress(FileNotFoundError, PermissionError):
            mode = path.lstat().st_mode
            is_open = mode & (_OTHERS & ~stat.S_IXGRP if path == data_dir else _OTHERS)
            if stat.S_ISDIR(mode) and (is_open or path == data_dir):
                waiting += path.iterdir()
            if is_open and (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
                mended += 1
    return mended
