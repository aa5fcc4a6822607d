"""Free disk space: below the configured floor, deferrable work waits."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exhibit.config.config import Config
from exhibit.machine import files_floor, files_left
from exhibit.sentences import Sentence
from registry.services.services import Services
from registry.services.stores import folder_of

NEARLY_FULL = Sentence("The disk is almost full. Work continues when there is enough space.")


@dataclass(frozen=True, slots=True)
class FreeSpace:
    """Free space where it is shortest.

    ``free``, ``total`` and ``floor`` are in bytes; crawls stop at the floor. The other two count files likewise.
    """

    free: int
    total: int
    floor: int
    files: int | None  # number of files that can still be created (inodes); None if the file system has no limit
    files_floor: int

    def missing(self, share: float) -> tuple[float, float]:
        """Return the bytes and files that are missing up to ``share`` times the floor; not positive if none are."""
        files = 0.0 if self.files is None else self.files_floor * share - self.files
        return self.floor * share - self.free, files


def disk_is_full(services: Services, *, share: float = 1.0) -> bool:
    """Return True if less space is left than ``share`` times the floor, in bytes or in files.

    At the floor crawls stop, and works and packages wait; at half of it visits for evidence wait, too.
    """
    return max(get_free_space(services.config).missing(share)) > 0


def get_free_space(config: Config) -> FreeSpace:
    """Return the free space where it is shortest: in the data folder, or in a separate folder of the blobs."""
    free, total = min((usage.free, usage.total) for usage in map(shutil.disk_usage, _folders(config)))
    file_counts = [(count, files_floor(path)) for path in _folders(config) if (count := files_left(path)) is not None]
    files, floor = min(file_counts, key=lambda item: item[0] - item[1], default=(None, 0))
    return FreeSpace(free, total, config.disk_floor_bytes, files, floor)


def free_bytes(config: Config) -> int:
    """Return the number of free bytes where space is shortest."""
    return get_free_space(config).free


def _folders(config: Config) -> Iterator[Path]:
    """Yield the existing folders, or nearest existing parents, of the data folder and the blobs."""
    for folder in filter(None, (config.data_dir, folder_of(config.blobs_url))):
        yield next(path for path in (folder, *folder.parents) if path.exists())
