"""Pairs of pictures filed by users. Their results with the current version are reported next to a calibration.

Users choose these pairs because of their results, not at random. They therefore do not show how often the comparison is
wrong, and no bound includes them.
"""

import csv
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from exhibit.clock import format_rfc3339, now
from exhibit.digests import Digest
from exhibit.errors import RefusedError
from exhibit.files.blobs import FolderBlobStore
from exhibit.files.delimited import read_records
from exhibit.plain import to_one_line
from exhibit.sentences import Sentence

if TYPE_CHECKING:
    from indexer.search.explanation import Explanation

FOLDER = "benchmark"
"""Name of the folder in the data folder; it contains ``pairs.csv``, and ``files`` with the pictures by digest."""


class Judgement(StrEnum):
    """A user's judgement of a pair."""

    COPY = "copy"
    DIFFERENT = "different"


class FiledPair(NamedTuple):
    """A row of the table."""

    kept_at: str
    by: str
    said: str
    decision: str  # the decision at that time
    original: str  # hexadecimal digest of the registered picture; `copy` is that of the found picture
    copy: str
    about: str  # names of both pictures


class FiledPairs:
    """The pairs of an installation."""

    def __init__(self, data_dir: Path) -> None:
        self._folder, self._table = data_dir / FOLDER, data_dir / FOLDER / "pairs.csv"

    def add(
        self,
        original: bytes,
        copy: bytes,
        judgement: Judgement,
        explanation: "Explanation[Any]",
        *,
        picture_names: str,
        by: str,
    ) -> None:
        """Store a pair. If it was filed before, the latest judgement applies.

        Raises:
            RefusedError: One of the pictures cannot be read.
        """
        if explanation.examined is None:
            raise RefusedError(Sentence("Only readable pictures can be saved as test cases."), reason="unreadable")
        original_name, copy_name = (self._open_file_store().put(data).hex for data in (original, copy))
        self._append(
            FiledPair(
                format_rfc3339(now()),
                by,
                judgement,
                explanation.decision,
                original_name,
                copy_name,
                to_one_line(picture_names),
            )
        )

    def load_pairs(self) -> list[FiledPair]:
        """Return the filed pairs, each with its latest judgement.

        Raises:
            RefusedError: A line is not a valid row.
        """
        if not self._table.exists():
            return []
        rows = [FiledPair(**row) for row in read_records(self._table)]
        return [*{(row.original, row.copy): row for row in rows}.values()]

    def read_files(self, pair: FiledPair) -> tuple[bytes, bytes]:
        """Return the bytes of the original and of the copy.

        Raises:
            NotFoundError: A file does not exist.
            IntegrityError: The contents of a file do not match the digest in its name.
        """
        original, copy = (self._open_file_store().get(Digest.from_hex(name)) for name in (pair.original, pair.copy))
        return original, copy

    def remove_picture(self, digest: Digest) -> None:
        """Remove a picture and its pairs, for a purge."""
        pairs = self.load_pairs()
        if any(digest.hex in pair for pair in pairs):
            self._open_file_store().remove(digest)
            self._table.unlink()
            self._append(*(pair for pair in pairs if digest.hex not in pair))

    def _open_file_store(self) -> FolderBlobStore:
        self._folder.mkdir(exist_ok=True)
        return FolderBlobStore(self._folder / "files")

    def _append(self, *pairs: FiledPair) -> None:
        header = () if self._table.exists() else (FiledPair._fields,)
        with self._table.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([*header, *pairs])
