"""Metadata in image files: EXIF, IPTC and XMP, read within limits. Its statements are not verified.

If several blocks have the same field, XMP takes precedence over IPTC, and IPTC over EXIF, as in the Metadata Working
Group's guidelines (version 2.0, 2010) for writers that keep them in sync. Only valid values are used. Damaged or
truncated text and text in an unknown character set are reported as :class:`MetadataProblem`.
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
from exhibit.pictures.decode import Limits, query_helper
from exhibit.pictures.metadata_blocks import Blocks, collect_blocks
from exhibit.pictures.picture_file import open_untrusted_picture
from exhibit.pictures.text_encodings import (
    Text,
    decode_if_unambiguous,
    find_agreeing_encodings,
    normalise_text,
    to_text,
)
from exhibit.plain import repair_encoding

MAX_TEXT = 300
MAX_ENTRIES = 20  # maximum entries of a list
MAX_VALUE = 4_096  # maximum characters or bytes of a value that are examined
MAX_AIGC = 1 << 14  # maximum characters of a label
MAX_PROBLEMS = 20
AIGC_FIELDS = ("Label", "ContentProducer", "ProduceID", "ContentPropagator", "PropagateID")
"""Fields of the label in GB 45438-2025, appendix E, in order, without those reserved for signatures."""
DAMAGED, ENCODING, TRUNCATED, CONFLICT = "damaged", "encoding", "long", "conflict"
"""Reasons of problems: content that violates its standard, text in an unknown character set, truncated text, and a name
that differs from the name in a block with higher precedence.
"""
_COMPARED_FIELDS = ("author", "credit", "rights")
_DAY = re.compile(r"(\d{4})[-:]?(\d{2})?[-:]?(\d{2})?")
_PNG_FIELDS = {"title": "title", "author": "author", "copyright": "rights", "comment": "comment"}
_Fields = Iterator[tuple[str, list[Text]]]
"""Fields with their values. If a field is repeated, the first value is used."""


@dataclass(frozen=True, slots=True)
class MetadataProblem:
    """Problem of a file's metadata: unreadable or uncertain content."""

    block: str  # "EXIF", "IPTC", "XMP", "Photoshop", "PNG text" or "comment"; empty for the whole file
    reason: str  # "damaged", "encoding", "long", "conflict", or that of an ``UnreadablePictureError``
    field: str = ""  # field of ``FileMetadata``; empty if unknown
    text: str = ""  # readable part, with U+FFFD for the rest


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """Metadata of a file, as stated in it. Fields without a certain value are empty."""

    title: str = ""  # title of the picture
    author: str = ""  # creator, byline or artist; several are separated by commas
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


FIELDS = tuple(item.name for item in fields(FileMetadata) if item.name != "problems")
ORIGIN_FIELDS = ("source_type", "aigc")
"""Fields about the creation of an image (such as by AI). Bundles seal them."""


@dataclass(slots=True)
class _BlockContent:
    """Content of one metadata block."""

    block: str
    fields: list[tuple[str, list[Text]]] = field(default_factory=list)
    fault: str = ""  # DAMAGED or LONG


def read_metadata(data: bytes, limits: Limits) -> FileMetadata:
    """Read the metadata of an image file, including a list of its problems."""
    try:
        response = query_helper("metadata", data, limits)[0]["metadata"]
    except UnreadablePictureError as error:
        return FileMetadata(problems=(MetadataProblem("", error.reason),))
    problems = tuple(MetadataProblem(**problem) for problem in response.pop("problems"))
    return FileMetadata(**response, problems=problems)


def read_in_process(data: bytes, limits: Limits) -> FileMetadata:
    """Read the metadata in this process. Call this only in the sandboxed helper process.

    Raises ``UnreadablePictureError``.
    """
    with open_untrusted_picture(data, limits) as opened_picture:
        return _merge_blocks([*_read_blocks(collect_blocks(opened_picture, data))])


def _read_blocks(blocks: Blocks) -> Iterator[_BlockContent]:
    """Yield the content of all blocks in order of precedence."""
    for packet in blocks.xmp:
        parsed = xmp.parse_packet(packet)
        xmp_fields = list(_read_xmp(parsed.root)) if parsed.root is not None else []
        yield _BlockContent("XMP", xmp_fields, TRUNCATED if len(packet) > xmp.MAX_XMP else DAMAGED * parsed.is_damaged)
    for block in blocks.iptc:
        datasets, is_damaged = iptc.read_datasets(block)
        yield _BlockContent("IPTC", list(_read_iptc(iptc.decode_datasets(datasets))), DAMAGED * is_damaged)
    for block in blocks.exif:
        content = _BlockContent("EXIF")
        content.fields = list(_read_exif(block, content))
        yield content
    yield _BlockContent("PNG text", list(_read_png(blocks.texts)))
    comments = [pair for comment in blocks.comments for pair in _read_comment(to_text(comment))]
    yield _BlockContent("comment", comments)
    yield from (_BlockContent(block, fault=DAMAGED) for block in sorted(set(blocks.damaged)))


def _merge_blocks(contents: Sequence[_BlockContent]) -> FileMetadata:
    """Take each field from the first block with a certain value, and collect the problems."""
    all_texts = [text for content in contents for _, values in content.fields for text in values]
    known_texts = [text[:MAX_VALUE] for text in all_texts if isinstance(text, str)]
    metadata: dict[str, str] = {}
    problems: dict[tuple[str, str, str], list[str]] = {}
    for content in contents:
        if content.fault:
            problems.setdefault((content.block, content.fault, ""), [])
        undecoded = [text[:MAX_VALUE] for _, values in content.fields for text in values if isinstance(text, bytes)]
        encodings = find_agreeing_encodings(undecoded[:MAX_ENTRIES], known_texts) if undecoded else []
        for name, values in content.fields:
            certain_texts = []
            for value in values[:MAX_ENTRIES]:
                text, reason = _decode_and_assess(value[:MAX_VALUE], encodings)
                if reason:
                    problems.setdefault((content.block, reason, name), []).append(text)
                elif text:
                    certain_texts.append(text)
            joined_text = ", ".join(dict.fromkeys(certain_texts))
            if name in _COMPARED_FIELDS and _contradict(joined_text, metadata.get(name, "")):
                problems.setdefault((content.block, CONFLICT, name), []).append(joined_text)
            if joined_text and name not in metadata:
                metadata[name] = joined_text[:MAX_TEXT]
                if len(joined_text) > MAX_TEXT or len(values) > MAX_ENTRIES:
                    problems.setdefault((content.block, TRUNCATED, name), [])
    items = [MetadataProblem(*key, ", ".join(dict.fromkeys(texts))[:MAX_TEXT]) for key, texts in problems.items()]
    return FileMetadata(**metadata, problems=tuple(items[:MAX_PROBLEMS]))


def _contradict(text: str, other: str) -> bool:
    """Return True if two texts contradict each other. IPTC and EXIF may contain a truncated copy of the XMP."""
    first_text, second_text = ("".join(filter(str.isalnum, normalise_text(value))) for value in (text, other))
    return bool(first_text and second_text) and first_text not in second_text and second_text not in first_text


def _decode_and_assess(value: Text, encodings: Sequence[str]) -> tuple[str, str]:
    """Return a text and the reason why it is uncertain. The reason is empty if the text is certain."""
    if isinstance(value, bytes):
        decoded = decode_if_unambiguous(value, encodings)
        if decoded is None:
            return _clean_text(value.decode("utf-8", "replace")), ENCODING
        value = decoded
    text = _clean_text(value)
    return text, DAMAGED if xmp.UNREADABLE_CHAR in text else ""


def _read_exif(block: bytes, content: _BlockContent) -> _Fields:
    directories = exif.read_directories(block)
    content.fault = DAMAGED * directories.is_damaged
    all_entries = [*directories.first.values(), *directories.exif.values()]

    def read_text(tag: int, entries: Mapping[int, exif.Entry] = directories.first) -> list[Text]:
        value, is_whole = exif.read_text(entries.get(tag), all_entries, block)
        content.fault = content.fault or DAMAGED * (not is_whole)
        return [value] if value else []

    def read_wide(tag: int) -> list[Text]:
        value, is_whole = exif.read_wide_text(directories.first.get(tag))
        content.fault = content.fault or DAMAGED * (not is_whole)
        return [value] if value else []

    yield from (
        ("title", read_wide(0x9C9B)),
        ("title", read_text(0xA436, directories.exif)),
        ("title", read_text(0x010E)),
    )
    yield from (
        ("author", read_wide(0x9C9D)),
        ("author", read_text(0x013B)),
        ("author", read_text(0xA437, directories.exif)),
    )
    yield "rights", read_text(exif.COPYRIGHT)
    yield "keywords", [keyword for words in read_wide(0x9C9E) if isinstance(words, str) for keyword in words.split(";")]
    yield "created", _parse_days(read_text(0x9003, directories.exif))
    yield from _read_comment(exif.read_comment(directories.exif.get(exif.USER_COMMENT)))
    yield "comment", read_wide(0x9C9C)


def _read_png(texts: Iterable[tuple[str, Text]]) -> _Fields:
    for keyword, text in texts:
        if keyword == "AIGC":
            yield "aigc", [_parse_aigc(text)]
        elif keyword.lower() == "creation time":
            yield "created", [_parse_day(text) if isinstance(text, str) else text]
        elif keyword.lower() in _PNG_FIELDS:
            yield _PNG_FIELDS[keyword.lower()], [text]


def _read_comment(text: Text) -> _Fields:
    """Yield a free text as a comment, or as a label of generated content if it is one."""
    label = _parse_aigc(text)
    yield ("aigc", [label]) if label else ("comment", [text])


def _read_iptc(datasets: Mapping[int, list[Text]]) -> _Fields:
    """Yield fields of IPTC-IIM 4.2, record 2: 5 title, 25 keywords, 55 created, 80 byline, 105 headline, and others."""
    numbers = {5: "title", 105: "title", 80: "author", 110: "credit", 116: "rights", 25: "keywords"}
    for number, name in numbers.items():
        yield name, datasets.get(number, [])
    yield "created", _parse_days(datasets.get(55, []))


def _read_xmp(root: Element) -> _Fields:
    """Yield the properties of dc, photoshop, xmpRights, plus and cc in an XMP packet."""
    values: dict[str, list[Text]] = {}
    for name, value in xmp.list_properties(root):
        texts: list[Text] = [repair_encoding(text) for text in xmp.read_texts(value)]
        if name == "AIGC":
            yield "aigc", [_parse_aigc(text) for text in texts]
        if name == "CopyrightOwner" and isinstance(value, Element):
            owners = (element for element in value.iter() if element.tag.endswith("}CopyrightOwnerName"))
            texts = [text for element in owners for text in xmp.read_texts(element)]
        values[name] = values.get(name) or texts
    for field_name, property_names in _XMP_FIELDS.items():
        yield from ((field_name, values.get(name, [])) for name in property_names)
    yield from (("created", _parse_days(values.get(name, []))) for name in ("DateCreated", "CreateDate"))


_XMP_FIELDS = {
    "title": ("title", "Headline"), "author": ("creator",), "credit": ("Credit",), "rights": ("rights",),
    "keywords": ("subject",), "holder": ("Owner", "CopyrightOwner", "CopyrightOwnerName"),
    "licence": ("WebStatement", "license"), "source_type": ("DigitalSourceType",),
}  # fmt: skip


def _parse_aigc(value: object) -> str:
    """Return the fields of a GB 45438-2025 label as text; empty if the value is not such a label.

    The label is JSON. In files without XMP, it is the member ``AIGC`` of an object.
    """
    if not isinstance(value, str) or len(value) > MAX_AIGC:
        return ""
    try:
        label = json.loads(value.strip("\0 \r\n\t"))
    except (ValueError, RecursionError):
        return ""
    label = _as_mapping(_as_mapping(label).get("AIGC", label))
    values = ((name, label.get(name)) for name in AIGC_FIELDS)
    label_fields = ((name, _clean_text(str(value))) for name, value in values if isinstance(value, (str, int)))
    return _clean_text(", ".join(f"{name}: {text}" for name, text in label_fields if text))


def _clean_text(text: str) -> str:
    """Replace unprintable characters and collapse whitespace."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _parse_days(values: Sequence[Text]) -> list[Text]:
    return [_parse_day(value) if isinstance(value, str) else value for value in values[:1]]


def _parse_day(text: str) -> str:
    """Parse an ISO 8601 date from EXIF (``2020:05:31 10:00:00``), IPTC (``20200531``) or XMP (``2020-05-31T10:00``)."""
    match = _DAY.match(text.strip())
    if match is None:
        try:
            return parsedate_to_datetime(text).date().isoformat()  # PNG recommends the date format of emails
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


def _as_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
