"""Generated TIFF files: pages, parts of pages, and raw photographs as cameras write them."""

import struct
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tests.assets.badfiles import generate_photo


def tiff(values: NDArray[np.generic], *, photometric: int = 1, **tags: int) -> bytes:
    """Return an uncompressed TIFF of one strip (TIFF 6.0), grey or of three channels."""
    return b"II*\0" + struct.pack("<I", 8) + _directory(values, photometric, 8, 0, **tags)


def tiff_pages(*pages: tuple[NDArray[np.generic], dict[str, int]]) -> bytes:
    """Return a TIFF of several grey pages, each with tags of its own."""
    data, place = b"II*\0" + struct.pack("<I", 8), 8
    for number, (values, tags) in enumerate(pages):
        page = _directory(values, 1, place, 0, **tags)
        after = 0 if number == len(pages) - 1 else place + len(page)
        page = _directory(values, 1, place, after, **tags)
        data, place = data + page, place + len(page)
    return data


def tiff_in_tiff(outer: NDArray[np.generic], inner: NDArray[np.generic], *, photometric: int = 1, **tags: int) -> bytes:
    """Return a TIFF whose page has another image as a part (SubIFD); the tags are those of the page."""
    place = 8 + len(_directory(outer, 1, 8, 0, sub_directory=0, **tags))
    page = _directory(outer, 1, 8, 0, sub_directory=place, **tags)
    return b"II*\0" + struct.pack("<I", 8) + page + _directory(inner, photometric, place, 0)


_TAGS = {"subfile": 254, "old_subfile": 255, "sub_directory": 330, "dng_version": 50706}


def _directory(values: NDArray[np.generic], photometric: int, place: int, after: int, **tags: int) -> bytes:
    kinds = {"u": 1, "i": 2, "f": 3}
    height, width = values.shape[:2]
    bits = values.dtype.itemsize * 8
    channels = 1 if values.ndim == 2 else values.shape[2]
    fields = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 0, 277: channels, 278: height}
    fields |= {279: values.nbytes, 339: kinds[values.dtype.kind]} | {
        _TAGS[name]: tag_value for name, tag_value in tags.items()
    }
    start = place + 2 + 12 * len(fields) + 4
    extra = b""
    if channels > 1:
        extra = struct.pack(f"<{channels}H", *[bits] * channels)
        fields[258] = start
    fields[273] = start + len(extra)
    entries = b""
    for tag, value in sorted(fields.items()):
        kind, count = (3, channels) if tag == 258 and channels > 1 else (4, 1)
        entries += struct.pack("<HHII", tag, kind, count, value)
    raw = extra + values.astype(values.dtype.newbyteorder("<")).tobytes()
    return struct.pack("<H", len(fields)) + entries + struct.pack("<I", after) + raw + b"\0" * (len(raw) % 2)


def _raw(*, photometric: int = 32803, **tags: int) -> bytes:
    """Return a preview with sensor data beside it, as most cameras write them."""
    grey = np.asarray(generate_photo().convert("L"))
    return tiff_in_tiff(np.ascontiguousarray(grey[::4, ::4]), grey, photometric=photometric, subfile=1, **tags)


RAW_PHOTOGRAPHS: dict[str, Callable[[], bytes]] = {
    "NEF": _raw,
    "linear DNG": partial(_raw, photometric=34892),
    "DNG by its version": partial(_raw, photometric=1, dng_version=0x0401),
    "PEF": lambda: tiff(np.asarray(generate_photo().convert("L")), photometric=32803),
    "CR2": lambda: _shift_directory(tiff(np.asarray(generate_photo().convert("L"))), b"CR\x02\0\0\0\0\0"),
    "CR3": lambda: b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(100),
    "RAF": lambda: b"FUJIFILMCCD-RAW 0201FF129502" + bytes(100),
    "ORF": lambda: b"IIRO\x08\0\0\0" + bytes(100),
    "RW2": lambda: b"IIU\0\x18\0\0\0" + bytes(100),
}
"""Functions that make files of sensor data, by the kind of file."""


def _shift_directory(data: bytes, between: bytes) -> bytes:
    """Return a TIFF with bytes between its header and its directory."""
    (count,) = struct.unpack_from("<H", data, 8)
    moved = bytearray(data[:4] + struct.pack("<I", 8 + len(between)) + between + data[8:])
    for place in range(10 + len(between), 10 + len(between) + 12 * count, 12):
        tag, value = struct.unpack_from("<H6xI", moved, place)
        if tag == 273:  # offset of its pixels
            struct.pack_into("<I", moved, place + 8, value + len(between))
    return bytes(moved)
