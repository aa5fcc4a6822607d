"""Sources that are files: a folder of images, and web archives. No network requests are made."""

import errno
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from crawler.crawling.archives import (
    POSITION,
    UNREADABLE,
    EarlierRecords,
    Outcome,
    is_archive,
    read_archive,
    unfinished,
)
from crawler.formats.job import Job, Limits, Source, SourceKind
from crawler.formats.lines import EndLine, PageLine, RefusalLine, image_line
from crawler.reading.found import plain
from crawler.state.crawl import Crawl
from exhibit.digests import Digest
from exhibit.errors import ExitCode, RefusedError, WrongUseError
from exhibit.files.regular import open_regular
from exhibit.reasons import Reason
from exhibit.types import Fetched, Untyped

Step: TypeAlias = tuple[str, Outcome]
"""The position reached in a source, and the outcome there."""
_ALL = 10**18
_REPORT_SECONDS = 10


def read_files(crawl: Crawl) -> ExitCode:
    """Read the job's folders and web archives; each image becomes a page line with one sighting.

    At least one file or record is read, regardless of the time limit, so that successive jobs make progress.

    Returns:
        ``INCOMPLETE`` if an archive could not be read completely, else ``DONE``.

    Raises:
        WrongUseError: A path does not exist.
    """
    reason, position, code = "finished", "", ExitCode.DONE
    for position, line in _read_files(crawl):
        if line is not None:
            if isinstance(line, RefusalLine):
                crawl.budget.refuse(line.reason)
                code = ExitCode.INCOMPLETE if line.reason == UNREADABLE else code
            else:
                crawl.budget.line(line)
            crawl.write(replace(line, position=position))
        if crawl.budget.spent or crawl.budget.seconds_left <= 0:
            reason = crawl.budget.spent or "budget-seconds"
            break
    crawl.write(EndLine(reason=reason, counts=crawl.budget.counts(), position=position))
    return code


@dataclass(slots=True)
class InFile:
    """Contents of a folder or web archive, as far as it has been read."""

    path: Path
    pictures: int = 0  # images that would be imported
    refused: Counter[str] = field(default_factory=Counter)  # refused images, and parts that cannot be read
    problems: list[str] = field(default_factory=list)  # messages about the first such parts
    whole: bool = False  # whether it has been read to its end


class _Counting(Crawl):
    """A crawl that reads and stores nothing."""

    def stored(self, data: bytes, url: str, media_type: str = "", status: int = 0, **told: Untyped) -> Fetched:
        """Return the facts about the bytes without storing them."""
        facts = {"request_headers": (), "response_headers": (), "peer": "", "fetched_at": None, **told}
        digest = Digest.of(data)
        return Fetched(final_url=url, digest=digest, size=len(data), media_type=media_type, status=status, **facts)


def count_files(kind: SourceKind, path: Path) -> Iterator[InFile]:
    """Count the images that would be imported from files; the same object is yielded after each step.

    Raises:
        WrongUseError: The path does not exist.
    """
    summary = InFile(path)
    limits = Limits(pages=_ALL, images=_ALL, bytes=_ALL, max_page_bytes=1)  # counting does not need to parse pages
    with TemporaryDirectory() as folder:
        job = Job(bytes_dir=Path(folder), sources=(Source(kind=kind, path=path),), limits=limits)
        for _position, line in _read_files(_Counting(job, lambda _line: None)):
            if isinstance(line, PageLine):
                summary.pictures += 1
            elif line is not None:
                summary.refused[line.reason] += 1
                if line.reason == UNREADABLE and len(summary.problems) < _REPORT_SECONDS:
                    summary.problems.append(line.sentence)
            yield summary
    summary.whole = True
    yield summary


def _read_files(crawl: Crawl) -> Iterator[Step]:
    """Yield the outcome of each file or record of the sources, with the position after it."""
    for source in crawl.job.sources:
        path = source.path
        if path is None or not path.exists():
            raise WrongUseError(f"job.sources: there is no {path}.")
        yield from (_folder if source.kind is SourceKind.FOLDER else _archives)(crawl, path, source.after)


def _folder(crawl: Crawl, folder: Path, after: str) -> Iterator[Step]:
    """Yield the outcome of every file below a folder; the position is the file's relative path."""
    for path in _files(folder, Path(after).parts):
        if (position := _below(folder, path)) != after:
            yield position, _file(crawl, path)


def _below(folder: Path, path: Path) -> str:
    return path.name if path == folder else str(path.relative_to(folder))


def _files(folder: Path, last: Sequence[str]) -> Iterator[Path]:
    """Yield the files below a folder in path order, from a path given by its parts on; or the single file itself.

    A folder that cannot be listed and a link to a folder are yielded like files; reading them reports the reason. Each
    folder is listed only when it is reached: listing a large archive as a whole would take minutes.
    """
    if folder.is_file():
        yield folder
        return
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except PermissionError:
        yield folder
        return
    for entry in listed:
        if last and entry.name < last[0]:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), last[1:] if last and entry.name == last[0] else ())
        else:
            yield Path(entry.path)


def _file(crawl: Crawl, path: Path) -> PageLine | RefusalLine:
    uri = path.absolute().as_uri()
    special = RefusalLine(url=uri, reason=Reason.LINK, sentence="Links and special files in a folder aren't read.")
    if path.is_symlink():
        return special
    try:
        with open_regular(path) as stream:
            data = stream.read(crawl.job.limits.max_picture_bytes + 1)
    except RefusedError:
        return special
    except PermissionError as error:
        return _unreadable(path, error)
    return _line(crawl, uri, data, plain(path.stem))


def _unreadable(path: Path, error: OSError) -> RefusalLine:
    sentence = f"{path.name} can't be read: {error.strerror}."
    return RefusalLine(url=path.absolute().as_uri(), reason=UNREADABLE, sentence=sentence)


def _archives(crawl: Crawl, path: Path, after: str) -> Iterator[Step]:
    """Yield the outcome of every record in the archives.

    The position consists of the record's position in its file and the file's path below the folder or in a WACZ file.
    """
    place, _, last = after.partition(" ")
    if after and not (last and POSITION.fullmatch(place)):
        hint = "Give what the last line of the job before says as its position, or nothing."
        raise WrongUseError(f"job.sources: {after!r} is no place in a WARC file.", hint=hint)
    earlier = EarlierRecords()
    for file in _files(path, Path(last).parts):
        if file.is_dir():
            position = f"0 {_below(path, file)}"
            if not file.is_symlink() and position != after:
                yield position, _unreadable(file, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
        elif file == path or is_archive(file.name):
            for position, name, line in read_archive(crawl, file, _below(path, file), (last, place), earlier):
                after = f"{position} {name}"
                yield after, line
    for line in unfinished(crawl, earlier):
        yield after, line


def _line(crawl: Crawl, url: str, data: bytes, context: str) -> PageLine | RefusalLine:
    if refused := crawl.unkept(data):
        return RefusalLine(url=url, reason=refused[0], sentence=refused[1])
    return image_line(crawl.stored(data, url).at(url, url, "file", context))
