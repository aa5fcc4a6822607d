"""A separate disk for a folder, small enough to be filled, where this process may mount one."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = "700m"


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a small disk during the block. Without permission to mount, the folder stays on its own disk."""
    folder.mkdir(mode=0o755)
    is_mounted = os.geteuid() == 0 and not _run(
        "mount", "-t", "tmpfs", "-o", f"mode=755,size={SIZE}", "none", str(folder)
    )
    try:
        yield
    finally:
        if is_mounted:
            _run("umount", "--lazy", str(folder))


def _run(*command: str) -> int:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode
    except FileNotFoundError:
        return 1
