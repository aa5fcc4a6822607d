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
    POSITION_PATTERN,
    UNREADABLE,
    EarlierRecords,
    Outcome,
    is_archive_file,
    read_archive,
    report_unfinished_records,
)
from crawler.formats.job import Job, Limits, Source, SourceKind
from crawler.formats.lines import EndLine, PageLine, RefusalLine, build_image_line
from crawler.reading.document import normalise_text
from crawler.state.crawl import Crawl
from exhibit.digests import Digest
from exhibit.errors import ExitCode, InvalidRequestError, RefusedError
from exhibit.files.regular import open_regular_file
from exhibit.reasons import Reason
from exhibit.types import FetchedPicture, Untyped

Step: TypeAlias = tuple[str, Outcome]
"""The position reached in a source, and the outcome there."""
_UNLIMITED = 10**18
_MAX_PROBLEMS = 10


def read_files(crawl: Crawl) -> ExitCode:
    """Read the job's folders and web archives; each image becomes a page line with one sighting.

    At least one file or record is read, regardless of the time limit, so that successive jobs make progress.

    Returns:
        ``INCOMPLETE`` if an archive could not be read completely, else ``DONE``.

    Raises:
        InvalidRequestError: A path does not exist.
    """
    reason, position, code = "finished", "", ExitCode.DONE
    for position, line in _read_files(crawl):
        if line is not None:
            if isinstance(line, RefusalLine):
                crawl.budget.count_refusal(line.reason)
                code = ExitCode.INCOMPLETE if line.reason == UNREADABLE else code
            else:
                crawl.budget.count_page(line)
            crawl.write(replace(line, position=position))
        if crawl.budget.exhausted_limit or crawl.budget.seconds_left <= 0:
            reason = crawl.budget.exhausted_limit or "budget-seconds"
            break
    crawl.write(EndLine(reason=reason, counts=crawl.budget.get_counts(), position=position))
    return code


@dataclass(slots=True)
class FileSummary:
    """Counts of the images in a folder or web archive; they grow while it is being read."""

    path: Path
    pictures: int = 0  # images that would be imported
    refusals: Counter[str] = field(default_factory=Counter)  # refused images, and parts that cannot be read
    problems: list[str] = field(default_factory=list)  # messages about the first unreadable parts
    is_complete: bool = False  # whether it has been read to its end


class _CountingCrawl(Crawl):
    """A crawl that counts images without storing them."""

    def store_picture(
        self, data: bytes, url: str, media_type: str = "", status: int = 0, **further_facts: Untyped
    ) -> FetchedPicture:
        """Return the facts about the bytes without storing them."""
        facts = {"request_headers": (), "response_headers": (), "peer": "", "fetched_at": None, **further_facts}
        digest = Digest.from_bytes(data)
        return FetchedPicture(
            final_url=url, digest=digest, size=len(data), media_type=media_type, status=status, **facts
        )


def count_files(kind: SourceKind, path: Path) -> Iterator[FileSummary]:
    """Count the images that would be imported from files; the same object is yielded after each step.

    Raises:
        InvalidRequestError: The path does not exist.
    """
    summary = FileSummary(path)
    # Counting does not need to parse pages
    limits = Limits(pages=_UNLIMITED, images=_UNLIMITED, bytes=_UNLIMITED, max_page_bytes=1)
    with TemporaryDirectory() as folder:
        job = Job(bytes_dir=Path(folder), sources=(Source(kind=kind, path=path),), limits=limits)
        for _position, line in _read_files(_CountingCrawl(job, lambda _line: None)):
            if isinstance(line, PageLine):
                summary.pictures += 1
            elif line is not None:
                summary.refusals[line.reason] += 1
                if line.reason == UNREADABLE and len(summary.problems) < _MAX_PROBLEMS:
                    summary.problems.append(line.sentence)
            yield summary
    summary.is_complete = True
    yield summary


def _read_files(crawl: Crawl) -> Iterator[Step]:
    """Yield the outcome of each file or record of the sources, with the position after it."""
    for source in crawl.job.sources:
        path = source.path
        if path is None or not path.exists():
            raise InvalidRequestError(f"job.sources: the path does not exist: {path}.")
        yield from (_read_folder if source.kind is SourceKind.FOLDER else _read_archives)(crawl, path, source.after)


def _read_folder(crawl: Crawl, folder: Path, after: str) -> Iterator[Step]:
    """Yield the outcome of every file below a folder; the position is the file's relative path."""
    for path in _list_files(folder, Path(after).parts):
        if (position := _get_relative_path(folder, path)) != after:
            yield position, _read_file(crawl, path)


def _get_relative_path(folder: Path, path: Path) -> str:
    return path.name if path == folder else str(path.relative_to(folder))


def _list_files(folder: Path, resume_after: Sequence[str]) -> Iterator[Path]:
    """Yield the files below a folder in path order, or the file itself if it is not a folder.

    Starts at the path whose parts are ``resume_after``.

    A folder that cannot be listed and a link to a folder are yielded like files; reading them reports the reason. Each
    folder is listed only when it is reached: listing a large archive as a whole would take minutes.
    """
    if folder.is_file():
        yield folder
        return
    try:
        with os.scandir(folder) as entries:
            sorted_entries = sorted(entries, key=lambda entry: entry.name)
    except PermissionError:
        yield folder
        return
    for entry in sorted_entries:
        if resume_after and entry.name < resume_after[0]:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _list_files(
                Path(entry.path), resume_after[1:] if resume_after and entry.name == resume_after[0] else ()
            )
        else:
            yield Path(entry.path)


def _read_file(crawl: Crawl, path: Path) -> PageLine | RefusalLine:
    uri = path.absolute().as_uri()
    special_file_line = RefusalLine(
        url=uri, reason=Reason.LINK, sentence="Links and special files in a folder are not read."
    )
    if path.is_symlink():
        return special_file_line
    try:
        with open_regular_file(path) as stream:
            data = stream.read(crawl.job.limits.max_picture_bytes + 1)
    except RefusedError:
        return special_file_line
    except PermissionError as error:
        return _build_unreadable_line(path, error)
    return _build_line(crawl, uri, data, normalise_text(path.stem))


def _build_unreadable_line(path: Path, error: OSError) -> RefusalLine:
    sentence = f"{path.name} cannot be read: {error.strerror}."
    return RefusalLine(url=path.absolute().as_uri(), reason=UNREADABLE, sentence=sentence)


def _read_archives(crawl: Crawl, path: Path, after: str) -> Iterator[Step]:
    """Yield the outcome of every record in the archives.

    The position consists of the record's position in its file and the file's path below the folder or in a WACZ file.
    """
    record_position, _, last_path = after.partition(" ")
    if after and not (last_path and POSITION_PATTERN.fullmatch(record_position)):
        hint = "Enter the position from the last line of the previous job, or no position."
        raise InvalidRequestError(f"job.sources: {after!r} is not a position in a WARC file.", hint=hint)
    earlier = EarlierRecords()
    for file in _list_files(path, Path(last_path).parts):
        if file.is_dir():
            position = f"0 {_get_relative_path(path, file)}"
            if not file.is_symlink() and position != after:
                yield position, _build_unreadable_line(file, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
        elif file == path or is_archive_file(file.name):
            for position, name, line in read_archive(
                crawl, file, _get_relative_path(path, file), (last_path, record_position), earlier
            ):
                after = f"{position} {name}"
                yield after, line
    for line in report_unfinished_records(crawl, earlier):
        yield after, line


def _build_line(crawl: Crawl, url: str, data: bytes, context: str) -> PageLine | RefusalLine:
    if problem := crawl.charge_picture(data):
        return RefusalLine(url=url, reason=problem[0], sentence=problem[1])
    return build_image_line(crawl.store_picture(data, url).create_sighting(url, url, "file", context))
