"""Permissions that keep Exhibit's files private to its user account."""

import contextlib
import os
import stat
from pathlib import Path

_GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def keep_private() -> None:
    """Set the umask so that this process and its children create private files only. Entry points call this first."""
    os.umask(_GROUP_AND_OTHERS)


def closed(data_dir: Path) -> int:
    """Remove other users' permissions on files and folders of the data folder, such as settings saved by an editor.

    Contents of folders that are already private are not checked. The data folder itself may allow access to the group
    of its servers.

    Returns:
        Number of files and folders that were changed.
    """
    mended, pending = 0, [data_dir]
    while pending:
        path = pending.pop()
        with contextlib.suppress(FileNotFoundError, PermissionError):
            mode = path.lstat().st_mode
            is_open = mode & (_GROUP_AND_OTHERS & ~stat.S_IXGRP if path == data_dir else _GROUP_AND_OTHERS)
            if stat.S_ISDIR(mode) and (is_open or path == data_dir):
                pending += path.iterdir()
            if is_open and (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                path.chmod(stat.S_IMODE(mode) & ~_GROUP_AND_OTHERS)
                mended += 1
    return mended
