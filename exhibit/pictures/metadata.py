"""What a picture's file states of itself: EXIF, IPTC and XMP, read within limits. Nobody has examined any of it.

Where several say something, XMP goes before IPTC and IPTC before EXIF, as the Metadata Working Group's guidelines
(version 2.0, 2010) have it for writers that keep them together.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from PIL import ExifTags, Image, IptcImagePlugin
from PIL.ImageFile import ImageFile

from exhibit.errors import UnreadablePictureError
from exhibit.pictures.decode import Limits, asked
from exhibit.pictures.picture_file import opened
from exhibit.plain import decoded, mended
from exhibit.types import Json

MAX_TEXT = 300
MAX_XMP = 1 << 20
MAX_AIGC = 1 << 14  # characters of a label
AIGC_FIELDS = ("Label", "ContentProducer", "ProduceID", "ContentPropagator", "PropagateID")
"""Of the label of GB 45438-2025, appendix E, in its order; the fields that are reserved for signatures are left out."""
_COMMENT = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16"}
_DAY = re.compile(r"(\d{4})[-:]?(\d{2})?[-:]?(\d{2})?")


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """What the file states; empty where it says nothing."""

    title: str = ""  # of the picture
    author: str = ""  # creator, byline, artist; several with a comma between
    created: str = ""  # ISO 8601 day, or as much as is there
    rights: str = ""  # copyright notice
    credit: str = ""  # to whom the picture is to be credited
    holder: str = ""  # owner of the rights
    licence: str = ""  # address of a licence or rights statement
    source_type: str = ""  # IPTC digital source type, as a rule an address of IPTC's NewsCodes
    aigc: str = ""  # China's label of generated content (GB 45438-2025), its fields as ``Label: 1, …``
    keywords: str = ""  # with a comma between


def read_metadata(data: bytes, limits: Limits) -> FileMetadata:
    """Read what a picture's file states of itself; what can't be read says nothing."""
    try:
        return FileMetadata(**asked("metadata", data, limits)[0]["metadata"])
    except UnreadablePictureError:
        return FileMetadata()


def read_here(data: bytes, limits: Limits) -> FileMetadata:
    """The same, in the child process that opens pictures."""
    found: list[Mapping[str, str]] = []
    for read in (_xmp, _iptc, _exif, _png):
        try:
            with opened(data, limits) as (picture, _stream):
                found.append(dict(read(picture)))
        except UnreadablePictureError:
            continue
    names = [field.name for field in fields(FileMetadata)]
    return FileMetadata(**{name: next((packet[name] for packet in found if packet.get(name)), "") for name in names})


def _exif(picture: Image.Image) -> Iterator[tuple[str, str]]:
    tags = picture.getexif()
    inner = tags.get_ifd(ExifTags.IFD.Exif)
    yield "title", _wide(tags.get(0x9C9B)) or _text(tags.get(ExifTags.Base.ImageDescription))
    yield "author", _wide(tags.get(0x9C9D)) or _text(tags.get(ExifTags.Base.Artist))
    yield "rights", _text(tags.get(ExifTags.Base.Copyright))
    yield "keywords", _wide(tags.get(0x9C9E)).replace(";", ", ")
    yield "created", _day(_text(inner.get(ExifTags.Base.DateTimeOriginal)))
    comment = inner.get(ExifTags.Base.UserComment)
    if isinstance(comment, bytes):
        encoding = _COMMENT.get(comment[:8])
        comment = comment[8:].decode(encoding, "ignore") if encoding else decoded(comment.lstrip(b"\0"))
    yield "aigc", _aigc(comment)


def _png(picture: Image.Image) -> Iterator[tuple[str, str]]:
    """A text chunk named AIGC."""
    yield "aigc", _aigc(picture.info.get("AIGC"))


def _iptc(picture: Image.Image) -> Iterator[tuple[str, str]]:
    """IPTC-IIM 4.2, record 2: 5 title, 25 keywords, 55 created, 80 byline, 105 headline, 110 credit, 116 copyright."""
    said = IptcImagePlugin.getiptcinfo(picture) or {} if isinstance(picture, ImageFile) else {}
    yield "title", _text(said.get((2, 5))) or _text(said.get((2, 105)))
    yield "author", _text(said.get((2, 80)))
    yield "created", _day(_text(said.get((2, 55))))
    yield "credit", _text(said.get((2, 110)))
    yield "rights", _text(said.get((2, 116)))
    yield "keywords", _text(said.get((2, 25)))


def _xmp(picture: Image.Image) -> Iterator[tuple[str, str]]:
    """The properties of dc, photoshop, xmpRights and cc in an XMP packet; Pillow reads it with defusedxml."""
    if len(picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b"") > MAX_XMP:
        return
    said: dict[str, str] = {}
    properties = list(_properties(picture.getxmp()))
    for name, value in properties:
        said.setdefault(name, _plain(value))
    yield "title", said.get("title", "") or said.get("Headline", "")
    yield "author", said.get("creator", "")
    yield "created", _day(said.get("DateCreated", "") or said.get("CreateDate", ""))
    yield "credit", said.get("Credit", "")
    yield "rights", said.get("rights", "")
    yield "keywords", said.get("subject", "")
    yield "holder", said.get("Owner", "") or said.get("CopyrightOwnerName", "")
    yield "licence", said.get("WebStatement", "") or said.get("license", "")
    yield "source_type", said.get("DigitalSourceType", "")
    yield "aigc", next((_aigc(value) for name, value in properties if name == "AIGC"), "")


def _properties(packet: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    described = _mapping(_mapping(packet.get("xmpmeta")).get("RDF")).get("Description")
    for description in described if isinstance(described, list) else [described]:
        yield from _mapping(description).items()


def _aigc(value: object) -> str:
    """The fields of a label of GB 45438-2025: JSON, in a file without XMP inside an object under ``AIGC``."""
    if isinstance(value, Mapping):
        value = value.get("text")
    if not isinstance(value, str) or len(value) > MAX_AIGC:
        return ""
    try:
        label = json.loads(value.strip("\0 \r\n\t"))
    except (ValueError, RecursionError):
        return ""
    label = _mapping(_mapping(label).get("AIGC", label))
    said = ((name, _text(str(value) if isinstance(value := label.get(name), int) else value)) for name in AIGC_FIELDS)
    return _text(", ".join(f"{name}: {text}" for name, text in said if text))


def _plain(value: Json, depth: int = 0) -> str:
    """The text of a property: of a list all entries, of alternatives the first."""
    if depth > 6:
        return ""
    if isinstance(value, Mapping):
        for key in ("Alt", "Seq", "Bag", "li", "text", "resource"):
            if key in value:
                first = key == "Alt"
                inner = value[key]
                if first and isinstance(inner, Mapping) and isinstance(inner.get("li"), list):
                    inner = inner["li"][0]
                return _plain(inner, depth + 1)
        return ""
    if isinstance(value, list):
        return _text(", ".join(filter(None, (_plain(item, depth + 1) for item in value[:20]))))
    return _text(value)


def _text(value: object) -> str:
    """Words of any of the three, as rows can hold them."""
    if isinstance(value, list):
        return ", ".join(filter(None, (_text(item) for item in value[:20])))[:MAX_TEXT]
    if isinstance(value, bytes):
        text = decoded(value)
    elif isinstance(value, str):
        text = mended(value)  # Pillow reads the text of EXIF as Latin-1; most programs write UTF-8 there
    else:
        return ""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[:MAX_TEXT]


def _wide(value: object) -> str:
    """Windows' own tags, UTF-16."""
    if isinstance(value, tuple):
        try:
            value = bytes(value)
        except (TypeError, ValueError):
            return ""
    return _text(value.decode("utf-16-le", "ignore").rstrip("\0")) if isinstance(value, bytes) else ""


def _day(text: str) -> str:
    """An ISO 8601 day of EXIF's ``2020:05:31 10:00:00``, IPTC's ``20200531`` and XMP's ``2020-05-31T10:00``."""
    found = _DAY.match(text)
    if found is None:
        return ""
    parts = [part for part in found.groups() if part]
    for count in (len(parts), 1):
        try:
            date.fromisoformat(("-".join(parts[:count]) + "-01-01")[:10])
        except ValueError:
            continue
        return "-".join(parts[:count])
    return ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
