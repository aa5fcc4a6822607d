"""Find list files in folders and buckets, and read their lines."""

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

from crawler.crawling.archives import ARCHIVE_SUFFIXES, is_archive_file
from crawler.lists.line import IMAGE, Line
from crawler.lists.tables import ParquetRows, read_cdx, read_csv, read_wat
from crawler.reading.archives import MAX_WINDOW
from exhibit.errors import ExhibitError, RefusedError
from exhibit.machine import raise_machine_fault
from exhibit.reasons import Reason

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PARQUET_SUFFIXES = (".parquet", ".pq")
WAT_SUFFIXES = (".wat", ".wat.gz", ".wat.zst")
CDX_SUFFIXES = (".cdx", ".cdx.gz", ".cdx.zst", ".cdxj", ".cdxj.gz", ".cdxj.zst")
TABLE_SUFFIXES = (".csv", ".csv.gz", ".csv.zst", ".tsv", ".tsv.gz", ".tsv.zst")
LIST_SUFFIXES = (*PARQUET_SUFFIXES, *WAT_SUFFIXES, *CDX_SUFFIXES, *TABLE_SUFFIXES)
_CDX_PART_NAME = re.compile(r"cdx-[0-9]+(\.gz)?")
"""File names of the parts of Common Crawl's index."""
GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
CHUNK_BYTES = 8 << 20


SKIPPED_PATH_REASONS = {
    "format": "The file name is not that of a list or a web archive.",
    "hidden": "Hidden files and folders are not read. Rename them.",
    "link": "Links are not followed. Enter their targets.",
    "not-a-file": "The path is not a regular file.",
    "unreadable": "The folder cannot be read. Change its permissions.",
}
"""Reasons why a file or folder below a given folder is skipped."""


@dataclass(frozen=True, slots=True)
class SkippedPath:
    """A skipped file or folder below a given folder, with one of :data:`SKIPPED_PATH_REASONS`."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """Lists and archives found in the given paths."""

    lists: tuple[Path, ...]  # without duplicates, in order
    archives: tuple[Path, ...]  # WARC, ARC and WACZ files, and folders that contain some
    skipped_paths: tuple[SkippedPath, ...] = ()  # skipped parts of folders


def find_files(paths: Sequence[Path]) -> FoundFiles:
    """Find lists and web archives among the paths and below folders; hidden files and links are skipped.

    Raises:
        RefusedError: A file is neither, or a folder contains none.
    """
    lists: dict[Path, None] = {}
    archives: dict[Path, None] = {}
    skipped_paths: dict[Path, SkippedPath] = {}
    for path in (source.resolve() for source in paths):
        entries = list(_walk_folder(path)) if path.is_dir() else [path]
        files = [file for file in entries if isinstance(file, Path)]
        skipped_paths |= {skipped.path: skipped for skipped in entries if isinstance(skipped, SkippedPath)}
        skipped_paths |= {
            file: SkippedPath(file, "format")
            for file in files
            if not (is_list_file(file.name) or is_archive_file(file.name))
        }
        list_files = [file for file in files if is_list_file(file.name)]
        has_archives = any(is_archive_file(file.name) for file in files)
        if not (list_files or has_archives):
            problem = "contains no list and no web archive" if path.is_dir() else "is neither a list nor a web archive"
            hint = f"Supported file names: {', '.join((*LIST_SUFFIXES, *ARCHIVE_SUFFIXES))}"
            raise RefusedError(f"{path.name} {problem}.", reason=Reason.UNREADABLE, hint=hint)
        lists |= dict.fromkeys(list_files)
        archives |= {path: None} if has_archives else {}
    return FoundFiles(tuple(lists), tuple(archives), tuple(skipped_paths.values()))


def is_list_file(name: str) -> bool:
    """Return True if a file of this name is a list."""
    return name.lower().endswith(LIST_SUFFIXES) or bool(_CDX_PART_NAME.fullmatch(name))


def _walk_folder(folder: Path) -> Iterator[Path | SkippedPath]:
    """Yield the files below a folder, and its skipped parts."""
    errors: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=errors.append):
        for name in sorted(folders):
            path = Path(parent) / name
            if name.startswith(".") or path.is_symlink():
                yield SkippedPath(path, "hidden" if name.startswith(".") else "link")
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(parent) / name
            if name.startswith("."):
                if is_list_file(name) or is_archive_file(name):
                    yield SkippedPath(file, "hidden")
            elif file.is_symlink():
                yield SkippedPath(file, "link")
            elif file.is_file():
                yield file
            else:
                yield SkippedPath(file, "not-a-file")
    for error in errors:
        yield SkippedPath(Path(error.filename), "unreadable")


@dataclass(slots=True)
class ListFile:
    """A list file."""

    path: Path
    column: str = ""  # name of the column with URLs, in a table
    kind: str = IMAGE  # kind of the URLs in a table
    # Returns the fraction that has been read, from 0 to 1
    get_read_fraction: Callable[[], float] = field(default=lambda: 0.0)

    def read_lines(self, after: int = 0) -> Iterator[Line]:
        """Yield the lines after the first ``after`` lines.

        Raises:
            RefusedError: The file cannot be read to its end.
        """
        try:
            with self.path.open("rb") as file:
                yield from self._read_lines(file, after)
        except (ExhibitError, MemoryError):
            raise
        except PermissionError as error:
            hint = "Give the user of this command read permission."
            raise RefusedError("The file is not readable.", reason=Reason.UNREADABLE, hint=hint) from error
        except Exception as error:  # a parser that gets hostile bytes may raise anything
            raise_machine_fault(error)
            sentence = "The file is truncated." if isinstance(error, EOFError) else f"The rest is unreadable: {error}."
            hint = "Rows read so far are kept. Download the file again for the rest."
            raise RefusedError(sentence, reason=Reason.UNREADABLE, hint=hint) from error

    def _read_lines(self, file: BinaryIO, after: int) -> Iterator[Line]:
        size = os.fstat(file.fileno()).st_size
        if not size:
            raise RefusedError(
                "The file is empty.", reason=Reason.UNREADABLE, hint="Download it again, or leave it out."
            )
        name = self.path.name.lower()
        if name.endswith(PARQUET_SUFFIXES):
            rows, position = ParquetRows(file, self.column), after
            self.get_read_fraction = lambda: min(1.0, position / max(1, rows.row_count))
            for line in rows.read_lines(after, self.kind):
                position += 1
                yield line
            return
        self.get_read_fraction = lambda: 1.0 if file.closed else file.tell() / size
        if name.endswith(WAT_SUFFIXES):
            yield from islice(read_wat(file), after, None)
            return
        magic = file.read(4)
        file.seek(0)
        stream: BinaryIO = file
        if magic.startswith(GZIP_MAGIC):
            stream = cast("BinaryIO", gzip.GzipFile(fileobj=file))
        elif magic == ZSTD_MAGIC:
            stream = cast("BinaryIO", zstd.ZstdFile(file, options=MAX_WINDOW))
        if name.endswith(CDX_SUFFIXES) or _CDX_PART_NAME.fullmatch(name):
            lines = read_cdx(stream)
        else:
            lines = read_csv(stream, self.kind, self.column)
        yield from islice(lines, after, None)


def get_download_folder(url: str, root: Path) -> Path:
    """Return the folder for the files of a bucket URL."""
    parts = urlsplit(url)
    return root.joinpath(parts.netloc or "files", *_split_path(parts.path))


def download_bucket(url: str, folder: Path, keys: Path) -> Iterator[tuple[str, int]]:
    """Download the lists and web archives of a bucket; yield the name and bytes of each file before its download.

    A file that exists with the size and time of its object is not downloaded again, and files appear only when
    complete.

    Raises:
        RefusedError: The optional dependency is missing.
        StorageError: The bucket does not exist, denies access or does not respond.
    """
    try:
        import obstore  # noqa: PLC0415 - an optional component

        from exhibit.files.bucket import Bucket, open_store  # noqa: PLC0415
    except ImportError as error:
        hint = "Install the component: python3 tools/bootstrap.py runtime bucket"
        raise RefusedError("Buckets require obstore.", reason=Reason.UNREADABLE, hint=hint) from error
    store = open_store(url, keys)
    folder.mkdir(parents=True, exist_ok=True)
    with Bucket(lambda: store, owner="", marker=folder).convert_errors():
        for item in (entry for batch in obstore.list(store) for entry in batch):
            path_parts, modified_at = _split_path(item["path"]), int(item["last_modified"].timestamp())
            path = folder.joinpath(*path_parts)
            is_wanted = is_list_file(path.name) or is_archive_file(path.name)
            if not (path_parts and is_wanted) or _is_downloaded(path, item["size"], modified_at):
                continue
            yield item["path"], item["size"]
            path.parent.mkdir(parents=True, exist_ok=True)
            part_path = path.with_name(f".{path.name}.part")
            with part_path.open("wb") as file:
                for chunk in obstore.get(store, item["path"]).stream(min_chunk_size=CHUNK_BYTES):
                    file.write(chunk)
            os.utime(part_path, (modified_at, modified_at))
            part_path.replace(path)


def _is_downloaded(path: Path, size: int, modified_at: int) -> bool:
    """Return True if the file has already been downloaded, by size and time."""
    if not path.is_file():
        return False
    status = path.stat()
    return (status.st_size, int(status.st_mtime)) == (size, modified_at)


def _split_path(path: str) -> list[str]:
    """Split a path into its folders and file name, without parts such as ``..`` that would leave the folder."""
    return [part for part in path.replace("\0", "").split("/") if part.strip(".")]
