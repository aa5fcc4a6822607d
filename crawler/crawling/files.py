"""Sources that are files: a folder of pictures, and web archives. Nothing is asked of the network."""

import os
import re
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeAlias

from warcio.archiveiterator import ArchiveIterator

from crawler.formats.job import Kind, SourceKind
from crawler.formats.lines import EndLine, PageLine, RefusalLine
from crawler.reading.found import plain
from crawler.reading.helper import document_of
from crawler.reading.sniff import Content, sniff, unfit
from crawler.state.crawl import Crawl
from exhibit.clock import now, parse_rfc3339
from exhibit.errors import ExhibitError, ExitCode, RefusedError, WrongUseError
from exhibit.machine import blame_machine
from exhibit.network.urls import url_key
from exhibit.types import Untyped

Record: TypeAlias = Any
"""A record of warcio, which has no types."""

Outcome: TypeAlias = PageLine | RefusalLine | None
Step: TypeAlias = tuple[str, Outcome]
"""How far a source has been read, and what that gave."""

Named: TypeAlias = OrderedDict[bytes, tuple[str, str]]
"""Addresses of pictures that pages of these archives have named, by key: the page, and the words beside it there."""

_RECORDS = (".warc", ".warc.gz", ".arc", ".arc.gz")
_PACKED = ".wacz"
ARCHIVES = (*_RECORDS, _PACKED)
"""Web archives: WARC (ISO 28500), ARC, and WACZ, which packs WARC files."""
_PAGES = ("text/html", "application/xhtml+xml")
_MAX_NAMED = 50_000


def read_files(crawl: Crawl) -> ExitCode:
    """Read the job's folders and web archives; each picture becomes a page line of one sighting.

    At least one file or record is read, however short the time is, so that one job after the other comes to the end.
    Raises ``WrongUseError`` when a path isn't there.
    """
    reason, position = "finished", ""
    for position, line in _read(crawl):
        if line is not None:
            if isinstance(line, RefusalLine):
                crawl.budget.refuse(line.reason)
            else:
                crawl.budget.line(line)
            crawl.write(replace(line, position=position))
        if crawl.budget.spent or crawl.budget.seconds_left <= 0:
            reason = crawl.budget.spent or "budget-seconds"
            break
    crawl.write(EndLine(reason=reason, counts=crawl.budget.counts(), position=position))
    return ExitCode.DONE


def _read(crawl: Crawl) -> Iterator[Step]:
    """What each file or record of the sources comes to, and the position behind it."""
    for source in crawl.job.sources:
        path = source.path
        if path is None or not path.exists():
            raise WrongUseError(f"job.sources: there is no {path}.")
        yield from (_folder if source.kind is SourceKind.FOLDER else _archives)(crawl, path, source.after)


def _folder(crawl: Crawl, folder: Path, after: str) -> Iterator[Step]:
    """Every file below a folder; the position is the file's path below it."""
    for path in _files(folder, Path(after).parts):
        if (position := _below(folder, path)) != after:
            yield position, _file(crawl, path)


def _below(folder: Path, path: Path) -> str:
    return path.name if path == folder else str(path.relative_to(folder))


def _files(folder: Path, last: Sequence[str]) -> Iterator[Path]:
    """The files below a folder in the order of their paths, from one on, whose parts are given; or the one file itself.

    Each folder is listed when it comes to it: a large archive would take minutes to list as a whole.
    """
    if folder.is_file():
        yield folder
        return
    listed: list[os.DirEntry[str]] = []
    with suppress(PermissionError), os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        if last and entry.name < last[0]:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), last[1:] if last and entry.name == last[0] else ())
        elif not entry.is_dir():
            yield Path(entry.path)


def _file(crawl: Crawl, path: Path) -> PageLine | RefusalLine:
    uri = path.absolute().as_uri()
    if path.is_symlink() or not path.is_file():
        return RefusalLine(url=uri, reason="link", sentence="Links and special files in a folder aren't read.")
    with path.open("rb") as stream:
        data = stream.read(crawl.job.limits.max_picture_bytes + 1)
    return _line(crawl, uri, data, found_in="file", context=plain(path.stem))


def _archives(crawl: Crawl, path: Path, after: str) -> Iterator[Step]:
    """Every response and resource that is an image in the archives.

    The position is where the record begins in its file, and the file's path below the folder, also in a WACZ file.
    """
    offset, _, last = after.partition(" ")
    if after and not (last and re.fullmatch(r"[0-9]{1,18}", offset)):
        hint = "Give what the last line of the job before says as its position, or nothing."
        raise WrongUseError(f"job.sources: {after!r} is no place in a WARC file.", hint=hint)
    named: Named = OrderedDict()
    for file in _files(path, Path(last).parts):
        if file == path or file.name.endswith(ARCHIVES):
            for begin, name, line in _archive(crawl, file, _below(path, file), (last, int(offset or 0)), named):
                yield f"{begin} {name}", line


def _archive(
    crawl: Crawl, path: Path, name: str, last: tuple[str, int], named: Named
) -> Iterator[tuple[int, str, Outcome]]:
    try:
        for part, stream in _opened(path, name, last[0]):
            name = part
            for begin, line in _records(crawl, stream, last[1] if part == last[0] else None, named):
                yield begin, part, line
    except (ExhibitError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - a reader that is fed hostile bytes may raise anything
        blame_machine(error)
        sentence = f"The file can't be read further: {error}."
        refusal = RefusalLine(url=path.absolute().as_uri(), reason="unreadable", sentence=sentence)
        yield path.stat().st_size, name, refusal


def _opened(path: Path, name: str, last: str) -> Iterator[tuple[str, IO[bytes]]]:
    """The file itself, or the WARC files that it packs (WACZ 1.1.1, 4), from the last one on, each with its path."""
    if not path.name.endswith(_PACKED):
        with path.open("rb") as stream:
            yield name, stream
        return
    if last == name:
        return  # it couldn't be read
    with zipfile.ZipFile(path) as packed:
        for member in sorted(packed.namelist()):
            inside = f"{name}/{member}"
            is_behind = last.startswith(f"{name}/") and inside < last
            if member.startswith("archive/") and member.endswith(_RECORDS) and not is_behind:
                with packed.open(member) as stream:
                    yield inside, stream


def _records(crawl: Crawl, stream: IO[bytes], after: int | None, named: Named) -> Iterator[tuple[int, Outcome]]:
    stream.seek(after or 0)
    records = ArchiveIterator(stream, arc2warc=True)
    if after is not None:
        next(records, None)  # it has been read
    for record in records:
        yield records.offset, _record(crawl, record, named) if record.rec_type in ("response", "resource") else None


def _record(crawl: Crawl, record: Record, named: Named) -> PageLine | RefusalLine | None:
    """The line of a record; none for what is no image and never claimed to be one.

    What a page names is remembered: its pictures come behind it, and are shown by it.
    """
    http = record.http_headers
    code = str(http.get_statuscode() or "") if http is not None else ""
    status = int(code) if code.isdecimal() and len(code) == 3 else 0
    url = str(record.rec_headers.get_header("WARC-Target-URI") or "")
    if not url or (http is not None and status != 200):
        return None
    content_type = str((http or record.rec_headers).get_header("Content-Type") or "")
    declared = content_type.partition(";")[0].strip().lower()
    data = record.content_stream().read(crawl.job.limits.max_picture_bytes + 1)
    if sniff(data) in (Content.OTHER, Content.VECTOR) and not declared.startswith("image/"):
        if declared in _PAGES and len(data) <= crawl.job.limits.max_page_bytes:
            _remember(named, crawl, data, url, content_type)
        return None
    page, context = named.get(url_key(url), ("", ""))
    return _line(
        crawl,
        url,
        data,
        page_url=page,
        found_in="warc",
        context=context,
        media_type=declared,
        status=status,
        response_headers=tuple((str(name), str(value)) for name, value in http.headers) if http is not None else (),
        peer=str(record.rec_headers.get_header("WARC-IP-Address") or ""),
        fetched_at=_date(str(record.rec_headers.get_header("WARC-Date") or "")),
    )


def _remember(named: Named, crawl: Crawl, data: bytes, url: str, content_type: str) -> None:
    with suppress(RefusedError):
        document = document_of(data, Kind.PAGE, url=url, content_type=content_type, token=crawl.job.user_agent.token)
        for image in document.images:
            named.setdefault(url_key(image.url), (url, image.context))
    while len(named) > _MAX_NAMED:
        named.popitem(last=False)


def _line(
    crawl: Crawl, url: str, data: bytes, *, found_in: str, context: str, page_url: str = "", **told: Untyped
) -> PageLine | RefusalLine:
    if refused := _refusal(crawl, data):
        return RefusalLine(url=url, reason=refused[0], sentence=refused[1])
    seen = crawl.stored(data, url, **told).at(page_url or url, url, found_in, context)
    status, at = seen.status, seen.fetched_at
    return PageLine(url=url, final_url=url, kind=Kind.IMAGE, depth=0, status=status, fetched_at=at, sightings=(seen,))


def _refusal(crawl: Crawl, data: bytes) -> tuple[str, str] | None:
    budget = crawl.budget
    if not data:
        return "empty", "There are no bytes."
    if refused := unfit(data, crawl.job.limits.max_picture_bytes):
        return refused
    if not (budget.take("pages") and budget.take("images") and budget.take("bytes", len(data))):
        return "budget", "The job had used up its budget."
    return None


def _date(text: str) -> datetime:
    """The time of a record; the present where it can't be read."""
    try:
        return parse_rfc3339(text)
    except ValueError:
        return now()
