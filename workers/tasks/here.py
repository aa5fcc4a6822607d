"""What each machine does for itself about once an hour, whichever of its processes asks first."""

import subprocess
import time
from contextlib import suppress

from exhibit.config.config import Config
from workers.pipeline.celery import UPKEEP_SECONDS
from workers.servers.processes import open_log
from workers.servers.product import start_detached

SECONDS = 1.25 * UPKEEP_SECONDS
"""The hourly upkeep sweeps the machine that it comes to, which then needs no process for it."""
MARK = "swept"
"""The file of the data folder whose time tells when this machine was swept."""


def mark(config: Config) -> None:
    """Note that this machine is being swept."""
    (config.data_dir / MARK).touch()


def sweep_when_due(config: Config) -> "subprocess.Popen[bytes] | None":
    """Have this machine swept in a process of its own, where the upkeep didn't come; a new machine has nothing yet."""
    with suppress(OSError):  # a disk that takes nothing: the next one who asks tries again
        path = config.data_dir / MARK
        if not path.exists():
            mark(config)
        elif time.time() - path.stat().st_mtime >= SECONDS:
            mark(config)
            with open_log(config.data_dir / "log", "sweep") as log:
                return start_detached(config, "workers.sweep", log)
    return None
