"""Sources that are files: a folder of pictures, and WARC files. Nothing is asked of the network."""

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed

from crawler.crawl import Crawl
from crawler.found import plain
from crawler.job import Kind, SourceKind
from crawler.lines import EndLine, Headers, PageLine, RefusalLine, Sighting
from crawler.sniff import Content, sniff
from exhibit.clock import now, parse_rfc3339
from exhibit.errors import ExitCode, WrongUseError

Record: TypeAlias = Any
"""A record of warcio, which has no types."""

_WARCS = (".warc", ".warc.gz")


def read_files(crawl: Crawl) -> ExitCode:
    """Read the job's folders and WARC files; each picture becomes a page line of one sighting.

    Raises:
        WrongUseError: a path isn't there.
    """
    for source in crawl.job.sources:
        path = source.path
        if path is None or not path.exists():
            raise WrongUseError(f"job.sources: there is no {path}.")
        lines = _folder(crawl, path) if source.kind is SourceKind.FOLDER else _warcs(crawl, path)
        if not all(_write(crawl, line) for line in lines):
            break
    crawl.write(EndLine(reason=crawl.budget.spent or "finished", counts=crawl.budget.counts()))
    return ExitCode.DONE


def _write(crawl: Crawl, line: PageLine | RefusalLine) -> bool:
    """Write a line; false when the budget is spent."""
    if isinstance(line, RefusalLine):
        crawl.budget.refuse(line.reason)
    else:
        crawl.budget.line(len(line.sightings), Counter())
    crawl.write(line)
    return not crawl.budget.spent


def _folder(crawl: Crawl, folder: Path) -> Iterator[PageLine | RefusalLine]:
    """Every file below a folder, in the order of their paths."""
    for path in [folder] if folder.is_file() else sorted(one for one in folder.rglob("*") if not one.is_dir()):
        uri = path.absolute().as_uri()
        if path.is_symlink() or not path.is_file():
            yield RefusalLine(url=uri, reason="link", sentence="Links and special files in a folder aren't read.")
            continue
        with path.open("rb") as stream:
            data = stream.read(crawl.job.limits.max_picture_bytes + 1)
        yield _line(crawl, uri, data, _Origin(found_in="file", context=path.stem))


def _warcs(crawl: Crawl, path: Path) -> Iterator[PageLine | RefusalLine]:
    """Every response and resource that is an image in the WARC files (ISO 28500)."""
    for name in [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.name.endswith(_WARCS)):
        with name.open("rb") as stream:
            yield from _warc(crawl, name, stream)


def _warc(crawl: Crawl, path: Path, stream: BinaryIO) -> Iterator[PageLine | RefusalLine]:
    try:
        for record in ArchiveIterator(stream):
            if record.rec_type in ("response", "resource"):
                yield from _record(crawl, record)
    except (ArchiveLoadFailed, EOFError, OSError, zlib.error) as error:
        sentence = f"The file can't be read further: {error}."
        yield RefusalLine(url=path.absolute().as_uri(), reason="unreadable", sentence=sentence)


def _record(crawl: Crawl, record: Record) -> Iterator[PageLine | RefusalLine]:
    """The line of a record; none for what is no image and never claimed to be one."""
    http = record.http_headers
    code = str(http.get_statuscode() or "") if http is not None else ""
    status = int(code) if code.isdecimal() and len(code) == 3 else 0
    url = str(record.rec_headers.get_header("WARC-Target-URI") or "")
    if not url or (http is not None and status != 200):
        return
    declared = str((http or record.rec_headers).get_header("Content-Type") or "").partition(";")[0].strip().lower()
    data = record.content_stream().read(crawl.job.limits.max_picture_bytes + 1)
    if sniff(data) in (Content.OTHER, Content.VECTOR) and not declared.startswith("image/"):
        return
    origin = _Origin(
        found_in="warc",
        media_type=declared,
        status=status,
        headers=tuple((str(name), str(value)) for name, value in http.headers) if http is not None else (),
        peer=str(record.rec_headers.get_header("WARC-IP-Address") or ""),
        fetched_at=_date(str(record.rec_headers.get_header("WARC-Date") or "")),
    )
    yield _line(crawl, url, data, origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    found_in: str
    context: str = ""
    media_type: str = ""
    status: int = 0
    headers: Headers = ()
    peer: str = ""
    fetched_at: datetime = field(default_factory=now)


def _line(crawl: Crawl, url: str, data: bytes, origin: _Origin) -> PageLine | RefusalLine:
    refused = _refusal(crawl, data)
    if refused is not None:
        return RefusalLine(url=url, reason=refused[0], sentence=refused[1])
    sighting = Sighting(
        page_url=url,
        image_url=url,
        final_url=url,
        digest=crawl.spool.put(data),
        size=len(data),
        media_type=origin.media_type,
        status=origin.status,
        request_headers=(),
        response_headers=origin.headers,
        peer=origin.peer,
        fetched_at=origin.fetched_at,
        found_in=origin.found_in,
        context=plain(origin.context),
    )
    return PageLine(
        url=url,
        final_url=url,
        kind=Kind.IMAGE,
        depth=0,
        status=origin.status,
        fetched_at=origin.fetched_at,
        sightings=(sighting,),
    )


def _refusal(crawl: Crawl, data: bytes) -> tuple[str, str] | None:
    budget = crawl.budget
    if not data:
        return "empty", "There are no bytes."
    if len(data) > crawl.job.limits.max_picture_bytes:
        return "too-large", "There are more bytes than are taken."
    content = sniff(data)
    if content is Content.VECTOR:
        return "vector-image", "Vector drawings aren't compared."
    if content is Content.OTHER:
        return "not-an-image", "The bytes aren't an image."
    if not (budget.begin_visit() and budget.begin_image() and budget.take_bytes(len(data))):
        return "budget", "The job had used up its budget."
    return None


def _date(text: str) -> datetime:
    """The time of a record; the present where it can't be read."""
    try:
        return parse_rfc3339(text)
    except ValueError:
        return now()
