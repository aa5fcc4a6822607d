"""Whether there is room on the disk: at the floor that is configured, what may wait waits."""

import shutil

from exhibit.config.config import Config
from exhibit.sentences import Sentence
from workers.services.stores import folder_of
from workers.services.wiring import Services

NEARLY_FULL = Sentence("The disk is nearly full. It goes on when there is room.")


def disk_is_full(services: Services, *, share: float = 1.0) -> bool:
    """Whether less room is left than the configured floor, or than a share of it.

    At the floor crawls stop, and works and packages wait; at the half of it visits for evidence wait, too.
    """
    return free_bytes(services.config) < services.config.disk_floor_bytes * share


def free_bytes(config: Config) -> int:
    """How much room is left where it is shortest: in the data folder, or in a folder elsewhere where the bytes lie."""
    folders = filter(None, (config.data_dir, folder_of(config.blobs_url)))
    there = (next(path for path in (folder, *folder.parents) if path.exists()) for folder in folders)
    return min(shutil.disk_usage(path).free for path in there)
