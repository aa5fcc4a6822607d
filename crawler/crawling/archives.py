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
from crawler.formats.lines import PageLine, RefusalLine, build_image_line
from crawler.reading import bodies
from crawler.reading.archives import MAX_RATIO, MAX_SKIPPED_BYTES, Cause, Damage, Record, read_records
from crawler.reading.helper import parse_document
from crawler.reading.sniff import ContentKind, sniff
from crawler.state.crawl import Crawl
from exhibit.errors import ExhibitError, RefusedError
from exhibit.machine import raise_machine_fault
from exhibit.network.addresses import compute_url_key
from exhibit.periods import parse_stated_time
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from exhibit.types import FetchedPicture, Headers, SourceStatement, SourceStatementKind, Untyped

Outcome: TypeAlias = PageLine | RefusalLine | None

_RECORD_SUFFIXES = (".warc", ".warc.gz", ".warc.zst", ".arc", ".arc.gz")
_WACZ_SUFFIX = ".wacz"
ARCHIVE_SUFFIXES = (*_RECORD_SUFFIXES, _WACZ_SUFFIX)
"""File name suffixes of web archives: WARC (ISO 28500), ARC, and WACZ, which packs WARC files."""
POSITION_PATTERN = re.compile(r"[0-9]{1,18}(\+[0-9]{1,9})?")
_END_POSITION = "9" * 18
"""Position after a file that cannot be read further, for a reason other than its records."""
UNREADABLE = Reason.UNREADABLE
"""Reason for a line about an archive itself: part of it could not be read."""

_UNKNOWN_MEDIA_TYPES = (
    "",
    "application/octet-stream",
    "binary/octet-stream",
    "application/unknown",
    "no-type",
    "unk",
    "unknown",
)
"""Media types that servers and crawlers use for content of unknown type."""
_PAGE_MEDIA_TYPES = ("text/html", "application/xhtml+xml")
_MAX_ENTRIES = 50_000
_MAX_SEGMENTED_RECORDS = 16
"""Maximum number of records whose remaining segments are pending at the same time."""
_MAX_NESTING_DEPTH = 2
"""Maximum depth of nested WACZ files: a collection contains one for each crawl."""
_DERIVED_URL = re.compile(r"(?:urn:)?(?P<what>[a-z][a-z0-9-]{0,40}):(?P<page>https?://.+)", re.IGNORECASE | re.DOTALL)
"""URL schemes of browser-based crawlers for data derived from a page: ``urn:view:``, ``urn:pageinfo:``,
``screenshot:``."""
_SCREENSHOT_TYPES = ("view", "thumbnail", "fullpage", "screenshot")
SCREENSHOT = "screenshot"
"""``found_in`` of a screenshot that an archiving program took of a page."""
OVERHEAD_BYTES = 1 << 20  # bytes allowed in addition to a body, for headers and chunk framing
_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? +(\d{3})\b")
_HEADERS_END = re.compile(rb"\n\r*\n")  # also matching the text before it would take quadratic time on a run of \r
_FOLDED_LINE_BREAK = re.compile(r"\r?\n[ \t]+")
_HASH_SIZES = {name: hashlib.new(name).digest_size for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")}
_MAX_PACKAGE_BYTES = 8 << 20
_SEGMENTS_MISSING = Sentence("The archive stores this record in segments, and some segments are missing.")
_RECORD_TRUNCATED = Sentence("The archive ends in the middle of this record.")
_CAUSE_SENTENCES = {
    Cause.NO_ARCHIVE: Sentence(
        "%(file)s is not a readable web archive. Download it again, or check its file name extension."
    ),
    Cause.NO_DICTIONARY: Sentence(
        "%(file)s is compressed with zstd, using a dictionary that is not in the file. Decompress it "
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
        "The record at byte %(place)s of %(file)s decompresses to more than 256 MiB and to more than "
        "%(times)s times its compressed size. It was skipped."
    ),
}
_PART_MISSING = Sentence("%(file)s refers to %(part)s, but does not contain it. Add that file to the import as well.")
_RESPONSE_TRUNCATED = Sentence("According to the archive, it did not save the whole response.")
DIGEST_MISMATCH = Sentence("The digest of the content differs from the digest recorded in the archive.")


@dataclass(slots=True)
class EarlierRecords:
    """Data of earlier records that later records refer to; the oldest entries are dropped."""

    contexts: OrderedDict[bytes, tuple[str, str]] = field(default_factory=OrderedDict)
    """Page URL and surrounding words of images that pages have named, by the key of the image URL."""
    pictures: OrderedDict[object, tuple[FetchedPicture, object]] = field(default_factory=OrderedDict)
    """Images that revisit records may refer to, with their stated digests; by digest, by record id, and by URL and
    date."""
    segmented_records: OrderedDict[str, "_SegmentedRecord"] = field(default_factory=OrderedDict)
    """Records whose remaining segments are pending, by the id of the first segment."""

    def remember(self, record: Record, picture: FetchedPicture, digest: object) -> None:
        """Remember the image of a record under all keys that a revisit record may use."""
        address_key = compute_url_key(picture.final_url)
        dated_key = address_key, parse_stated_time(record.get_header("WARC-Date"))
        for key in (digest, record.get_header("WARC-Record-ID"), dated_key, (address_key, "")):
            if key:
                self.pictures[key] = picture, digest
        self.drop_oldest()

    def drop_oldest(self) -> None:
        """Drop the oldest entries above the limit."""
        for entries in (self.contexts, self.pictures):
            while len(entries) > _MAX_ENTRIES:
                cast("OrderedDict[object, object]", entries).popitem(last=False)


def is_archive_file(name: str) -> bool:
    """Return True if a file of this name is a web archive."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def read_archive(
    crawl: Crawl, path: Path, name: str, resume_after: tuple[str, str], earlier: EarlierRecords
) -> Iterator[tuple[str, str, Outcome]]:
    """Yield the position, file name and line (if any) of each record of an archive.

    Reading starts after ``resume_after``: a file and a position in this archive or in an earlier one.
    """
    no_archive = Damage("0", is_end=True, cause=Cause.NO_ARCHIVE)
    try:
        parts = list(_list_parts(path, name, resume_after[0]))
        missing_sentences = [] if resume_after[0] == name else _find_missing_parts(path, name)
    except Exception as error:
        raise_machine_fault(error)
        if isinstance(error, MemoryError | ExhibitError):
            raise
        yield "0", name, _build_unreadable_line(path, name, no_archive)
        return
    if not parts and not missing_sentences and resume_after[0] != name:
        yield "0", name, _build_unreadable_line(path, name, no_archive)
    yield from _read_parts(crawl, path, name, parts, resume_after, earlier)
    end_position = (_END_POSITION, parts[-1]) if parts else ("0", name)
    if resume_after != end_position[::-1]:  # an earlier job has not reported the missing parts
        for sentence in missing_sentences:
            yield *end_position, RefusalLine(url=path.absolute().as_uri(), reason=UNREADABLE, sentence=sentence)


def _read_parts(
    crawl: Crawl, path: Path, name: str, parts: Sequence[str], resume_after: tuple[str, str], earlier: EarlierRecords
) -> Iterator[tuple[str, str, Outcome]]:
    for part in parts:
        after, position = resume_after[1] if part == resume_after[0] else "", "0"
        if after == _END_POSITION:
            continue
        try:
            with _open_part(path, name, part) as stream:
                for record in read_records(stream, after):
                    position = record.position
                    if isinstance(record, Damage):
                        yield position, part, _build_unreadable_line(path, part, record)
                    else:
                        yield position, part, _process_record(crawl, record, earlier)
        except (ExhibitError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - a parser that gets hostile bytes may raise anything
            raise_machine_fault(error)
            cause = Cause.BOMB if isinstance(error, _DecompressionBombError) else None
            yield _END_POSITION, part, _build_unreadable_line(path, part, Damage(position, is_end=True, cause=cause))


def _list_parts(path: Path, name: str, resume_after: str) -> Iterator[str]:
    """Yield the archive itself, or the WARC files in a WACZ file (WACZ 1.1.1, section 4), from ``resume_after`` on."""
    if not path.name.lower().endswith(_WACZ_SUFFIX):
        yield name
        return
    if resume_after == name:
        return  # an earlier job could not read it
    with zipfile.ZipFile(path) as wacz:
        for member_path in sorted(_list_packed_files(wacz, name, _MAX_NESTING_DEPTH)):
            if not (resume_after.startswith(f"{name}/") and member_path < resume_after):
                yield member_path


def _list_packed_files(wacz: zipfile.ZipFile, name: str, levels: int) -> Iterator[str]:
    """Yield the paths of the files with records in a packed archive and in nested packed archives.

    A nested archive that cannot be opened is yielded itself, so that opening it reports the error.
    """
    for member in wacz.namelist():
        member_path, is_wacz = f"{name}/{member}", member.lower().endswith(_WACZ_SUFFIX)
        if member.lower().endswith(_RECORD_SUFFIXES):
            yield member_path
        elif is_wacz and levels:
            try:
                with zipfile.ZipFile(_open_member(wacz, member)) as inner_wacz:
                    yield from list(_list_packed_files(inner_wacz, member_path, levels - 1)) or [member_path]
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError, _DecompressionBombError):
                yield member_path
        elif is_wacz:
            yield member_path


def _find_missing_parts(path: Path, name: str) -> list[Sentence]:
    """Return messages about archives that a collection (``multi-wacz-package``) lists as parts but does not contain."""
    if not path.name.lower().endswith(_WACZ_SUFFIX):
        return []
    with zipfile.ZipFile(path) as wacz:
        members = {member.rpartition("/")[2] for member in wacz.namelist()}
        if "datapackage.json" not in wacz.namelist():
            return []
        with wacz.open("datapackage.json") as stream:
            data = stream.read(_MAX_PACKAGE_BYTES)
    try:
        package = json.loads(data)
    except (ValueError, RecursionError):
        return []
    parts = package.get("resources") if isinstance(package, dict) else None
    paths = [part.get("path") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    archives = [
        path for path in paths if isinstance(path, str) and path.partition("?")[0].lower().endswith(_WACZ_SUFFIX)
    ]
    missing_paths = [path for path in archives if path.partition("?")[0].rpartition("/")[2] not in members]
    return [Sentence(_PART_MISSING.template, file=name, part=part) for part in missing_paths]


class _DecompressionBombError(Exception):
    """A file in a packed archive decompresses to far more data than any reader accepts."""


def _open_part(path: Path, name: str, part: str) -> IO[bytes]:
    if part == name:
        return path.open("rb")
    source: Path | IO[bytes] = path
    remaining_path = part.removeprefix(f"{name}/")
    while True:
        with zipfile.ZipFile(source) as wacz:  # closing it does not close its open members
            member = next(
                candidate
                for candidate in wacz.namelist()
                if remaining_path == candidate or remaining_path.startswith(f"{candidate}/")
            )
            source, remaining_path = _open_member(wacz, member), remaining_path[len(member) + 1 :]
        if not remaining_path:
            return source


def _open_member(wacz: zipfile.ZipFile, member: str) -> IO[bytes]:
    info = wacz.getinfo(member)
    if info.file_size > MAX_SKIPPED_BYTES + MAX_RATIO * info.compress_size:
        raise _DecompressionBombError
    return wacz.open(info)


def _build_unreadable_line(path: Path, part: str, damage: Damage) -> RefusalLine:
    """Return the line about an archive that could not be read completely."""
    offset = damage.position.partition("+")[0]
    if damage.cause:
        sentence = Sentence(_CAUSE_SENTENCES[damage.cause].template, file=part, place=offset, times=MAX_RATIO)
    elif damage.is_end:
        sentence = Sentence(
            "%(file)s cannot be read beyond byte %(place)s. Download it again to read the rest.",
            file=part,
            place=offset,
        )
    else:
        sentence = Sentence(
            "%(file)s is damaged at byte %(place)s. Exhibit read the content after the damaged part.",
            file=part,
            place=offset,
        )
    return RefusalLine(url=path.absolute().as_uri(), reason=UNREADABLE, sentence=sentence)


def _process_record(crawl: Crawl, record: Record, earlier: EarlierRecords) -> Outcome:
    """Return the line of a record; ``None``, counted as skipped, if it is neither an image nor declared as one.

    Images named in a page are remembered: their records follow, and their lines name the page.
    """
    record_type = record.get_header("WARC-Type").lower()
    if record_type not in ("response", "resource", "revisit", "conversion", "continuation"):
        return None
    url = get_record_url(record)
    if not url:
        return _skip_record(crawl, "no-address")
    if record_type == "conversion":
        return _skip_record(crawl, record_type)
    limits = crawl.job.limits
    max_bytes = max(limits.max_picture_bytes, limits.max_page_bytes)
    if record_type == "continuation" or record.get_header("WARC-Segment-Number").strip() == "1":
        return _process_segment(crawl, record, url, earlier, max_bytes)
    return _process_response(
        crawl, StoredResponse(record, url, record.read(max_bytes + OVERHEAD_BYTES), max_bytes), earlier
    )


@dataclass(slots=True)
class _SegmentedRecord:
    """A record in segments (WARC 1.1, 7): its first segment, and the data of all segments that have been read."""

    record: Record
    url: str
    block: bytearray
    length: int  # bytes of all segments that have been read, including those not stored
    number: int = 1

    def join_segments(self, max_bytes: int) -> "StoredResponse":
        """Return the record as one piece, without the block digest, which covers only one segment."""
        omitted_headers = ("warc-block-digest", "warc-segment-number")
        headers = tuple(header for header in self.record.headers if header[0].lower() not in omitted_headers)
        record = replace(self.record, headers=headers, unread_bytes=self.length - len(self.block))
        return StoredResponse(record, self.url, bytes(self.block), max_bytes)


def _process_segment(crawl: Crawl, record: Record, url: str, earlier: EarlierRecords, max_bytes: int) -> Outcome:
    """Process a segment; the last one returns the line of the whole record."""
    is_first = record.get_header("WARC-Type").lower() != "continuation"
    record_id = record.get_header("WARC-Record-ID" if is_first else "WARC-Segment-Origin-ID").strip()
    if is_first:
        data = record.read(max_bytes + OVERHEAD_BYTES)
        earlier.segmented_records[record_id] = _SegmentedRecord(record, url, bytearray(data), record.length)
        dropped_record = (
            earlier.segmented_records.popitem(last=False)[1]
            if len(earlier.segmented_records) > _MAX_SEGMENTED_RECORDS
            else None
        )
        return None if dropped_record is None else _build_incomplete_line(crawl, dropped_record, max_bytes)
    segmented = earlier.segmented_records.get(record_id)
    if segmented is None or record.get_header("WARC-Segment-Number").strip() != str(segmented.number + 1):
        return _skip_record(crawl, "continuation")
    segmented.block += record.read(max_bytes + OVERHEAD_BYTES - len(segmented.block))
    is_truncated = record.unread_bytes and len(segmented.block) < max_bytes + OVERHEAD_BYTES
    segmented.number, segmented.length = segmented.number + 1, segmented.length + record.length
    total_length = record.get_header("WARC-Segment-Total-Length").strip()
    if not total_length and not is_truncated:
        return None
    del earlier.segmented_records[record_id]
    if is_truncated or total_length != str(segmented.length):
        return _build_incomplete_line(crawl, segmented, max_bytes)
    return _process_response(crawl, segmented.join_segments(max_bytes), earlier)


def _build_incomplete_line(crawl: Crawl, segmented: _SegmentedRecord, max_bytes: int) -> Outcome:
    """Return the line about a record with missing segments."""
    if not segmented.join_segments(max_bytes).is_picture:
        return _skip_record(crawl, Reason.INCOMPLETE)
    return RefusalLine(url=segmented.url, reason=Reason.INCOMPLETE, sentence=_SEGMENTS_MISSING)


def report_unfinished_records(crawl: Crawl, earlier: EarlierRecords) -> Iterator[RefusalLine]:
    """Yield lines about records whose remaining segments are in none of the archives."""
    limits = crawl.job.limits
    max_bytes = max(limits.max_picture_bytes, limits.max_page_bytes)
    while earlier.segmented_records:
        line = _build_incomplete_line(crawl, earlier.segmented_records.popitem(last=False)[1], max_bytes)
        if isinstance(line, RefusalLine):
            yield line


def _process_response(crawl: Crawl, response: "StoredResponse", earlier: EarlierRecords) -> Outcome:
    record_type = response.record.get_header("WARC-Type").lower()
    if record_type == "revisit":
        return _process_revisit(crawl, response, earlier)
    if record_type == "response" and not response.is_http:
        return _skip_record(crawl, "not-http")
    return _process_http_response(crawl, response, earlier)


def get_record_url(record: Record) -> str:
    """Return the captured URL of a record; empty if none is stated."""
    return record.get_header("WARC-Target-URI").removeprefix("<").removesuffix(">").replace(" ", "%20")


class StoredResponse:
    """A response as stored in a record."""

    def __init__(self, record: Record, url: str, block: bytes, max_bytes: int) -> None:
        self.record, self.url, self.block, self.max_bytes = record, url, block, max_bytes
        self.status, self.payload = 0, block
        self.headers: Headers = ()
        self.has_head = True
        head = _STATUS_LINE.match(block)
        self.is_http = head is not None and record.get_header("WARC-Type").lower() != "resource"
        if head is not None and self.is_http:
            end = _HEADERS_END.search(block)
            self.has_head = end is not None
            self.status = int(head[1])
            self.headers = _parse_headers(block[: end.start() if end else len(block)])
            self.payload = block[end.end() :] if end else b""
        content_type = (
            bodies.get_field(self.headers, "content-type") if self.is_http else record.get_header("Content-Type")
        )
        self.content_type = content_type
        self.media_type = content_type.partition(";")[0].strip().lower()
        self.is_picture = self.media_type.startswith("image/") or sniff(self.payload) is ContentKind.IMAGE

    def read_body(self) -> bytes:
        """Return the body.

        Raises:
            RefusedError: The body is incomplete, or does not match the archive's digest.
        """
        record = self.record
        if record.unread_bytes and len(self.block) < self.max_bytes + OVERHEAD_BYTES:
            raise RefusedError(_RECORD_TRUNCATED, reason=Reason.INCOMPLETE)
        if record.get_header("WARC-Truncated") or record.get_header("WARC-Segment-Number"):
            raise RefusedError(_RESPONSE_TRUNCATED, reason=Reason.INCOMPLETE)
        if not self.has_head:
            raise RefusedError(_RECORD_TRUNCATED, reason=Reason.INCOMPLETE)
        if self.is_http and (problem := bodies.check_status(self.status, self._get_header("content-range"))):
            raise RefusedError(problem[1], reason=problem[0])
        if record.unread_bytes:
            raise RefusedError(Sentence("The content exceeds the size limit."), reason=Reason.TOO_LARGE)
        body = bodies.decode_body(self.payload, self.headers, self.max_bytes)
        if not self._matches_digest(body):
            raise RefusedError(DIGEST_MISMATCH, reason=Reason.WRONG_DIGEST)
        return body

    def _get_header(self, name: str) -> str:
        return bodies.get_field(self.headers, name)

    def _matches_digest(self, body: bytes) -> bool:
        """Return True if the bytes match the archive's digest.

        Writers compute the digest of a payload before or after its codings; if it cannot be checked, the block digest
        is used.
        """
        if payload := _parse_digest(self.record.get_header("WARC-Payload-Digest")):
            return self.has_digest(payload, body)
        block = _parse_digest(self.record.get_header("WARC-Block-Digest"))
        return block is None or hashlib.new(block[0], self.block).digest() == block[1]

    def has_digest(self, digest: tuple[str, bytes], body: bytes) -> bool:
        """Return True if a digest is that of the payload, before or after its codings."""
        representations = self.payload, bodies.decode_transfer_codings(self.payload, self.headers, self.max_bytes), body
        return any(hashlib.new(digest[0], data).digest() == digest[1] for data in representations)

    def get_facts(self) -> dict[str, Untyped]:
        """Return the metadata of the response, by field of :class:`exhibit.types.FetchedPicture`."""
        recorded_at, period = parse_stated_time(self.record.get_header("WARC-Date"))
        return {
            "media_type": self.media_type,
            "status": self.status,
            "response_headers": self.headers,
            "peer": self.record.get_header("WARC-IP-Address"),
            "fetched_at": recorded_at,
            "period": period,
        }


def _process_http_response(crawl: Crawl, response: StoredResponse, earlier: EarlierRecords) -> Outcome:
    try:
        data = response.read_body()
    except RefusedError as error:
        if not response.is_picture or error.reason.startswith("http-"):
            return _skip_record(crawl, error.reason)
        return RefusalLine(url=response.url, reason=error.reason, sentence=error.message)
    content = sniff(data)
    is_picture = content is ContentKind.IMAGE or (
        content is ContentKind.UNKNOWN and response.media_type in _UNKNOWN_MEDIA_TYPES
    )
    if not is_picture and not response.media_type.startswith("image/"):
        _remember_page_images(earlier, crawl, data, response)
        return None
    if refusal := crawl.charge_picture(data):
        return RefusalLine(url=response.url, reason=refusal[0], sentence=refusal[1])
    picture = crawl.store_picture(data, response.url, **response.get_facts())
    if (derived_url := _DERIVED_URL.fullmatch(response.url)) and derived_url["what"].lower().startswith(
        _SCREENSHOT_TYPES
    ):
        return build_image_line(
            picture.create_sighting(derived_url["page"], response.url, SCREENSHOT, "", _get_recording_dates(picture))
        )
    earlier.remember(response.record, picture, _get_stated_digest(response.record))
    return _build_picture_line(picture, earlier)


def _process_revisit(crawl: Crawl, response: StoredResponse, earlier: EarlierRecords) -> Outcome:
    """Return the line of a revisit record, which refers to an earlier response's bytes, at the same or another URL."""
    record = response.record
    if response.is_http and not (response.status == 304 or 200 <= response.status < 300):
        return _skip_record(crawl, f"http-{response.status}")
    digest, date = _get_stated_digest(record), record.get_header("WARC-Refers-To-Date")
    target = record.get_header("WARC-Refers-To-Target-URI").removeprefix("<").removesuffix(">") or response.url
    references = record.get_header("WARC-Refers-To"), (compute_url_key(target), parse_stated_time(date) if date else "")
    matches = (earlier.pictures[key] for key in (digest, *references) if key in earlier.pictures)
    picture, picture_digest = next(matches, (None, ""))
    if picture is None or (digest and picture_digest and digest != picture_digest):
        return _skip_record(crawl, "revisit")
    if not crawl.budget.reserve("pages") or not crawl.budget.reserve("images"):
        return RefusalLine(url=response.url, reason=Reason.BUDGET, sentence="The job had used up its budget.")
    facts = response.get_facts()
    if not response.is_http or response.status == 304:
        facts["status"] = picture.status
    if not response.media_type or not response.is_http:
        facts["media_type"] = picture.media_type
    revisited_picture = replace(picture, final_url=response.url, **facts)
    earlier.remember(record, revisited_picture, picture_digest)
    return _build_picture_line(revisited_picture, earlier)


def _skip_record(crawl: Crawl, reason: str) -> Outcome:
    crawl.budget.count_skipped_record(reason)
    return None


def _build_picture_line(picture: FetchedPicture, earlier: EarlierRecords) -> PageLine:
    url = picture.final_url
    page, context = earlier.contexts.get(compute_url_key(url), ("", ""))
    return build_image_line(picture.create_sighting(page or url, url, "warc", context, _get_recording_dates(picture)))


def _get_recording_dates(picture: FetchedPicture) -> tuple[SourceStatement, ...]:
    """Return the archive's statement of when it recorded an image."""
    recorded_at = picture.fetched_at
    stated_time = picture.period if recorded_at is None else recorded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (SourceStatement(kind=SourceStatementKind.ARCHIVE_RECORDED, stated=stated_time),) if stated_time else ()


def _remember_page_images(earlier: EarlierRecords, crawl: Crawl, data: bytes, response: StoredResponse) -> None:
    """Remember the images that a page names."""
    if response.media_type not in _PAGE_MEDIA_TYPES or len(data) > crawl.job.limits.max_page_bytes:
        _skip_record(crawl, Reason.TOO_LARGE if response.media_type in _PAGE_MEDIA_TYPES else Reason.NOT_AN_IMAGE)
        return
    metadata = {"url": response.url, "content_type": response.content_type}
    with suppress(RefusedError):
        document = parse_document(data, Kind.PAGE, **metadata, token=crawl.job.user_agent.token)
        for image in document.images:
            earlier.contexts.setdefault(compute_url_key(image.url), (response.url, image.context))
    earlier.drop_oldest()


def _parse_headers(header_bytes: bytes) -> Headers:
    """Parse the fields of an HTTP head, without its first line."""
    text = _FOLDED_LINE_BREAK.sub(" ", header_bytes.decode("latin-1").replace("\0", ""))
    pairs = (line.rstrip("\r").partition(":") for line in text.split("\n")[1:])
    return tuple((name.strip(), value.strip()) for name, colon, value in pairs if colon)


def _get_stated_digest(record: Record) -> object:
    """Return a normalised digest of a record's payload; empty if none is stated."""
    text = record.get_header("WARC-Payload-Digest")
    return _parse_digest(text) or text.lower()


def _parse_digest(text: str) -> tuple[str, bytes] | None:
    """Parse a labelled digest (WARC 1.1, 5.8 and 5.9) into algorithm and value; ``None`` if it cannot be checked."""
    name, _, value = text.strip().partition(":")
    name, value = name.lower().replace("-", ""), value.strip()
    size = _HASH_SIZES.get(name, 0)
    with suppress(ValueError):
        if size and len(value) == 2 * size:
            return name, bytes.fromhex(value)
        value = value.upper().rstrip("=")
        decoded = base64.b32decode(value + "=" * (-len(value) % 8))
        if size and len(decoded) == size:
            return name, decoded
    return None
