"""Metadata in image files: EXIF, IPTC and XMP, read within limits. The statements in it are not verified.

If several blocks have the same field, XMP takes precedence over IPTC, and IPTC over EXIF, as in the Metadata Working
Group's guidelines (version 2.0, 2010) for writers that keep them in sync. Valid values are read. Damaged or truncated
text and text in an unknown character set become a :class:`MetadataProblem`, and never a value.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from email.utils import parsedate_to_datetime
from typing import Any
from xml.etree.ElementTree import Element

from exhibit.errors import UnreadablePictureError
from exhibit.pictures import exif, iptc, xmp
from exhibit.pictures.decode import Limits, ask_helper
from exhibit.pictures.metadata_blocks import Blocks, collect_blocks
from exhibit.pictures.picture_file import opened
from exhibit.pictures.text_encodings import Text, agreeing_encodings, comparable, decode_as_one, to_text
from exhibit.plain import mended

MAX_TEXT = 300
MAX_ENTRIES = 20  # maximum entries of a list
MAX_VALUE = 4_096  # maximum characters or bytes of a value that are examined
MAX_AIGC = 1 << 14  # maximum characters of a label
MAX_PROBLEMS = 20
AIGC_FIELDS = ("Label", "ContentProducer", "ProduceID", "ContentPropagator", "PropagateID")
"""Fields of the label in GB 45438-2025, appendix E, in order, without those reserved for signatures."""
DAMAGED, ENCODING, LONG, CONFLICT = "damaged", "encoding", "long", "conflict"
"""Reasons of problems: content that violates its standard, text in an unknown character set, text that was cut, and a
name that differs from that of a block with higher precedence.
"""
_COMPARED_FIELDS = ("author", "credit", "rights")
_DAY = re.compile(r"(\d{4})[-:]?(\d{2})?[-:]?(\d{2})?")
_PNG_FIELDS = {"title": "title", "author": "author", "copyright": "rights", "comment": "comment"}
_Fields = Iterator[tuple[str, list[Text]]]
"""Fields with their values. Of repeated fields, the first that has a value counts."""


@dataclass(frozen=True, slots=True)
class MetadataProblem:
    """Metadata of a file that could not be read or is uncertain."""

    block: str  # "EXIF", "IPTC", "XMP", "Photoshop", "PNG text" or "comment"; empty for the whole file
    reason: str  # "damaged", "encoding", "long", "conflict", or that of an ``UnreadablePictureError``
    field: str = ""  # field of ``FileMetadata``; empty if unknown
    text: str = ""  # readable part, with U+FFFD for the rest


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """Statements in a file's metadata. Fields without a certain value are empty."""

    title: str = ""  # title of the picture
    author: str = ""  # creator, byline, artist; several separated by commas
    created: str = ""  # ISO 8601 date, as far as known
    rights: str = ""  # copyright notice
    credit: str = ""  # credit line
    holder: str = ""  # rights holder
    licence: str = ""  # URL of a licence or rights statement
    source_type: str = ""  # IPTC digital source type, usually a URL of IPTC's NewsCodes
    aigc: str = ""  # China's label of generated content (GB 45438-2025), its fields as ``Label: 1, …``
    keywords: str = ""  # separated by commas
    comment: str = ""  # free text of JPEG, GIF, PNG and EXIF
    problems: tuple[MetadataProblem, ...] = ()

    def as_dict(self) -> dict[str, str]:
        """Return the fields that have a value."""
        return {name: text for name in FIELDS if (text := getattr(self, name))}


FIELDS = tuple(one.name for one in fields(FileMetadata) if one.name != "problems")
MAKING = ("source_type", "aigc")
"""Fields about how an image was made, which bundles seal."""


@dataclass(slots=True)
class _Reading:
    """Content of one metadata block."""

    block: str
    fields: list[tuple[str, list[Text]]] = field(default_factory=list)
    fault: str = ""  # DAMAGED or LONG


def read_metadata(data: bytes, limits: Limits) -> FileMetadata:
    """Read the metadata of an image file, including a list of its problems."""
    try:
        answer = ask_helper("metadata", data, limits)[0]["metadata"]
    except UnreadablePictureError as error:
        return FileMetadata(problems=(MetadataProblem("", error.reason),))
    problems = tuple(MetadataProblem(**problem) for problem in answer.pop("problems"))
    return FileMetadata(**answer, problems=problems)


def read_here(data: bytes, limits: Limits) -> FileMetadata:
    """Read the metadata in this process, which must be the helper. Raises ``UnreadablePictureError``."""
    with opened(data, limits) as picture:
        return _merged([*_readings(collect_blocks(picture, data))])


def _readings(blocks: Blocks) -> Iterator[_Reading]:
    """Yield the content of all blocks in order of precedence."""
    for packet in blocks.xmp:
        parsed = xmp.parse_packet(packet)
        xmp_fields = list(_xmp(parsed.root)) if parsed.root is not None else []
        yield _Reading("XMP", xmp_fields, LONG if len(packet) > xmp.MAX_XMP else DAMAGED * parsed.is_damaged)
    for block in blocks.iptc:
        datasets, is_damaged = iptc.datasets(block)
        yield _Reading("IPTC", list(_iptc(iptc.decode_datasets(datasets))), DAMAGED * is_damaged)
    for block in blocks.exif:
        reading = _Reading("EXIF")
        reading.fields = list(_exif(block, reading))
        yield reading
    yield _Reading("PNG text", list(_png(blocks.texts)))
    comments = [pair for comment in blocks.comments for pair in _comment(to_text(comment))]
    yield _Reading("comment", comments)
    yield from (_Reading(block, fault=DAMAGED) for block in sorted(set(blocks.damaged)))


def _merged(readings: Sequence[_Reading]) -> FileMetadata:
    """Take each field from the first block with a certain value, and collect the problems."""
    every = [text for reading in readings for _, values in reading.fields for text in values]
    known_texts = [text[:MAX_VALUE] for text in every if isinstance(text, str)]
    metadata: dict[str, str] = {}
    problems: dict[tuple[str, str, str], list[str]] = {}
    for reading in readings:
        if reading.fault:
            problems.setdefault((reading.block, reading.fault, ""), [])
        unknown = [text[:MAX_VALUE] for _, values in reading.fields for text in values if isinstance(text, bytes)]
        encodings = agreeing_encodings(unknown[:MAX_ENTRIES], known_texts) if unknown else []
        for name, values in reading.fields:
            sound = []
            for value in values[:MAX_ENTRIES]:
                text, reason = _certain(value[:MAX_VALUE], encodings)
                if reason:
                    problems.setdefault((reading.block, reason, name), []).append(text)
                elif text:
                    sound.append(text)
            joined_text = ", ".join(dict.fromkeys(sound))
            if name in _COMPARED_FIELDS and _differ(joined_text, metadata.get(name, "")):
                problems.setdefault((reading.block, CONFLICT, name), []).append(joined_text)
            if joined_text and name not in metadata:
                metadata[name] = joined_text[:MAX_TEXT]
                if len(joined_text) > MAX_TEXT or len(values) > MAX_ENTRIES:
                    problems.setdefault((reading.block, LONG, name), [])
    items = [MetadataProblem(*key, ", ".join(dict.fromkeys(texts))[:MAX_TEXT]) for key, texts in problems.items()]
    return FileMetadata(**metadata, problems=tuple(items[:MAX_PROBLEMS]))


def _differ(text: str, other: str) -> bool:
    """Return True if two texts contradict each other. IPTC and EXIF may contain a truncated text of the XMP."""
    first_text, two = ("".join(filter(str.isalnum, comparable(each))) for each in (text, other))
    return bool(first_text and two) and first_text not in two and two not in first_text


def _certain(value: Text, encodings: Sequence[str]) -> tuple[str, str]:
    """Return a text and the reason why it is uncertain, empty if it is certain."""
    if isinstance(value, bytes):
        decoded = decode_as_one(value, encodings)
        if decoded is None:
            return _text(value.decode("utf-8", "replace")), ENCODING
        value = decoded
    text = _text(value)
    return text, DAMAGED if xmp.DAMAGED in text else ""


def _exif(block: bytes, reading: _Reading) -> _Fields:
    directories = exif.read_directories(block)
    reading.fault = DAMAGED * directories.is_damaged
    all_entries = [*directories.first.values(), *directories.exif.values()]

    def text(tag: int, entries: Mapping[int, exif.Entry] = directories.first) -> list[Text]:
        value, is_whole = exif.text_of(entries.get(tag), all_entries, block)
        reading.fault = reading.fault or DAMAGED * (not is_whole)
        return [value] if value else []

    def wide(tag: int) -> list[Text]:
        value, is_whole = exif.wide_text(directories.first.get(tag))
        reading.fault = reading.fault or DAMAGED * (not is_whole)
        return [value] if value else []

    yield from (("title", wide(0x9C9B)), ("title", text(0xA436, directories.exif)), ("title", text(0x010E)))
    yield from (("author", wide(0x9C9D)), ("author", text(0x013B)), ("author", text(0xA437, directories.exif)))
    yield "rights", text(exif.COPYRIGHT)
    yield "keywords", [keyword for words in wide(0x9C9E) if isinstance(words, str) for keyword in words.split(";")]
    yield "created", _days(text(0x9003, directories.exif))
    yield from _comment(exif.comment_of(directories.exif.get(exif.USER_COMMENT)))
    yield "comment", wide(0x9C9C)


def _png(texts: Iterable[tuple[str, Text]]) -> _Fields:
    for keyword, text in texts:
        if keyword == "AIGC":
            yield "aigc", [_aigc(text)]
        elif keyword.lower() == "creation time":
            yield "created", [_day(text) if isinstance(text, str) else text]
        elif keyword.lower() in _PNG_FIELDS:
            yield _PNG_FIELDS[keyword.lower()], [text]


def _comment(text: Text) -> _Fields:
    """Yield a free text, which may be a label of generated content."""
    label = _aigc(text)
    yield ("aigc", [label]) if label else ("comment", [text])


def _iptc(datasets: Mapping[int, list[Text]]) -> _Fields:
    """Yield fields of IPTC-IIM 4.2, record 2: 5 title, 25 keywords, 55 created, 80 byline, 105 headline, and others."""
    numbers = {5: "title", 105: "title", 80: "author", 110: "credit", 116: "rights", 25: "keywords"}
    for number, name in numbers.items():
        yield name, datasets.get(number, [])
    yield "created", _days(datasets.get(55, []))


def _xmp(root: Element) -> _Fields:
    """Yield the properties of dc, photoshop, xmpRights, plus and cc in an XMP packet."""
    values: dict[str, list[Text]] = {}
    for name, value in xmp.properties(root):
        texts: list[Text] = [mended(text) for text in xmp.texts(value)]
        if name == "AIGC":
            yield "aigc", [_aigc(text) for text in texts]
        if name == "CopyrightOwner" and isinstance(value, Element):
            owners = (element for element in value.iter() if element.tag.endswith("}CopyrightOwnerName"))
            texts = [text for element in owners for text in xmp.texts(element)]
        values[name] = values.get(name) or texts
    for field_name, its_names in _XMP_FIELDS.items():
        yield from ((field_name, values.get(name, [])) for name in its_names)
    yield from (("created", _days(values.get(name, []))) for name in ("DateCreated", "CreateDate"))


_XMP_FIELDS = {
    "title": ("title", "Headline"), "author": ("creator",), "credit": ("Credit",), "rights": ("rights",),
    "keywords": ("subject",), "holder": ("Owner", "CopyrightOwner", "CopyrightOwnerName"),
    "licence": ("WebStatement", "license"), "source_type": ("DigitalSourceType",),
}  # fmt: skip


def _aigc(value: object) -> str:
    """Return the fields of a GB 45438-2025 label. It is JSON; in files without XMP, inside an object under ``AIGC``."""
    if not isinstance(value, str) or len(value) > MAX_AIGC:
        return ""
    try:
        label = json.loads(value.strip("\0 \r\n\t"))
    except (ValueError, RecursionError):
        return ""
    label = _mapping(_mapping(label).get("AIGC", label))
    values = ((name, label.get(name)) for name in AIGC_FIELDS)
    label_fields = ((name, _text(str(value))) for name, value in values if isinstance(value, (str, int)))
    return _text(", ".join(f"{name}: {text}" for name, text in label_fields if text))


def _text(text: str) -> str:
    """Replace unprintable characters and collapse whitespace, so that rows can hold the text."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _days(values: Sequence[Text]) -> list[Text]:
    return [_day(value) if isinstance(value, str) else value for value in values[:1]]


def _day(text: str) -> str:
    """Parse an ISO 8601 date from EXIF (``2020:05:31 10:00:00``), IPTC (``20200531``) or XMP (``2020-05-31T10:00``)."""
    match = _DAY.match(text.strip())
    if match is None:
        try:
            return parsedate_to_datetime(text).date().isoformat()  # PNG recommends the date format of e-mails
        except (ValueError, OverflowError):
            return ""
    parts = [part for part in match.groups() if part]
    for count in (len(parts), 1):
        try:
            date.fromisoformat(("-".join(parts[:count]) + "-01-01")[:10])
        except ValueError:
            continue
        return "-".join(parts[:count])
    return ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
