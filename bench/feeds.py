"""Feeds of other programs' test suites: the crawler reads each one, or refuses it for a reason of its own."""

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.packages import fetched
from bench.table import Row, Titled
from crawler.formats.job import Kind
from crawler.reading.helper import document_of
from exhibit.errors import RefusedError
from exhibit.helper import HelperDiedError

URL = "http://feeds.example/feed"
NEITHER = "neither"
_ADDRESSES, _NO_ENTRIES, _NO_ADDRESS, _REFUSED = (
    "read: addresses of entries or pictures",
    "read: it has no entries",
    "read: no entry names an address",
    "refused with a reason",
)
_CONTENT_TYPE = re.compile(rb"Header:\s+Content-type:[ \t]*([^\r\n]+)", re.IGNORECASE)
"""What the tests of feedparser have their server say: it stands in a comment of the file."""
_ENTRY = re.compile(rb"<(?:\w+:)?(?:item|entry)[\s/>]|\"items\"", re.IGNORECASE)
_SOURCE = re.compile(rb"<(?:\w+:)?source[\s>].*?</(?:\w+:)?source>", re.IGNORECASE | re.DOTALL)
"""Of an entry taken from another feed: what is said of that."""
_ADDRESS = re.compile(
    rb"""<(?:\w+:)?link\b(?![^>]*\srel\s*=\s*["']?+(?!alternate))[^>]*\shref\s*=\s*["'][^"']
    | <(?:\w+:)?link\b[^>/]*>\s*[^<\s]
    | <(?:\w+:)?guid\b(?![^>]*=\s*["']?+false)[^>]*>\s*https?:[^<\[]+<
    | <(?:\w+:)?enclosure\b(?![^>]*\stype\s*=\s*["']?+(?!image))[^>]*\surl\s*=\s*["'][^"']
    | <media:(?:thumbnail|content)\b(?![^>]*\s(?:type|medium)\s*=\s*["']?+(?!image))[^>]*\surl\s*=\s*["'][^"']
    | (?:<|&lt;)(?:\w+:)?img\b[^>]*?\ssrc\s*=
    | "(?:external_)?url"\s*:\s*"[^"]""",
    re.IGNORECASE | re.VERBOSE,
)
"""The page of an entry, or a picture of it."""


@dataclass(frozen=True, slots=True)
class Suite:
    """Feeds in a package: where they lie in it, and what their names end with."""

    registry: str
    package: str
    version: str
    folder: str
    suffixes: Sequence[str] = (".xml", ".json")


SUITES = (
    Suite("pypi-source", "feedparser", "6.0.11", "feedparser-6.0.11/tests"),
    Suite(
        "debian",
        "golang-github-mmcdole-gofeed-dev",
        "1.1.3-1",
        "usr/share/gocode/src/github.com/mmcdole/gofeed/testdata",
    ),
    Suite("pypi-source", "reader", "3.26", "reader-3.26/tests/data", (".atom", ".rss", ".json")),
    Suite("npm", "jsonfeed-to-atom", "1.2.5", "package", ("test-feed.json",)),
)


def measure(out: Path) -> Iterator[Titled]:
    """Read all feeds of all suites that can be fetched; names on stderr what was neither read nor refused."""
    rows: list[Row] = []
    said: Counter[str] = Counter()
    for suite in SUITES:
        folder = fetched(out / "feeds", suite.registry, suite.package, suite.version)
        if folder is not None:
            rows.append(_row(suite, sorted(_feeds(folder / suite.folder, suite.suffixes)), said))
    yield "feeds", "Feeds of other programs' test suites", rows
    refused = [{"said of what is refused": sentence, "feeds": number} for sentence, number in said.most_common()]
    yield "feeds_refused", "Why feeds are refused", refused


def outcome(data: bytes) -> tuple[str, str]:
    """What becomes of a feed: read with what, refused or neither, and the sentence where there is one."""
    typed = _CONTENT_TYPE.search(data)
    content_type = typed[1].decode("latin-1").strip() if typed else ""
    try:
        document = document_of(data, Kind.FEED, url=URL, content_type=content_type)
    except RefusedError as refused:
        has_broken = isinstance(refused.__cause__, HelperDiedError)
        return (NEITHER if has_broken else _REFUSED), refused.message
    if document.links or document.images:
        return _ADDRESSES, ""
    plain = _SOURCE.sub(b"", data.replace(b"\0", b""))  # without the zeros of UTF-16 and UTF-32
    entry = _ENTRY.search(plain)
    if entry is None:
        return _NO_ENTRIES, ""
    return (NEITHER if _ADDRESS.search(plain, entry.start()) else _NO_ADDRESS), ""


def _feeds(folder: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    """The feeds of a suite; a JSON file beside a feed of the same name is what its tests expect."""
    for path in folder.rglob("*"):
        expected = path.stem.endswith("_expected") or (path.suffix == ".json" and path.with_suffix(".xml").exists())
        if path.is_file() and path.name.endswith(tuple(suffixes)) and not expected:
            yield path


def _row(suite: Suite, feeds: Sequence[Path], said: Counter[str]) -> Row:
    counted: Counter[str] = Counter()
    for path in feeds:
        kind, sentence = outcome(path.read_bytes())
        counted[kind] += 1
        if kind == _REFUSED:
            said[re.sub("<.*?>", "<…>", sentence)] += 1
        if kind == NEITHER:
            print(f"neither read nor refused: {path} {sentence}", file=sys.stderr)
    kinds = (_ADDRESSES, _NO_ENTRIES, _NO_ADDRESS, _REFUSED, NEITHER)
    return {
        "suite": f"{suite.package} {suite.version}",
        "feeds": len(feeds),
        "of them JSON": sum(path.suffix == ".json" for path in feeds),
    } | {kind: counted[kind] for kind in kinds}
