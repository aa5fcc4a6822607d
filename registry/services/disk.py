"""Free disk space. Below the configured floor, deferrable work is postponed."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exhibit.config.config import Config
from exhibit.machine import compute_min_free_files, count_free_files
from exhibit.sentences import Sentence
from registry.services.services import Services
from registry.services.stores import parse_folder_url

NEARLY_FULL_MESSAGE = Sentence("The disk is almost full. Processing is paused, and resumes when there is enough space.")


@dataclass(frozen=True, slots=True)
class FreeSpace:
    """Free space on the file system that has the least.

    ``free``, ``total`` and ``floor`` are in bytes; crawls stop at the floor. ``files`` and ``files_floor`` are the free
    space and the floor in numbers of files.
    """

    free: int
    total: int
    floor: int
    files: int | None  # number of files that can still be created (inodes); None if the file system has no limit
    files_floor: int

    def compute_shortage(self, fraction: float) -> tuple[float, float]:
        """Return the bytes and files missing to reach ``fraction`` times the floor; zero or negative if none are."""
        files = 0.0 if self.files is None else self.files_floor * fraction - self.files
        return self.floor * fraction - self.free, files


def is_disk_full(services: Services, *, fraction: float = 1.0) -> bool:
    """Return True if less space is left than ``fraction`` times the floor, in bytes or in files.

    At the floor, crawls stop, and works and packages are postponed. At half of it, captures are postponed too.
    """
    return max(get_free_space(services.config).compute_shortage(fraction)) > 0


def get_free_space(config: Config) -> FreeSpace:
    """Return the smaller free space of the data folder and, if it is separate, the folder of the blobs."""
    free, total = min((usage.free, usage.total) for usage in map(shutil.disk_usage, _iterate_folders(config)))
    file_counts = [
        (count, compute_min_free_files(path))
        for path in _iterate_folders(config)
        if (count := count_free_files(path)) is not None
    ]
    files, floor = min(file_counts, key=lambda item: item[0] - item[1], default=(None, 0))
    return FreeSpace(free, total, config.disk_floor_bytes, files, floor)


def get_free_bytes(config: Config) -> int:
    """Return the number of free bytes on the file system that has the fewest."""
    return get_free_space(config).free


def _iterate_folders(config: Config) -> Iterator[Path]:
    """Yield the existing folders, or nearest existing parents, of the data folder and the blobs."""
    for folder in filter(None, (config.data_dir, parse_folder_url(config.blobs_url))):
        yield next(path for path in (folder, *folder.parents) if path.exists())
