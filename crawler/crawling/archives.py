"""Web archives as sources: each image in their records becomes a page line, under the same rules as a web crawl."""

import base64
import hashlib
import json
import re
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC
from pathlib import Path
from typing import IO, TypeAlias, cast

from crawler.formats.job import Kind
from crawler.formats.lines import PageLine, RefusalLine, image_line
from crawler.reading import bodies
from crawler.reading.archives import MAX_PASSED, MAX_RATIO, Cause, Damage, Record, records
from crawler.reading.helper import document_of
from crawler.reading.sniff import Content, sniff
from crawler.state.crawl import Crawl
from exhibit.errors import ExhibitError, RefusedError
from exhibit.machine import blame_machine
from exhibit.network.addresses import url_key
from exhibit.periods import stated_time
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import Fetched, Headers, SeenElsewhere, SeenKind, Untyped

Outcome: TypeAlias = PageLine | RefusalLine | None

_RECORDS = (".warc", ".warc.gz", ".warc.zst", ".arc", ".arc.gz")
_PACKED = ".wacz"
ARCHIVES = (*_RECORDS, _PACKED)
"""File name suffixes of web archives: WARC (ISO 28500), ARC, and WACZ, which packs WARC files."""
POSITION = re.compile(r"[0-9]{1,18}(\+[0-9]{1,9})?")
_END = "9" * 18
"""Position of a file that cannot be read further for a reason other than its records."""
UNREADABLE = Reason.UNREADABLE
"""Reason for a line about an archive itself: part of it could not be read."""

_UNTYPED = ("", "application/octet-stream", "binary/octet-stream", "application/unknown", "no-type", "unk", "unknown")
"""Media types that servers and crawlers use for content of unknown type."""
_PAGES = ("text/html", "application/xhtml+xml")
_MAX_KNOWN = 50_000
_MAX_SEGMENTED = 16
"""Maximum number of segmented records that wait for their remaining segments at the same time."""
_MAX_NESTED = 2
"""Depth of nested packed archives: a collection packs one for each crawl."""
_OF_PAGE = re.compile(r"(?:urn:)?(?P<what>[a-z][a-z0-9-]{0,40}):(?P<page>https?://.+)", re.IGNORECASE | re.DOTALL)
"""URL schemes of browser-based crawlers for data derived from a page: ``urn:view:``, ``urn:pageinfo:``,
``screenshot:``."""
_SCREENSHOTS = ("view", "thumbnail", "fullpage", "screenshot")
SCREENSHOT = "screenshot"
"""``found_in`` of an image that an archiving program made of a page."""
ROOM = 1 << 20  # bytes allowed beside a body, for headers and chunk framing
_HTTP = re.compile(rb"HTTP/\d(?:\.\d)? +(\d{3})\b")
_END_OF_HEAD = re.compile(rb"\n\r*\n")  # matching what precedes it, too, takes quadratic time on a run of \r
_FOLD = re.compile(r"\r?\n[ \t]+")
_HASHES = {name: hashlib.new(name).digest_size for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")}
_MAX_PACKAGE = 8 << 20
_CUT_SEGMENTS = Sentence("The archive stores this record in segments, and some segments are missing.")
_CUT = Sentence("The archive is truncated within this record.")
_CAUSES = {
    Cause.NO_ARCHIVE: Sentence(
        "%(file)s is not a readable web archive. Download it again, or check its file name extension."
    ),
    Cause.NO_DICTIONARY: Sentence(
        "%(file)s is compressed by zstd with a dictionary that the file does not include. Decompress it "
        "with that dictionary (zstd -d -D DICTIONARY), and use the decompressed file."
    ),
    Cause.BAD_DICTIONARY: Sentence(
        "The dictionary in %(file)s cannot be used: it is damaged or larger than 8 MiB. Download the "
        "file again, or decompress it with the program that created it."
    ),
    Cause.WINDOW: Sentence(
        "%(file)s needs more than 128 MiB of memory to decompress at byte %(place)s. Decompress it "
        "yourself (zstd -d --long=31), and use the decompressed file."
    ),
    Cause.BOMB: Sentence(
        "The record at byte %(place)s of %(file)s decompresses to more than 256 MiB and more than "
        "%(times)s times its size. It was skipped."
    ),
}
_MISSING = Sentence("%(file)s refers to %(part)s, but does not contain it. Add that file to the import as well.")
_TRUNCATED = Sentence("The archive states that it did not save the whole response.")
WRONG = Sentence("The digest of the bytes differs from the digest that the archive states.")


@dataclass(slots=True)
class EarlierRecords:
    """Data from earlier records that later records need; the oldest entries are dropped."""

    digests: OrderedDict[bytes, tuple[str, str]] = field(default_factory=OrderedDict)
    """Image URLs that pages have named, by key: the page, and the surrounding words."""
    pictures: OrderedDict[object, tuple[Fetched, object]] = field(default_factory=OrderedDict)
    """Images that revisit records may refer to, with their stated digests; by digest, by record id, and by URL and
    date."""
    segmented: OrderedDict[str, "_Segmented"] = field(default_factory=OrderedDict)
    """Records whose remaining segments are pending, by the id of the first segment."""

    def keep(self, record: Record, seen: Fetched, digest: object) -> None:
        """Remember the image of a record under all keys that a revisit record may use."""
        address = url_key(seen.final_url)
        dated = address, stated_time(record.header("WARC-Date"))
        for key in (digest, record.header("WARC-Record-ID"), dated, (address, "")):
            if key:
                self.pictures[key] = seen, digest
        self.forget()

    def forget(self) -> None:
        """Drop the oldest entries above the limit."""
        for entries in (self.digests, self.pictures):
            while len(entries) > _MAX_KNOWN:
                cast("OrderedDict[object, object]", entries).popitem(last=False)


def is_archive(name: str) -> bool:
    """Return True if a file of this name is a web archive."""
    return name.lower().endswith(ARCHIVES)


def read_archive(
    crawl: Crawl, path: Path, name: str, last: tuple[str, str], earlier: EarlierRecords
) -> Iterator[tuple[str, str, Outcome]]:
    """Yield position, file name and line, if any, of each record of an archive.

    Reading starts after the ``last`` file and position, of this archive or of one before it.
    """
    nothing = Damage("0", is_end=True, cause=Cause.NO_ARCHIVE)
    try:
        parts = list(_parts(path, name, last[0]))
        missing = [] if last[0] == name else _missing(path, name)
    except Exception as error:
        blame_machine(error)
        if isinstance(error, MemoryError | ExhibitError):
            raise
        yield "0", name, _unreadable(path, name, nothing)
        return
    if not parts and not missing and last[0] != name:
        yield "0", name, _unreadable(path, name, nothing)
    yield from _read_parts(crawl, path, name, parts, last, earlier)
    end = (_END, parts[-1]) if parts else ("0", name)
    if last != end[::-1]:  # otherwise an earlier job has reported it
        for sentence in missing:
            yield *end, RefusalLine(url=path.absolute().as_uri(), reason=UNREADABLE, sentence=sentence)


def _read_parts(
    crawl: Crawl, path: Path, name: str, parts: Sequence[str], last: tuple[str, str], earlier: EarlierRecords
) -> Iterator[tuple[str, str, Outcome]]:
    for part in parts:
        after, position = last[1] if part == last[0] else "", "0"
        if after == _END:
            continue
        try:
            with _opened(path, name, part) as stream:
                for record in records(stream, after):
                    position = record.position
                    if isinstance(record, Damage):
                        yield position, part, _unreadable(path, part, record)
                    else:
                        yield position, part, _outcome(crawl, record, earlier)
        except (ExhibitError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - a parser that gets hostile bytes may raise anything
            blame_machine(error)
            cause = Cause.BOMB if isinstance(error, _BombError) else None
            yield _END, part, _unreadable(path, part, Damage(position, is_end=True, cause=cause))


def _parts(path: Path, name: str, last: str) -> Iterator[str]:
    """Yield the archive itself, or the paths of the WARC files that it packs (WACZ 1.1.1, 4), from the last one on."""
    if not path.name.lower().endswith(_PACKED):
        yield name
        return
    if last == name:
        return  # it could not be read
    with zipfile.ZipFile(path) as packed:
        for inside in sorted(_packed_in(packed, name, _MAX_NESTED)):
            if not (last.startswith(f"{name}/") and inside < last):
                yield inside


def _packed_in(packed: zipfile.ZipFile, name: str, levels: int) -> Iterator[str]:
    """Yield the paths of the files with records in a packed archive and in nested packed archives.

    A nested archive that cannot be opened is yielded itself, so that opening it reports the error.
    """
    for member in packed.namelist():
        inside, is_packed = f"{name}/{member}", member.lower().endswith(_PACKED)
        if member.lower().endswith(_RECORDS):
            yield inside
        elif is_packed and levels:
            try:
                with zipfile.ZipFile(_member(packed, member)) as inner:
                    yield from list(_packed_in(inner, inside, levels - 1)) or [inside]
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError, _BombError):
                yield inside
        elif is_packed:
            yield inside


def _missing(path: Path, name: str) -> list[Sentence]:
    """Return messages about archives that a collection (``multi-wacz-package``) lists as parts but does not contain."""
    if not path.name.lower().endswith(_PACKED):
        return []
    with zipfile.ZipFile(path) as packed:
        members = {member.rpartition("/")[2] for member in packed.namelist()}
        if "datapackage.json" not in packed.namelist():
            return []
        with packed.open("datapackage.json") as stream:
            data = stream.read(_MAX_PACKAGE)
    try:
        package = json.loads(data)
    except (ValueError, RecursionError):
        return []
    parts = package.get("resources") if isinstance(package, dict) else None
    paths = [part.get("path") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    archives = [path for path in paths if isinstance(path, str) and path.partition("?")[0].lower().endswith(_PACKED)]
    missing = [path for path in archives if path.partition("?")[0].rpartition("/")[2] not in members]
    return [Sentence(_MISSING.template, file=name, part=part) for part in missing]


class _BombError(Exception):
    """A file in a packed archive decompresses to far more data than any reader accepts."""


def _opened(path: Path, name: str, part: str) -> IO[bytes]:
    if part == name:
        return path.open("rb")
    source: Path | IO[bytes] = path
    rest = part.removeprefix(f"{name}/")
    while True:
        with zipfile.ZipFile(source) as packed:  # members opened from it stay open
            member = next(
                candidate for candidate in packed.namelist() if rest == candidate or rest.startswith(f"{candidate}/")
            )
            source, rest = _member(packed, member), rest[len(member) + 1 :]
        if not rest:
            return source


def _member(packed: zipfile.ZipFile, member: str) -> IO[bytes]:
    info = packed.getinfo(member)
    if info.file_size > MAX_PASSED + MAX_RATIO * info.compress_size:
        raise _BombError
    return packed.open(info)


def _unreadable(path: Path, part: str, damage: Damage) -> RefusalLine:
    """Return the line about an archive that could not be read completely."""
    place = damage.position.partition("+")[0]
    if damage.cause:
        sentence = Sentence(_CAUSES[damage.cause].template, file=part, place=place, times=MAX_RATIO)
    elif damage.is_end:
        sentence = Sentence(
            "%(file)s cannot be read beyond byte %(place)s. Download it again to read the rest.",
            file=part,
            place=place,
        )
    else:
        sentence = Sentence(
            "%(file)s is damaged at byte %(place)s. The content after the damage was read.", file=part, place=place
        )
    return RefusalLine(url=path.absolute().as_uri(), reason=UNREADABLE, sentence=sentence)


def _outcome(crawl: Crawl, record: Record, earlier: EarlierRecords) -> Outcome:
    """Return the line of a record; ``None``, counted as skipped, if it is not an image and not declared as one.

    Images named in a page are remembered: their records follow, and their lines name the page.
    """
    kind = record.header("WARC-Type").lower()
    if kind not in ("response", "resource", "revisit", "conversion", "continuation"):
        return None
    url = address_of(record)
    if not url:
        return _passed(crawl, "no-address")
    if kind == "conversion":
        return _passed(crawl, kind)
    limits = crawl.job.limits
    most = max(limits.max_picture_bytes, limits.max_page_bytes)
    if kind == "continuation" or record.header("WARC-Segment-Number").strip() == "1":
        return _segment(crawl, record, url, earlier, most)
    return _answer_outcome(crawl, Answer(record, url, record.read(most + ROOM), most), earlier)


@dataclass(slots=True)
class _Segmented:
    """A record in segments (WARC 1.1, 7): the first segment, and the block so far."""

    record: Record
    url: str
    block: bytearray
    length: int  # length of the block so far, including bytes that were not kept
    number: int = 1

    def whole(self, most: int) -> "Answer":
        """Return the record as if written in one piece, without the block digest, which covers only one segment."""
        left_out = ("warc-block-digest", "warc-segment-number")
        headers = tuple(pair for pair in self.record.headers if pair[0].lower() not in left_out)
        record = replace(self.record, headers=headers, unread_bytes=self.length - len(self.block))
        return Answer(record, self.url, bytes(self.block), most)


def _segment(crawl: Crawl, record: Record, url: str, earlier: EarlierRecords, most: int) -> Outcome:
    """Process a segment; the last one returns the line of the whole record."""
    is_first = record.header("WARC-Type").lower() != "continuation"
    name = record.header("WARC-Record-ID" if is_first else "WARC-Segment-Origin-ID").strip()
    if is_first:
        data = record.read(most + ROOM)
        earlier.segmented[name] = _Segmented(record, url, bytearray(data), record.length)
        dropped = earlier.segmented.popitem(last=False)[1] if len(earlier.segmented) > _MAX_SEGMENTED else None
        return None if dropped is None else _incomplete(crawl, dropped, most)
    segmented = earlier.segmented.get(name)
    if segmented is None or record.header("WARC-Segment-Number").strip() != str(segmented.number + 1):
        return _passed(crawl, "continuation")
    segmented.block += record.read(most + ROOM - len(segmented.block))
    is_cut = record.unread_bytes and len(segmented.block) < most + ROOM
    segmented.number, segmented.length = segmented.number + 1, segmented.length + record.length
    total = record.header("WARC-Segment-Total-Length").strip()
    if not total and not is_cut:
        return None
    del earlier.segmented[name]
    if is_cut or total != str(segmented.length):
        return _incomplete(crawl, segmented, most)
    return _answer_outcome(crawl, segmented.whole(most), earlier)


def _incomplete(crawl: Crawl, segmented: _Segmented, most: int) -> Outcome:
    """Return the line about a record with missing segments."""
    if not segmented.whole(most).is_picture:
        return _passed(crawl, Reason.INCOMPLETE)
    return RefusalLine(url=segmented.url, reason=Reason.INCOMPLETE, sentence=_CUT_SEGMENTS)


def unfinished(crawl: Crawl, earlier: EarlierRecords) -> Iterator[RefusalLine]:
    """Yield lines about records whose remaining segments are in none of the archives."""
    limits = crawl.job.limits
    most = max(limits.max_picture_bytes, limits.max_page_bytes)
    while earlier.segmented:
        line = _incomplete(crawl, earlier.segmented.popitem(last=False)[1], most)
        if isinstance(line, RefusalLine):
            yield line


def _answer_outcome(crawl: Crawl, answer: "Answer", earlier: EarlierRecords) -> Outcome:
    kind = answer.record.header("WARC-Type").lower()
    if kind == "revisit":
        return _revisit(crawl, answer, earlier)
    if kind == "response" and not answer.is_http:
        return _passed(crawl, "not-http")
    return _read_answer(crawl, answer, earlier)


def address_of(record: Record) -> str:
    """Return the captured URL of a record; empty if it names none."""
    return record.header("WARC-Target-URI").removeprefix("<").removesuffix(">").replace(" ", "%20")


class Answer:
    """A response as stored in a record."""

    def __init__(self, record: Record, url: str, block: bytes, most: int) -> None:
        self.record, self.url, self.block, self.most = record, url, block, most
        self.status, self.sent = 0, block
        self.headers: Headers = ()
        self.has_head = True
        head = _HTTP.match(block)
        self.is_http = head is not None and record.header("WARC-Type").lower() != "resource"
        if head is not None and self.is_http:
            end = _END_OF_HEAD.search(block)
            self.has_head = end is not None
            self.status = int(head[1])
            self.headers = _fields(block[: end.start() if end else len(block)])
            self.sent = block[end.end() :] if end else b""
        content_type = bodies.field(self.headers, "content-type") if self.is_http else record.header("Content-Type")
        self.content_type = content_type
        self.media_type = content_type.partition(";")[0].strip().lower()
        self.is_picture = self.media_type.startswith("image/") or sniff(self.sent) is Content.IMAGE

    def body(self) -> bytes:
        """Return the body.

        Raises:
            RefusedError: The body is incomplete, or does not match the archive's digest.
        """
        record = self.record
        if record.unread_bytes and len(self.block) < self.most + ROOM:
            raise RefusedError(_CUT, reason=Reason.INCOMPLETE)
        if record.header("WARC-Truncated") or record.header("WARC-Segment-Number"):
            raise RefusedError(_TRUNCATED, reason=Reason.INCOMPLETE)
        if not self.has_head:
            raise RefusedError(_CUT, reason=Reason.INCOMPLETE)
        if self.is_http and (problem := bodies.status_problem(self.status, self._header("content-range"))):
            raise RefusedError(problem[1], reason=problem[0])
        if record.unread_bytes:
            raise RefusedError(Sentence("The content exceeds the size limit."), reason=Reason.TOO_LARGE)
        body = bodies.whole_body(self.sent, self.headers, self.most)
        if not self._fits(body):
            raise RefusedError(WRONG, reason=Reason.WRONG_DIGEST)
        return body

    def _header(self, name: str) -> str:
        return bodies.field(self.headers, name)

    def _fits(self, body: bytes) -> bool:
        """Return True if the bytes match the archive's digest.

        Writers compute the digest of a payload before or after its codings; if it cannot be checked, the block digest
        is used.
        """
        if payload := _digest(self.record.header("WARC-Payload-Digest")):
            return self.has(payload, body)
        block = _digest(self.record.header("WARC-Block-Digest"))
        return block is None or hashlib.new(block[0], self.block).digest() == block[1]

    def has(self, digest: tuple[str, bytes], body: bytes) -> bool:
        """Return True if a digest is that of the payload, before or after its codings."""
        whole = self.sent, bodies.content(self.sent, self.headers, self.most), body
        return any(hashlib.new(digest[0], data).digest() == digest[1] for data in whole)

    def facts(self) -> dict[str, Untyped]:
        """Return the facts of the response other than its bytes."""
        moment, period = stated_time(self.record.header("WARC-Date"))
        return {
            "media_type": self.media_type,
            "status": self.status,
            "response_headers": self.headers,
            "peer": self.record.header("WARC-IP-Address"),
            "fetched_at": moment,
            "period": period,
        }


def _read_answer(crawl: Crawl, answer: Answer, earlier: EarlierRecords) -> Outcome:
    try:
        data = answer.body()
    except RefusedError as error:
        if not answer.is_picture or error.reason.startswith("http-"):
            return _passed(crawl, error.reason)
        return RefusalLine(url=answer.url, reason=error.reason, sentence=error.message)
    content = sniff(data)
    is_picture = content is Content.IMAGE or (content is Content.UNKNOWN and answer.media_type in _UNTYPED)
    if not is_picture and not answer.media_type.startswith("image/"):
        _remember(earlier, crawl, data, answer)
        return None
    if refused := crawl.unkept(data):
        return RefusalLine(url=answer.url, reason=refused[0], sentence=refused[1])
    picture = crawl.stored(data, answer.url, **answer.facts())
    if (of_page := _OF_PAGE.fullmatch(answer.url)) and of_page["what"].lower().startswith(_SCREENSHOTS):
        return image_line(picture.at(of_page["page"], answer.url, SCREENSHOT, "", _recorded(picture)))
    earlier.keep(answer.record, picture, _stated_digest(answer.record))
    return _line(picture, earlier)


def _revisit(crawl: Crawl, answer: Answer, earlier: EarlierRecords) -> Outcome:
    """Return the line of a revisit record, which refers to an earlier response's bytes, at the same or another URL."""
    record = answer.record
    if answer.is_http and not (answer.status == 304 or 200 <= answer.status < 300):
        return _passed(crawl, f"http-{answer.status}")
    digest, date = _stated_digest(record), record.header("WARC-Refers-To-Date")
    target = record.header("WARC-Refers-To-Target-URI").removeprefix("<").removesuffix(">") or answer.url
    references = record.header("WARC-Refers-To"), (url_key(target), stated_time(date) if date else "")
    matches = (earlier.pictures[key] for key in (digest, *references) if key in earlier.pictures)
    picture, its = next(matches, (None, ""))
    if picture is None or (digest and its and digest != its):
        return _passed(crawl, "revisit")
    if not crawl.budget.take("pages") or not crawl.budget.take("images"):
        return RefusalLine(url=answer.url, reason=Reason.BUDGET, sentence="The job had used up its budget.")
    facts = answer.facts()
    if not answer.is_http or answer.status == 304:
        facts["status"] = picture.status
    if not answer.media_type or not answer.is_http:
        facts["media_type"] = picture.media_type
    again = replace(picture, final_url=answer.url, **facts)
    earlier.keep(record, again, its)
    return _line(again, earlier)


def _passed(crawl: Crawl, reason: str) -> Outcome:
    crawl.budget.pass_over(reason)
    return None


def _line(picture: Fetched, earlier: EarlierRecords) -> PageLine:
    url = picture.final_url
    page, context = earlier.digests.get(url_key(url), ("", ""))
    return image_line(picture.at(page or url, url, "warc", context, _recorded(picture)))


def _recorded(picture: Fetched) -> tuple[SeenElsewhere, ...]:
    """Return the archive's statement of when it recorded an image."""
    moment = picture.fetched_at
    stated_time = picture.period if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (SeenElsewhere(kind=SeenKind.ARCHIVE_RECORDED, stated=stated_time),) if stated_time else ()


def _remember(earlier: EarlierRecords, crawl: Crawl, data: bytes, answer: Answer) -> None:
    """Remember the images that a page names."""
    if answer.media_type not in _PAGES or len(data) > crawl.job.limits.max_page_bytes:
        _passed(crawl, Reason.TOO_LARGE if answer.media_type in _PAGES else Reason.NOT_AN_IMAGE)
        return
    about = {"url": answer.url, "content_type": answer.content_type}
    with suppress(RefusedError):
        document = document_of(data, Kind.PAGE, **about, token=crawl.job.user_agent.token)
        for image in document.images:
            earlier.digests.setdefault(url_key(image.url), (answer.url, image.context))
    earlier.forget()


def _fields(head: bytes) -> Headers:
    """Parse the fields of an HTTP head, without its first line."""
    text = _FOLD.sub(" ", head.decode("latin-1").replace("\0", ""))
    pairs = (line.rstrip("\r").partition(":") for line in text.split("\n")[1:])
    return tuple((name.strip(), value.strip()) for name, colon, value in pairs if colon)


def _stated_digest(record: Record) -> object:
    """Return a normalised digest of a record's payload; empty if none is stated."""
    text = record.header("WARC-Payload-Digest")
    return _digest(text) or text.lower()


def _digest(text: str) -> tuple[str, bytes] | None:
    """Parse a labelled digest (WARC 1.1, 5.8 and 5.9) into algorithm and value; ``None`` if it cannot be checked."""
    name, _, value = text.strip().partition(":")
    name, value = name.lower().replace("-", ""), value.strip()
    size = _HASHES.get(name, 0)
    with suppress(ValueError):
        if size and len(value) == 2 * size:
            return name, bytes.fromhex(value)
        value = value.upper().rstrip("=")
        decoded = base64.b32decode(value + "=" * (-len(value) % 8))
        if size and len(decoded) == size:
            return name, decoded
    return None
