"""Whether there is room on the disk: at the floor that is configured, what may wait waits."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exhibit.config.config import Config
from exhibit.machine import files_floor, files_left
from exhibit.sentences import Sentence
from registry.services.services import Services
from registry.services.stores import folder_of

NEARLY_FULL = Sentence("The disk is nearly full. It goes on when there is room.")


@dataclass(frozen=True, slots=True)
class Room:
    """Room where it is shortest: bytes that are free, in all, and at which crawling stops; the same of files."""

    free: int
    total: int
    floor: int
    files: int | None  # that can still be made (inodes); None where the file system knows no limit
    files_floor: int

    def missing(self, share: float) -> tuple[float, float]:
        """How many bytes and files are missing to so many times the floor; nothing is missing at 0 and below."""
        files = 0.0 if self.files is None else self.files_floor * share - self.files
        return self.floor * share - self.free, files


def disk_is_full(services: Services, *, share: float = 1.0) -> bool:
    """Whether less room is left than the floor, in bytes or in files, or than a share of it.

    At the floor crawls stop, and works and packages wait; at the half of it visits for evidence wait, too.
    """
    return max(room_of(services.config).missing(share)) > 0


def room_of(config: Config) -> Room:
    """How much room is left where it is shortest: in the data folder, or in a folder elsewhere where the bytes lie."""
    free, total = min((usage.free, usage.total) for usage in map(shutil.disk_usage, _folders(config)))
    counted = [(left, files_floor(path)) for path in _folders(config) if (left := files_left(path)) is not None]
    files, floor = min(counted, key=lambda one: one[0] - one[1], default=(None, 0))
    return Room(free, total, config.disk_floor_bytes, files, floor)


def free_bytes(config: Config) -> int:
    """How many bytes are left where room is shortest."""
    return room_of(config).free


def _folders(config: Config) -> Iterator[Path]:
    """Where the data folder and the bytes lie, or will."""
    for folder in filter(None, (config.data_dir, folder_of(config.blobs_url))):
        yield next(path for path in (folder, *folder.parents) if path.exists())
