"""Let Pillow pass over what is damaged beside a picture's pixels, as browsers do; imported for its effect.

Held against Chromium by ``python -m tests.fuzz.against_chromium``: a chunk or segment that can't be read, or whose
checksum is wrong, counts as if it weren't there. Damage within the pixels is the matter of ``pictures.broken_off``.
"""

import re
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import IO, ClassVar

from PIL import AvifImagePlugin, GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin

from exhibit.types import Untyped

_UNREADABLE = (struct.error, IndexError, SyntaxError, ValueError)
_ANCILLARY = 0x20
_FRAME_PIXELS = b"fdAT"
_TEM, _SOS = 0xFF01, 0xFFDA
_PROFILE_PARTS = "parts of the profile"
_PROFILE_HEAD = 14  # bytes before the profile in a segment (ICC.1:2022, B.4)
_MAX_ALPHAS = 256
_ITEMS = {
    name: re.compile(rb"(infe(?:\x02.{7}|\x03.{9}))" + kind, re.DOTALL)
    for name, kind in (("EXIF", b"Exif"), ("XMP", b"mime"))
}
"""The entries of metadata among an AVIF's items (ISO/IEC 14496-12, 8.11.6), up to their types."""
_LEFT_OUT: tuple[tuple[str, ...], ...] = ((), ("EXIF",), ("XMP",), ("EXIF", "XMP"))


class PictureStream(BytesIO):
    """The bytes of a picture's file."""

    is_damaged = False
    """Whether anything in it was passed over as unreadable."""
    unread_blocks: tuple[str, ...] = ()
    """Names of the metadata blocks that were passed over."""
    end_of_blocks = -1
    """Where the blocks of a GIF's extension ended."""


class _PngChunks(PngImagePlugin.PngStream):
    """Reads ancillary chunks that are sound; of some that come twice the first one counts, as in browsers."""

    _FIRST_COUNTS: ClassVar = frozenset({b"acTL", b"eXIf"})

    def __init__(self, fp: IO[bytes]) -> None:
        super().__init__(fp)
        self._names = set[bytes]()

    def call(self, cid: bytes, pos: int, length: int) -> bytes:
        """As in Pillow, but an ancillary chunk that can't be read has no effect."""
        if not _is_ancillary(cid):
            return super().call(cid, pos, length)
        stream = _stream_of(self)
        body, checksum = stream.read(length), stream.read(4)
        stream.seek(pos)
        if checksum != struct.pack(">I", zlib.crc32(cid + body)):
            stream.is_damaged = True
        elif cid not in self._names:
            try:
                body = super().call(cid, pos, length)
                self._names |= {cid} & self._FIRST_COUNTS
            except _UNREADABLE:
                stream.is_damaged = True
        stream.seek(pos + length)
        return body

    def chunk_tRNS(self, pos: int, length: int) -> bytes:  # noqa: N802 - as Pillow names it
        """As in Pillow, but a palette has no more levels of transparency than it may have colours."""
        body = super().chunk_tRNS(pos, length)
        levels = self.im_info.get("transparency")
        if self.im_mode == "P" and isinstance(levels, bytes) and len(levels) > _MAX_ALPHAS:
            self.im_info["transparency"] = levels[:_MAX_ALPHAS]
            _stream_of(self).is_damaged = True
        return body

    def crc(self, cid: bytes, data: bytes) -> None:
        """As in Pillow; the checksum of an ancillary chunk was verified before it was read."""
        if _is_ancillary(cid):
            self.crc_skip(cid, data)
        else:
            super().crc(cid, data)


def _is_ancillary(name: bytes) -> bool:
    return bool(name[0] & _ANCILLARY) and name != _FRAME_PIXELS


def _stream_of(reader: Untyped) -> PictureStream:
    stream: PictureStream = reader.fp
    return stream


def _tolerant(read_segment: Callable[[Untyped, int], None]) -> Callable[[Untyped, int], None]:
    """A segment's reader, which takes all its bytes before it looks at them, that doesn't fail."""

    def read(picture: Untyped, marker: int) -> None:
        try:
            read_segment(picture, marker)
        except _UNREADABLE:
            _stream_of(picture).is_damaged = True
        while picture.icclist:  # Pillow passes over those behind the frame's header, and over all where one comes twice
            part = picture.icclist.pop()
            if len(part) < _PROFILE_HEAD:
                _stream_of(picture).is_damaged = True
                continue
            picture.info.setdefault(_PROFILE_PARTS, {}).setdefault(part[12], part[14:])

    return read


def _begin_scan(picture: Untyped, marker: int) -> None:
    """Put together the profile of all segments before the scan."""
    parts = picture.info.pop(_PROFILE_PARTS, {})
    if parts and sorted(parts) == list(range(1, len(parts) + 1)):
        picture.info["icc_profile"] = b"".join(parts[number] for number in sorted(parts))
    JpegImagePlugin.Skip(picture, marker)


class _AvifPicture(AvifImagePlugin.AvifImageFile):
    """An AVIF picture whose EXIF and XMP, where libavif can't read them, count as if they weren't there."""

    def _open(self) -> None:
        stream = _stream_of(self)
        data = stream.read()
        for names in _LEFT_OUT:
            without = data
            for name in names:
                without = _ITEMS[name].sub(rb"\1free", without)  # libavif passes over types that it doesn't know
            self.fp, self.info = BytesIO(without), {}
            try:
                super()._open()
            except _UNREADABLE:
                if names == _LEFT_OUT[-1]:
                    raise
            else:
                break
        stream.is_damaged, stream.unread_blocks, self.fp = bool(names), names, stream


def _read_block(picture: Untyped) -> bytes | None:
    """Read a block of a GIF; Pillow asks again behind the last one where an extension has none."""
    stream = _stream_of(picture)
    if stream.tell() == stream.end_of_blocks:
        return None
    block = _pillows_read_block(picture)
    stream.end_of_blocks = stream.tell() if block is None else -1
    return block


_pillows_read_block = GifImagePlugin.GifImageFile.data
GifImagePlugin.GifImageFile.data = _read_block  # type: ignore[assignment, method-assign]

PngImagePlugin.PngStream = _PngChunks  # type: ignore[misc] # which PngImageFile makes
for _marker, (_name, _description, _reader) in list(JpegImagePlugin.MARKER.items()):
    if _reader in (JpegImagePlugin.APP, JpegImagePlugin.COM):
        JpegImagePlugin.MARKER[_marker] = (_name, _description, _tolerant(_reader))  # type: ignore[assignment]
JpegImagePlugin.MARKER[_SOS] = ("SOS", "Start of scan", _begin_scan)  # type: ignore[assignment]
JpegImagePlugin.MARKER[_TEM] = ("TEM", "Temporary", None)  # has no body
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the helper may start none (RLIMIT_NPROC), from which root alone is exempt
Image.register_open("AVIF", _AvifPicture, lambda prefix: prefix[4:8] == b"ftyp")  # libavif decides
