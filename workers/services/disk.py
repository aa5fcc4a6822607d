"""Whether there is room on the disk: at the floor that is configured, what may wait waits."""

import shutil

from exhibit.sentences import Sentence
from workers.services.wiring import Services

NEARLY_FULL = Sentence("The disk is nearly full. It goes on when there is room.")


def disk_is_full(services: Services, *, share: float = 1.0) -> bool:
    """Whether less room is left than the configured floor, or than a share of it.

    At the floor crawls stop, and works and packages wait; at the half of it visits for evidence wait, too.
    """
    folder = services.config.data_dir
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free < services.config.disk_floor_bytes * share
