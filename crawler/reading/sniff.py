"""Content detection by the first bytes: enough to distinguish an image from an error page. Nothing is decoded."""

import re
from enum import StrEnum

from exhibit.network.addresses import parse_url
from exhibit.pictures.sniff import PICTURE_MAGICS
from exhibit.reasons import Reason

SNIFFED_BYTES = 1024
_BASE_URL = "http://anywhere.invalid/"
"""Base for URLs that are not absolute."""
VECTOR_SENTENCE = "Vector graphics are not compared."
IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".jxl",
    ".heic", ".heif", ".jp2",
)  # fmt: skip


class ContentKind(StrEnum):
    """Kind of content that the first bytes indicate."""

    IMAGE = "image"
    VECTOR = "vector"
    OTHER = "other"
    UNKNOWN = "unknown"


_IMAGE_SIGNATURES = (
    *(magic for magic in PICTURE_MAGICS if magic != b"BM"),  # many texts start with BM, too
    b"II+\x00",  # BigTIFF
    b"MM\x00+",
    b"\xff\x0a",  # JPEG XL codestream
    b"\x00\x00\x00\x0cJXL \r\n\x87\n",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n",  # JPEG 2000
    b"\xff\x4f\xff\x51",  # JPEG 2000 codestream
    b"\x00\x00\x01\x00",  # Windows icon
    b"8BPS",  # Photoshop
    b"qoif",
    b"II\xbc",  # JPEG XR
)
_OTHER_SIGNATURES = (
    b"%PDF-",
    b"PK\x03\x04",
    b"\x1f\x8b",  # gzip
    b"BZh",
    b"7z\xbc\xaf",
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"OggS",
    b"ID3",
    b"FLV\x01",
    b"wOFF",
    b"wOF2",
    b"OTTO",
    b"\x00\x01\x00\x00\x00",  # TrueType
    b"\x7fELF",
    b"MZ",
)
_IMAGE_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"jxl ")
_PNM = re.compile(rb"P[1-7]\s")
_TEXT_BYTES = re.compile(rb"[\t\n\f\r\x20-\x7e\x80-\xff]+")


def sniff(data: bytes) -> ContentKind:
    """Detect the kind of content, after WHATWG MIME Sniffing, 6 and 7, extended by formats of photographs.

    ``UNKNOWN`` means that only decoding can decide.
    """
    head = data[:SNIFFED_BYTES]
    if head.startswith(_IMAGE_SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or _is_bitmap(head):
        return ContentKind.IMAGE
    if head[4:8] == b"ftyp":
        return ContentKind.IMAGE if any(brand in head[8:40] for brand in _IMAGE_BRANDS) else ContentKind.OTHER
    if not head or head.startswith(_OTHER_SIGNATURES) or head[:4] == b"RIFF":
        return ContentKind.OTHER
    return ContentKind.IMAGE if _PNM.match(head) else _sniff_text(head)


def check_picture(data: bytes, max_bytes: int) -> tuple[str, str] | None:
    """Return reason and sentence if bytes cannot be stored as an image, else ``None``."""
    if len(data) > max_bytes:
        return Reason.TOO_LARGE, "The file exceeds the size limit."
    content = sniff(data)
    if content is ContentKind.VECTOR:
        return Reason.VECTOR_IMAGE, VECTOR_SENTENCE
    return (Reason.NOT_AN_IMAGE, "The bytes are not an image.") if content is ContentKind.OTHER else None


def has_image_suffix(url: str) -> bool:
    """Return True if the path of a URL has an image suffix."""
    return _get_path(url).endswith(IMAGE_SUFFIXES)


def has_vector_suffix(url: str) -> bool:
    """Return True if the path of a URL has the suffix of a vector drawing; these are not compared."""
    return _get_path(url).endswith((".svg", ".svgz"))


def _get_path(url: str) -> str:
    parts = parse_url(url, _BASE_URL)
    return "" if parts is None else parts.pathname.lower()


def _is_bitmap(head: bytes) -> bool:
    """Return True for a BMP header, in which the reserved fields must also be empty."""
    return head[:2] == b"BM" and head[6:10] == b"\x00\x00\x00\x00"


def _sniff_text(head: bytes) -> ContentKind:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<"):
        return ContentKind.VECTOR if b"<svg" in text else ContentKind.OTHER
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ContentKind.OTHER
    return ContentKind.OTHER if _TEXT_BYTES.fullmatch(head) and b"\x80" not in head[:4] else ContentKind.UNKNOWN
