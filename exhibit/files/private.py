"""Permissions that keep Exhibit's files private to its user account."""

import contextlib
import os
import stat
from pathlib import Path

_GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def set_private_umask() -> None:
    """Set the umask so that this process and its children create only private files. Entry points call this first."""
    os.umask(_GROUP_AND_OTHERS)


def restrict_permissions(data_dir: Path) -> int:
    """Remove the permissions of other users on files in the data folder, such as settings saved by an editor.

    Contents of folders that are already private are not checked. The group of the embedded servers may access the data
    folder itself.

    Returns:
        Number of files and folders that were changed.
    """
    changed_count, remaining_paths = 0, [data_dir]
    while remaining_paths:
        path = remaining_paths.pop()
        with contextlib.suppress(FileNotFoundError, PermissionError):
            mode = path.lstat().st_mode
            is_accessible = mode & (_GROUP_AND_OTHERS & ~stat.S_IXGRP if path == data_dir else _GROUP_AND_OTHERS)
            if stat.S_ISDIR(mode) and (is_accessible or path == data_dir):
                remaining_paths += path.iterdir()
            if is_accessible and (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                path.chmod(stat.S_IMODE(mode) & ~_GROUP_AND_OTHERS)
                changed_count += 1
    return changed_count
