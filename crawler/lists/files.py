"""List files: finds them in folders and buckets, and reads their lines as far as possible."""

import gzip
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import urlsplit

from crawler.crawling.archives import ARCHIVES, is_archive
from crawler.lists.line import IMAGE, Line
from crawler.lists.tables import ParquetRows, read_cdx, read_csv, read_wat
from crawler.reading.archives import MAX_WINDOW
from exhibit.errors import ExhibitError, RefusedError
from exhibit.machine import blame_machine
from exhibit.reasons import Reason

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PARQUET = (".parquet", ".pq")
WAT = (".wat", ".wat.gz", ".wat.zst")
CDX = (".cdx", ".cdx.gz", ".cdx.zst", ".cdxj", ".cdxj.gz", ".cdxj.zst")
TABLES = (".csv", ".csv.gz", ".csv.zst", ".tsv", ".tsv.gz", ".tsv.zst")
LISTS = (*PARQUET, *WAT, *CDX, *TABLES)
_CDX = re.compile(r"cdx-[0-9]+(\.gz)?")
"""Names of the parts of Common Crawl's index."""
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
PIECE = 8 << 20


LEFT_OUT_REASONS = {
    "format": "It is neither a list nor a web archive, by its name.",
    "hidden": "Hidden files and folders are not read: rename them.",
    "link": "Links are not followed: name what they lead to.",
    "not-a-file": "It isn't a file.",
    "unreadable": "The folder can't be read: change its permissions.",
}
"""Reasons why a file or folder below a given folder is skipped."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A skipped file or folder below a given folder, with one of :data:`LEFT_OUT_REASONS`."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """Lists and archives found in the given paths."""

    lists: tuple[Path, ...]  # each once, in order
    archives: tuple[Path, ...]  # WARC, ARC and WACZ files, and folders that contain some
    left_out: tuple[LeftOut, ...] = ()  # skipped parts of folders


def find(paths: Sequence[Path]) -> Found:
    """Find lists and web archives among files and below folders; hidden files and links are skipped.

    Raises:
        RefusedError: A file is neither, or a folder contains none.
    """
    lists: dict[Path, None] = {}
    archives: dict[Path, None] = {}
    left_out: dict[Path, LeftOut] = {}
    for path in (source.resolve() for source in paths):
        below = list(_below(path)) if path.is_dir() else [path]
        files = [path for path in below if isinstance(path, Path)]
        left_out |= {path.path: path for path in below if isinstance(path, LeftOut)}
        left_out |= {
            file: LeftOut(file, "format") for file in files if not (is_list(file.name) or is_archive(file.name))
        }
        list_files = [file for file in files if is_list(file.name)]
        packed = any(is_archive(file.name) for file in files)
        if not (list_files or packed):
            what = "holds no list and no web archive" if path.is_dir() else "is neither a list nor a web archive"
            hint = f"Known by their names: {', '.join((*LISTS, *ARCHIVES))}"
            raise RefusedError(f"{path.name} {what}.", reason=Reason.UNREADABLE, hint=hint)
        lists |= dict.fromkeys(list_files)
        archives |= {path: None} if packed else {}
    return Found(tuple(lists), tuple(archives), tuple(left_out.values()))


def is_list(name: str) -> bool:
    """Return True if a file of this name is a list."""
    return name.lower().endswith(LISTS) or bool(_CDX.fullmatch(name))


def _below(folder: Path) -> Iterator[Path | LeftOut]:
    """Yield the files below a folder, and its skipped parts."""
    unreadable: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=unreadable.append):
        for name in sorted(folders):
            path = Path(parent) / name
            if name.startswith(".") or path.is_symlink():
                yield LeftOut(path, "hidden" if name.startswith(".") else "link")
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(parent) / name
            if name.startswith("."):
                if is_list(name) or is_archive(name):
                    yield LeftOut(file, "hidden")
            elif file.is_symlink():
                yield LeftOut(file, "link")
            elif file.is_file():
                yield file
            else:
                yield LeftOut(file, "not-a-file")
    for error in unreadable:
        yield LeftOut(Path(error.filename), "unreadable")


@dataclass(slots=True)
class ListFile:
    """A list file."""

    path: Path
    column: str = ""  # name of the column with URLs, in a table
    kind: str = IMAGE  # kind of the URLs in a table
    share: Callable[[], float] = field(default=lambda: 0.0)  # returns the share that has been read, from 0 to 1

    def lines(self, after: int = 0) -> Iterator[Line]:
        """Yield the lines after the first ``after`` lines.

        Raises:
            RefusedError: The file cannot be read, or not to its end.
        """
        try:
            with self.path.open("rb") as file:
                yield from self._lines(file, after)
        except (ExhibitError, MemoryError):
            raise
        except PermissionError as error:
            hint = "Let the user of this command read it."
            raise RefusedError("It may not be read.", reason=Reason.UNREADABLE, hint=hint) from error
        except Exception as error:  # a parser that gets hostile bytes may raise anything
            blame_machine(error)
            sentence = "It ends early." if isinstance(error, EOFError) else f"It can't be read further: {error}."
            hint = "What was read stands; fetch it again for the rest."
            raise RefusedError(sentence, reason=Reason.UNREADABLE, hint=hint) from error

    def _lines(self, file: BinaryIO, after: int) -> Iterator[Line]:
        size = os.fstat(file.fileno()).st_size
        if not size:
            raise RefusedError("It is empty.", reason=Reason.UNREADABLE, hint="Fetch it again, or leave it out.")
        name = self.path.name.lower()
        if name.endswith(PARQUET):
            rows, position = ParquetRows(file, self.column), after
            self.share = lambda: min(1.0, position / max(1, rows.count))
            for line in rows.lines(after, self.kind):
                position += 1
                yield line
            return
        self.share = lambda: 1.0 if file.closed else file.tell() / size
        if name.endswith(WAT):
            yield from islice(read_wat(file), after, None)
            return
        begins = file.read(4)
        file.seek(0)
        stream: BinaryIO = file
        if begins.startswith(GZIP):
            stream = cast("BinaryIO", gzip.GzipFile(fileobj=file))
        elif begins == ZSTD:
            stream = cast("BinaryIO", zstd.ZstdFile(file, options=MAX_WINDOW))
        if name.endswith(CDX) or _CDX.fullmatch(name):
            lines = read_cdx(stream)
        else:
            lines = read_csv(stream, self.kind, self.column)
        yield from islice(lines, after, None)


def folder_for(url: str, below: Path) -> Path:
    """Return the folder for the files of a bucket URL."""
    parts = urlsplit(url)
    return below.joinpath(parts.netloc or "files", *_steps(parts.path))


def fetch(url: str, folder: Path, keys: Path) -> Iterator[tuple[str, int]]:
    """Download the lists and web archives of a bucket; yield the name and bytes of each file before its download.

    A file that exists with the size and time of its object is not downloaded again, and files appear only when
    complete.

    Raises:
        RefusedError: The optional dependency is missing.
        StorageError: The bucket does not exist, denies access or does not respond.
    """
    try:
        import obstore  # noqa: PLC0415 - an optional part

        from exhibit.files.bucket import Bucket, open_store  # noqa: PLC0415
    except ImportError as error:
        hint = "Install the optional part: python3 tools/bootstrap.py runtime bucket"
        raise RefusedError("Buckets need obstore.", reason=Reason.UNREADABLE, hint=hint) from error
    store = open_store(url, keys)
    folder.mkdir(parents=True, exist_ok=True)
    with Bucket(lambda: store, owner="", marker=folder).converted_errors():
        for item in (each for some in obstore.list(store) for each in some):
            steps, when = _steps(item["path"]), int(item["last_modified"].timestamp())
            path = folder.joinpath(*steps)
            is_wanted = is_list(path.name) or is_archive(path.name)
            if not (steps and is_wanted) or _is(path, item["size"], when):
                continue
            yield item["path"], item["size"]
            path.parent.mkdir(parents=True, exist_ok=True)
            partly = path.with_name(f".{path.name}.part")
            with partly.open("wb") as file:
                for piece in obstore.get(store, item["path"]).stream(min_chunk_size=PIECE):
                    file.write(piece)
            os.utime(partly, (when, when))
            partly.replace(path)


def _is(path: Path, size: int, when: int) -> bool:
    """Return True if the file has already been downloaded, by size and time."""
    if not path.is_file():
        return False
    state = path.stat()
    return (state.st_size, int(state.st_mtime)) == (size, when)


def _steps(path: str) -> list[str]:
    """Split a path into its folders and name, without steps that would lead out of a folder."""
    return [step for step in path.replace("\0", "").split("/") if step.strip(".")]
