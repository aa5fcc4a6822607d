"""Thumbnails in the Exif data of JPEG files made by Exhibit, so that small previews need no decoding.

Exif 2.32 (CIPA DC-008), 4.5.8: the second directory describes a compressed thumbnail. A thumbnail in an untrusted image
may show anything, so use these functions only for files made by Exhibit.
"""

import io
from struct import pack

from PIL import Image
from PIL.ExifTags import IFD

THUMBNAIL_SIDE = 400
"""Pixels of the longer side."""
QUALITY = 84
LARGEST = 60_000
"""Maximum bytes. An Exif segment of a JPEG has at most 65,533."""
_HEAD = b"Exif\x00\x00"
_COMPRESSION, _START, _LENGTH = 0x0103, 0x0201, 0x0202
_OLD_JPEG = 6
_SHORT, _LONG = 3, 4


def small_jpeg(picture: Image.Image, side: int) -> bytes:
    """Return a JPEG of at most ``side`` pixels on its longer side, without metadata. The output is deterministic."""
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    out = io.BytesIO()
    small.save(out, format="JPEG", quality=QUALITY)
    return out.getvalue()


def exif_with(thumbnail: bytes) -> bytes:
    """Return Exif data with only this thumbnail, or empty bytes if it is too large."""
    if len(thumbnail) > LARGEST:
        return b""
    first = pack("<2sHIHI", b"II", 42, 8, 0, 14)  # byte order, magic, empty first directory, offset of the second
    start = len(first) + 2 + 3 * 12 + 4
    fields = ((_COMPRESSION, _SHORT, _OLD_JPEG), (_START, _LONG, start), (_LENGTH, _LONG, len(thumbnail)))
    second = pack("<H", len(fields)) + b"".join(pack("<HHII", tag, kind, 1, value) for tag, kind, value in fields)
    return _HEAD + first + second + pack("<I", 0) + thumbnail


def thumbnail_of(data: bytes) -> bytes | None:
    """Return the thumbnail of a JPEG made by Exhibit, or ``None`` if it has none or is damaged."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
            directory = picture.getexif().get_ifd(IFD.IFD1)
            raw = picture.info.get("exif", b"")
    except (OSError, SyntaxError, ValueError):
        return None
    start, length = directory.get(_START), directory.get(_LENGTH)
    if not isinstance(start, int) or not isinstance(length, int):
        return None
    thumbnail: bytes = raw[len(_HEAD) + start : len(_HEAD) + start + length]
    return thumbnail if len(thumbnail) == length and thumbnail.startswith(b"\xff\xd8") else None
