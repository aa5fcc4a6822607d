"""Lists that archives of the web publish: WAT, what their pages link to, and CDX, what they hold."""

import json
from collections.abc import Iterator
from typing import BinaryIO, TypeVar

from warcio.archiveiterator import ArchiveIterator

from crawler.lists.line import IMAGE, PAGE, Line
from crawler.lists.tables import text_lines
from crawler.reading.found import absolute, plain
from exhibit.types import Json, Untyped

MAX_RECORD = 32 << 20
"""Bytes of a WAT record; a longer one is passed over."""

T = TypeVar("T")
_LEGEND = "N b a m s k r M S V g"
_PAGES = ("text/html", "application/xhtml+xml")


def read_cdx(stream: BinaryIO) -> Iterator[Line]:
    """The lines of a CDX file with its legend, or of a CDXJ file, whose third field is JSON.

    Formats: https://archive.org/web/researcher/cdx_legend.php and https://specs.webrecorder.net/cdxj/0.1.0/.
    """
    legend = _LEGEND.split()
    for raw in text_lines(stream):
        text = "" if raw is None else raw.decode("utf-8", "replace").strip()
        if text.startswith("CDX "):
            legend = text.split()[1:]
        elif raw is None:
            yield Line("", problem="line-too-long")
        elif text and text[0] != "!":
            yield _capture(text, legend)


def _capture(text: str, legend: list[str]) -> Line:
    if (begin := text.find(" {")) > 0:
        try:
            told = json.loads(text[begin:])
            url, mime, status = (str(told.get(name, "")) for name in ("url", "mime", "status"))
        except (ValueError, AttributeError, RecursionError):
            return Line(text[:80], problem="not-json")
    else:
        named = dict(zip(legend, text.split(" "), strict=False))
        url, mime, status = (named.get(letter, "") for letter in "ams")
    if not url or not mime:
        return Line(text[:80], problem="not-cdx")
    kind = IMAGE if mime.startswith("image/") else PAGE
    problem = "" if kind == IMAGE or mime in _PAGES else "other-kind"
    return Line(url, kind, problem="status" if status not in ("", "-", "200") else problem)


def read_wat(stream: BinaryIO) -> Iterator[Line]:
    """The images and links of each page of a WAT file, as Common Crawl writes it: metadata records of JSON.

    An image has the page that shows it, and its ``alt`` as caption. Raises ``EOFError`` for a file that ends early.
    """
    for record in ArchiveIterator(stream):
        if record.rec_type != "metadata":
            continue
        data = record.content_stream().read(MAX_RECORD + 1)
        length = str(record.rec_headers.get_header("Content-Length"))
        if length.isdecimal() and len(data) < min(int(length), MAX_RECORD):
            raise EOFError
        page = str(record.rec_headers.get_header("WARC-Target-URI") or "")
        try:
            yield from _links(json.loads(data), page)
        except (ValueError, RecursionError):
            yield Line(page, problem="not-json")
    stream.read(1)  # the iterator takes a file that ends within a record's head for whole


def _links(told: Json, page: str) -> Iterator[Line]:
    for name in ("Envelope", "Payload-Metadata", "HTTP-Response-Metadata", "HTML-Metadata"):
        told = _of(told, name, dict)
    base = absolute(page, _of(_of(told, "Head", dict), "Base", str)) or page
    for link in _of(told, "Links", list):
        path, address = _of(link, "path", str), _of(link, "url", str)
        if not (url := absolute(base, address)):
            yield Line(address, problem="bad-url")
        elif path.startswith("IMG@/"):
            yield Line(url, IMAGE, page_url=page, context=plain(_of(link, "alt", str) or _of(link, "title", str)))
        else:
            yield Line(url, PAGE, problem="" if path.startswith(("A@/", "AREA@/")) else "other-kind")


def _of(told: Untyped, name: str, kind: type[T]) -> T:
    found = told.get(name) if isinstance(told, dict) else None
    return found if isinstance(found, kind) else kind()
