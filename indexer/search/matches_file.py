"""File with the matches of two folders, written line by line together with its progress, so a run can be resumed."""

import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Self

from exhibit.comparison.calibration import Calibration, add_probability
from exhibit.errors import InvalidRequestError
from indexer.compare.wording import as_dict
from indexer.picture.spaces import PIPELINE
from indexer.search.folders import Match, RegisteredFile, Skipped


class MatchesFile:
    """Matches as JSON lines in a file; until the run is complete, a hidden file lists the processed pictures.

    Each picture is recorded completely or not at all, even after a crash. An earlier file stays unchanged until the
    works have been measured.

    Raises:
        InvalidRequestError: The file cannot be written.
    """

    def __init__(self, path: Path, pictures: Path, calibration: Calibration | None) -> None:
        self.path = path
        self.matches = self.skipped = self.pictures = 0
        self._folder = pictures
        self._calibration = calibration
        self._state_path = path.with_name(f".{path.name}.running")
        self._out: BinaryIO | None = None
        self._state: BinaryIO | None = None

    def __enter__(self) -> Self:
        with self._convert_write_errors():
            if self.path.is_dir() or not os.access(self.path.parent, os.W_OK):  # fail before hours of work
                number = errno.EISDIR if self.path.is_dir() else errno.ENOENT
                raise OSError(number, os.strerror(number))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for file in (self._out, self._state):
            if file is not None:
                file.close()
        if kind is None:
            self._state_path.unlink(missing_ok=True)

    @property
    def is_started(self) -> bool:
        """True if the file contains results that a later run can continue."""
        return self._out is not None

    def resume(self, works: Iterable[RegisteredFile], pictures: Sequence[str]) -> list[str]:
        """Start a run with these works, or resume an interrupted one; return the pictures still to be processed."""
        inputs = [
            PIPELINE,
            self._calibration and self._calibration.digest.hex,
            sorted((work.path, work.digest.hex) for work in works),
        ]
        identity = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
        with self._convert_write_errors():
            processed_rows = self._load_progress(identity)
            size = 0
            for row in processed_rows.values():
                size = max(size, row["bytes"])
                self.matches, self.skipped = self.matches + row["matches"], self.skipped + row["skipped"]
            self.pictures = len(processed_rows)
            self._out = self.path.open("r+b" if processed_rows else "wb")
            self._out.truncate(size)
            self._out.seek(size)
            self._state = self._state_path.open("wb")
            for row in ({"works": identity}, *processed_rows.values()):
                self._state.write(json.dumps(row).encode() + b"\n")
            self._state.flush()
        return [picture for picture in pictures if picture not in processed_rows]

    def add(self, picture: str, results: Iterable[Match | Skipped]) -> None:
        """Record the results for a picture."""
        assert self._out is not None
        assert self._state is not None
        row: dict[str, Any] = {
            "picture": picture,
            "stamp": self._compute_file_version(picture),
            "matches": 0,
            "skipped": 0,
        }
        with self._convert_write_errors():
            for result in results:
                row["skipped" if isinstance(result, Skipped) else "matches"] += 1
                if isinstance(result, Match):
                    fields = as_dict(add_probability(result.verification, self._calibration))
                    line = json.dumps({"work": result.work, "picture": result.picture, **fields}, ensure_ascii=False)
                    self._out.write(line.encode() + b"\n")
            self._out.flush()
            self._state.write(json.dumps({**row, "bytes": self._out.tell()}).encode() + b"\n")
            self._state.flush()
        self.pictures += 1
        self.matches, self.skipped = self.matches + row["matches"], self.skipped + row["skipped"]

    def _load_progress(self, identity: str) -> dict[str, dict[str, Any]]:
        """Load the records of an earlier run with the same works; none if any of its pictures has changed."""
        try:
            first, *lines = self._state_path.read_bytes().splitlines(keepends=True)
            size = self.path.stat().st_size
        except (FileNotFoundError, ValueError):
            return {}
        if json.loads(first or b"{}") != {"works": identity}:
            return {}
        rows = [json.loads(line) for line in lines if line.endswith(b"\n")]
        if any(row["bytes"] > size or row["stamp"] != self._compute_file_version(row["picture"]) for row in rows):
            return {}
        return {row["picture"]: row for row in rows}

    def _compute_file_version(self, picture: str) -> str:
        """Return an identifier of the version of a picture's file; empty if the file is missing."""
        try:
            status = (self._folder / picture).stat()
        except OSError:
            return ""
        return f"{status.st_size}-{status.st_mtime_ns}"

    @contextmanager
    def _convert_write_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InvalidRequestError(f"{self.path} cannot be written: {error.strerror}.") from error
