"""Index in a folder: immutable segments that all processes map."""

import shutil
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.ports import IndexStats, VectorSource
from exhibit.types import Space
from indexer.vectors.manifest import (
    HINT,
    Manifest,
    Segment,
    delete_leftover_files,
    publish_manifest,
    read_manifest,
    read_manifest_to_replace,
    write_lock,
)
from indexer.vectors.replayed_index import OpenIndex, ReplayedIndex

MAX_ATTEMPTS = 5
MERGE_GROWTH_FACTOR = 4
"""Size ratio up to which a flush merges older segments into the new one."""
MAX_LISTED_PROBLEMS = 10
"""Maximum number of problems of one kind that a check lists."""


class NumberedRows:
    """Entries of a segment or a tail, by number.

    Attributes:
        numbers: int64, ascending, each once.
        removed: bool, whether each entry was removed.
        is_changed: whether entries were removed that the durable state still contains.
    """

    def __init__(self, numbers: NDArray[np.int64]) -> None:
        self.numbers = numbers
        self.removed = np.zeros(len(numbers), np.bool_)
        self.is_changed = False
        self._removed_count = 0

    def __len__(self) -> int:
        return len(self.removed) - self._removed_count

    def remove(self, numbers: NDArray[np.int64]) -> int:
        """Mark numbers as removed; return the number of those that were present."""
        positions = np.searchsorted(self.numbers, numbers)
        positions = positions[positions < len(self.numbers)]
        positions = np.unique(positions[np.isin(self.numbers[positions], numbers)])
        present_positions = positions[~self.removed[positions]]
        self.removed[present_positions] = True
        self._removed_count += len(present_positions)
        self.is_changed = self.is_changed or len(present_positions) > 0
        return len(present_positions)

    @property
    def removed_numbers(self) -> NDArray[np.int64]:
        """Removed numbers."""
        return np.asarray(self.numbers)[self.removed]

    @property
    def live_numbers(self) -> NDArray[np.int64]:
        """Numbers that were not removed."""
        return np.asarray(self.numbers)[~self.removed]


R = TypeVar("R", bound=NumberedRows)
C = TypeVar("C")


class FolderIndex(ReplayedIndex[Manifest], Generic[R, C]):
    """Index of the entries of one space in a folder, which the first flush creates. Implements ``ports.StoredIndex``.

    The files are opened on first use. ``R`` is the type of a segment's or the tail's entries, ``C`` the content from
    which a segment is written.

    Raises:
        IntegrityError: On first use: the files are damaged, of another version, or of another space.
    """

    def __init__(self, space: Space, folder: Path) -> None:
        self.space = space
        self.folder = folder

    def check(self, source: VectorSource | None = None) -> list[str]:
        """List all problems of the durable state, one sentence each; reads all files.

        Args:
            source: The database, if the numbers are to be compared with it.
        """
        if problems := self._list_damage(source):
            return problems
        opened = self._open()
        return [] if source is None else self._list_differences(opened.segments, opened.durable_state.sequence, source)

    def repair(self, source: VectorSource) -> list[str]:
        """Empty the index if its files are damaged, so that it is replayed from the database; return the problems."""
        if not self._list_damage(source):
            return []
        with write_lock(self.folder):
            if problems := self._list_damage(source):  # no other process has repaired the index in the meantime
                current_manifest = read_manifest_to_replace(self.folder, self.space.id)
                publish_manifest(
                    self.folder, Manifest(self.space.id, current_manifest.generation + 1), current_manifest
                )
        self._close()
        return problems

    def tidy(self, source: VectorSource) -> None:
        """Delete files left by killed writers."""
        del source
        if not self.folder.is_dir():
            return
        with write_lock(self.folder):
            delete_leftover_files(self.folder, self._load_state().files)

    def rebuild(self, source: VectorSource) -> None:
        """Replace the index by the contents of the database; readers keep the old files until they reopen."""
        last = source.last_change()
        self.replace(source.batches(last), last)

    def replace(self, batches: Iterable[tuple[NDArray[np.int64], Any]], sequence: int) -> None:
        """Replace the index by batches of numbers and vectors, numbers ascending over all batches.

        Args:
            batches: Numbers, int64 (n,), and vectors as :meth:`upsert` of the index takes them.
            sequence: Highest change number that the batches contain.
        """
        self.write_segments(self._split(batches), sequence)

    def write_segments(self, contents: Iterable[C], sequence: int) -> None:
        """Replace the index by segments with these contents."""
        with write_lock(self.folder):
            current_manifest = read_manifest_to_replace(self.folder, self.space.id)
            generation = current_manifest.generation + 1
            segments = [self._write_segment(generation, *content) for content in enumerate(contents)]
            publish_manifest(
                self.folder, Manifest(self.space.id, generation, sequence, tuple(segments)), current_manifest
            )
        self._close()

    def stats(self) -> IndexStats:
        """Measure the durable state."""
        size = sum(path.stat().st_size for path in self.folder.glob("*") if path.is_file())
        opened = self._open()
        return IndexStats(sum(map(len, opened.segments)), opened.durable_state.sequence, size)

    def clear(self) -> None:
        """Delete the index."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._close()

    def _load_state(self) -> Manifest:
        return read_manifest(self.folder, self.space.id)

    def _open(self) -> OpenIndex[Manifest]:
        for last in range(MAX_ATTEMPTS - 1, -1, -1):
            manifest = self._load_state()
            try:
                segments = [self._open_segment(segment) for segment in manifest.segments]
            except FileNotFoundError as error:  # another process replaced the segments after the manifest was read
                if not last:
                    raise IntegrityError(f"A file of the index {self.space.id} is missing.", hint=HINT) from error
            else:
                return OpenIndex(manifest, segments, self._empty(segments))
        raise AssertionError

    def _make_durable(self, sequence: int) -> None:
        opened = self._opened
        with write_lock(self.folder):
            current_manifest = self._load_state()
            if current_manifest != opened.durable_state:
                return
            generation, kept_count = current_manifest.generation + 1, self._count_unchanged()
            segments = [self._write_removals(generation, segment_index) for segment_index in range(kept_count)]
            if any(map(len, merged_parts := opened.parts[kept_count:])):
                segments.append(self._write_segment(generation, 0, self._merge(merged_parts)))
            publish_manifest(
                self.folder, Manifest(self.space.id, generation, sequence, tuple(segments)), current_manifest
            )

    def _open_segment(self, segment: Segment) -> R:
        for suffix in segment.sha256:
            (self.folder / f"{segment.name}{suffix}").stat()
        try:
            rows = self._map(self.folder / segment.name)
            if segment.removed:
                rows.remove(np.load(self.folder / segment.removed, allow_pickle=False))
                rows.is_changed = False
        except (ValueError, EOFError, RuntimeError) as error:
            raise IntegrityError(f"Index segment {segment.name} is damaged.", hint=HINT) from error
        if len(rows.numbers) != segment.count:
            message = f"Index segment {segment.name} does not have the {segment.count} entries of the manifest."
            raise IntegrityError(message, hint=HINT)
        return rows

    def _write_segment(self, generation: int, segment_index: int, content: C) -> Segment:
        name = f"segment-{generation:08d}-{segment_index:04d}"
        count = self._write(self.folder / name, content)
        files = sorted(self.folder.glob(f"{name}.*"))
        return Segment(name, count, {path.suffix: Digest.from_file(path).hex for path in files})

    def _write_removals(self, generation: int, segment_index: int) -> Segment:
        """Return the manifest entry of an older segment, with a new file if more was removed from it."""
        segment, rows = self._opened.durable_state.segments[segment_index], self._opened.segments[segment_index]
        if not rows.is_changed:
            return segment
        name = f"removed-{generation:08d}-{segment.name}.npy"
        np.save(self.folder / name, rows.removed_numbers, allow_pickle=False)
        return Segment(segment.name, segment.count, segment.sha256, name)

    def _count_unchanged(self) -> int:
        """Count the oldest segments that stay unchanged; later, smaller ones are merged with the tail."""
        segments = self._opened.segments
        count, size = len(segments), len(self._opened.tail)
        while count and len(segments[count - 1]) <= min(MERGE_GROWTH_FACTOR * size, self._max_rows - size):
            count -= 1
            size += len(segments[count])
        return count

    def _list_damage(self, source: VectorSource | None) -> list[str]:
        """List damage of the files, or report that the database is older because it was restored."""
        try:
            opened = self._open()
            problems = list(self._list_wrong_checksums(opened.durable_state))
        except (FileNotFoundError, IntegrityError) as error:
            return [str(error)]
        problems = problems or list(_list_repeated_numbers(opened.segments))
        if not problems and source is not None and opened.durable_state.sequence > source.last_change():
            problems = [f"It contains change {opened.durable_state.sequence}, which the database does not have."]
        return problems

    def _list_wrong_checksums(self, manifest: Manifest) -> Iterator[str]:
        for segment in manifest.segments:
            for suffix, expected in segment.sha256.items():
                path = self.folder / f"{segment.name}{suffix}"
                if Digest.from_file(path).hex != expected:
                    yield f"{path.name} does not have the checksum of the manifest."

    def _list_differences(self, segments: list[R], sequence: int, source: VectorSource) -> list[str]:
        """List differences between undamaged segments and the database."""
        count, expected = sum(map(len, segments)), source.count(sequence, by=sequence)
        return [describe_wrong_count(count, expected)] if count != expected else []

    @property
    @abstractmethod
    def _max_rows(self) -> int:
        """Maximum number of entries in one segment."""

    @abstractmethod
    def _empty(self, segments: list[R]) -> R:
        """Create an empty tail after these segments."""

    @abstractmethod
    def _map(self, stem: Path) -> R:
        """Map the files of a segment, given their path without a suffix.

        Raises:
            FileNotFoundError: A file is missing.
            ValueError: A file is damaged.
            EOFError: A file is damaged.
            RuntimeError: A file is damaged.
        """

    @abstractmethod
    def _merge(self, parts: Sequence[R]) -> C:
        """Return the content of one segment with all entries of these parts."""

    @abstractmethod
    def _split(self, batches: Iterable[tuple[NDArray[np.int64], Any]]) -> Iterable[C]:
        """Yield the contents of as many segments as needed."""

    @abstractmethod
    def _write(self, stem: Path, content: C) -> int:
        """Write the files of a segment; return the number of its entries."""


def describe_wrong_count(count: int, expected: int) -> str:
    """Describe the problem of an index whose number of entries differs from that of the database."""
    return f"It has {count} entries where the database has {expected}."


def save_array(path: Path, values: NDArray[Any]) -> None:
    """Write an array in NumPy's format, under any suffix."""
    with path.open("wb") as file:
        np.save(file, values, allow_pickle=False)


def _list_repeated_numbers(parts: Iterable[NumberedRows]) -> Iterator[str]:
    """List numbers that are out of order or present more than once."""
    for rows in parts:
        if (np.diff(rows.numbers) <= 0).any():
            yield "Its numbers do not ascend."
    numbers, counts = np.unique(
        np.concatenate([np.zeros(0, np.int64), *(rows.live_numbers for rows in parts)]), return_counts=True
    )
    yield from (f"Number {number} is present more than once." for number in numbers[counts > 1][:MAX_LISTED_PROBLEMS])
