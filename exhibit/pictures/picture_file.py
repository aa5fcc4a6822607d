"""Opening a picture's file within limits that are checked before anything large is decoded.

Only ``pictures.picture_helper`` does that, in a process of its own; others call ``pictures.decode``. Decided here:

- Formats: JPEG, MPO, PNG, WebP, GIF, TIFF, BMP, ICO, and AVIF where Pillow has it. The bytes decide, never a name.
- Pixels and sides are limited before decoding, those of every frame, page, tile and picture of an icon too; a
  decompression bomb is refused by its header. The time limit holds between the pieces that a decoder asks for.
- What a browser shows is measured; a test holds that against Chromium. Where browsers show nothing (TIFF), it is what
  the file means.
- The EXIF orientation is applied, but in a WebP, and an AVIF's own turns; one that can't be read is ignored.
- What is damaged beside the pixels counts as if it weren't there, and the file is said to be damaged
  (``pictures.tolerance``). Of an icon's largest pictures the one with most bits is taken.
- Colours are those of sRGB: profiles and a PNG's gamma are applied as browsers do (``pictures.colours``), unless levels
  are asked for as they are stored.
- Transparent pictures stand on white; one of whose pixels nothing can be seen there, on black. 16-bit grey keeps its
  upper 8 bits, in a TIFF those of its range.
- Of an animation the frame that stands longest is taken: frames that look alike count together, those of one colour
  don't. A PNG's picture that isn't part of its animation is never shown. ``Animation`` says how long each frame stands.
- Of a TIFF the largest picture is taken, be it a page or a part of one (``pictures.tiff_pages``). A raw photograph is
  refused: what Pillow reads of it is its preview.
- Of a JPEG, PNG, GIF or BMP that breaks off or is damaged what a browser shows of it is taken, on white, and said to be
  incomplete; where a browser shows nothing, and every other kind of file, it is refused.

With the usual limits decoding stays below 1 GB: formats whose decoders need more memory for each pixel may have fewer
pixels.
"""

import struct
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    Image,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    features,
)

from exhibit.errors import UnreadablePictureError
from exhibit.pictures.animation import Animation, animation_of
from exhibit.pictures.broken_off import loaded
from exhibit.pictures.colours import Conversion, conversion_of
from exhibit.pictures.decode import DecodedPicture, Limits
from exhibit.pictures.pixels import WIDE_MODES, fields, is_blank, is_flat, rgb_pixels
from exhibit.pictures.sniff import PICTURE_MAGICS, RAW_PHOTOGRAPH, kind_of
from exhibit.pictures.tiff_pages import read_pages, turn_to
from exhibit.pictures.tolerance import PictureStream
from exhibit.sentences import Sentence
from exhibit.types import PictureInfo

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "ICO", *(("AVIF",) if features.check("avif") else ()))
Image.init()  # Pillow registers some of these formats only on demand; a multi-picture JPEG is opened by way of JPEG

for _key, _how in list(TiffImagePlugin.OPEN_INFO.items()):
    if _key[1] == 1 and _how[0] in WIDE_MODES:  # Pillow knows fewer of those whose zero is white; pixels.py turns them
        TiffImagePlugin.OPEN_INFO.setdefault((_key[0], 0, *_key[2:]), _how)

_ORIENTATION_TAG, _SHORT = 0x0112, 3
_TILE_SIDES = (322, 323)
_JPEG = ("JPEG", "MPO")
_TURNED = (*_JPEG, "PNG")
_ICONS, _ICON_HEADER, _ICON_ENTRY = (b"\0\0\1\0", b"\0\0\2\0"), 6, 16  # the second of a pointer
_DIB_BITS, _LARGEST_ICON = 14, 256 * 256 * 5
_PNG, _PNG_DEPTH = b"\x89PNG\r\n\x1a\n", 24
_PIECE = 1024
_COARSE, _ALIKE, _ALIKE_FINELY = 8, 8.0, 4.0
"""So many fields a side may differ by so many levels in frames that show the same, whose finer fields differ by fewer
on average: of those a dithered frame may move each, and another picture moves many."""
_LOOKED_THROUGH = 240_000_000
"""Pixels of all frames together: whatever the limits are, so that whoever checks a picture sees the same frame."""
_WHITE, _BLACK = 255, 0
_REDUCTIONS = (8, 4, 2)
_COST = {"WEBP": 2.0, "GIF": 2.0, "TIFF": 2.0, "AVIF": 3.0}  # memory for each pixel, beside 7.5 bytes for the others
_PROGRESSIVE_COST = 1.5


def inspect(data: bytes, limits: Limits) -> PictureInfo:
    """See :func:`exhibit.pictures.decode.inspect`."""
    with opened(data, limits) as (picture, stream):
        return _info(picture, stream)


def profile(data: bytes, limits: Limits) -> bytes:
    """The ICC profile of an RGB picture, which its decoded pixels keep; of other ones, and where none is, empty."""
    with opened(data, limits) as (picture, _stream):
        return (picture.info.get("icc_profile") or b"") if picture.mode in {"RGB", "RGBA"} else b""


def decode(data: bytes, limits: Limits, at_least: int | None = None) -> DecodedPicture:
    """See :func:`exhibit.pictures.decode.decode`."""
    with opened(data, limits) as (picture, stream):
        info = _info(picture, stream)
        orientation = _orientation(picture)
        long_side = max(info.width, info.height)
        enough = (factor for factor in _REDUCTIONS if at_least is not None and long_side // factor >= at_least)
        reduction = next(enough, 1)
        colours = conversion_of(picture, data, exact=limits.exact) if limits.profiles else None
        if picture.format in _JPEG and (colours is None or colours.smooth):
            picture.draft(None, (max(1, picture.width // reduction), max(1, picture.height // reduction)))
            reduction = 1
        pixels, incomplete = _Frames(picture, stream, limits, reduction, colours).shown()
        picture.close()  # frees its memory before the pixels are turned
    pixels = _turned(pixels, orientation)
    return DecodedPicture(
        replace(info, incomplete=incomplete or stream.is_damaged), pixels, pixels.shape[1] / info.width
    )


class _TimedBytes(PictureStream):
    """Bytes that stop coming when the time is over."""

    def __init__(self, data: bytes, seconds: float) -> None:
        super().__init__(data)
        self.seconds = seconds
        self.end = time.process_time() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        """As ``BytesIO.read``, but raises once the time is over."""
        self.check()
        return super().read(size)

    @property
    def half_over(self) -> bool:
        """Whether half of the time is over: then nothing more is looked at than has to be."""
        return self.end - time.process_time() < self.seconds / 2

    def check(self) -> None:
        """Raises ``UnreadablePictureError`` once the time is over."""
        if time.process_time() > self.end:
            raise UnreadablePictureError(
                Sentence("The picture takes longer than %(seconds)s s to decode.", seconds=f"{self.seconds:g}"),
                reason="too-slow",
            )


@contextmanager
def opened(data: bytes, limits: Limits) -> Iterator[tuple[Image.Image, _TimedBytes]]:
    """The opened picture within its limits; whatever is raised within the block is an ``UnreadablePictureError``."""
    stream = _TimedBytes(data, limits.seconds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if data.startswith(_ICONS):
                _check_icon(stream, limits)
                _keep_best(stream)
            page = _largest_page(stream, limits)
            with Image.open(stream, formats=FORMATS) as picture:
                _check_size(picture, limits)
                if page is not None and picture.format == "TIFF":
                    turn_to(picture, page)
                    _check_size(picture, limits)
                elif picture.format == "PNG":
                    _scale_key(picture, data)
                yield picture, stream
        except (UnreadablePictureError, MemoryError):
            raise
        except Image.DecompressionBombError as error:
            raise _too_many_pixels() from error
        except UnidentifiedImageError as error:
            raise _not_a_picture(data) from error
        except Exception as error:  # a decoder that is fed hostile bytes may raise anything
            raise _broken(error) from error


def _check_icon(stream: _TimedBytes, limits: Limits) -> None:
    """The limits for each picture in an icon file: opening one decodes it, whatever size the directory gives."""
    (count,) = struct.unpack_from("<H", stream.getbuffer(), len(_ICONS[0]))
    for number in range(count):
        stream.seek(_ICON_HEADER + number * _ICON_ENTRY)
        entry = stream.read(_ICON_ENTRY)
        if len(entry) < _ICON_ENTRY:
            break
        (offset,) = struct.unpack_from("<I", entry, 12)
        stream.seek(offset)
        opener = PngImagePlugin.PngImageFile if stream.read(len(_PNG)) == _PNG else BmpImagePlugin.DibImageFile
        stream.seek(offset)
        try:
            picture = opener(stream)  # reads the header
        except UnreadablePictureError:
            raise
        except Exception:  # noqa: BLE001, S112 - a decoder that is fed hostile bytes may raise anything; it will again
            continue
        _check_size(picture, limits)
    stream.seek(0)


def _keep_best(stream: _TimedBytes) -> None:
    """Leave one picture in an icon's directory, which browsers show: of the largest the one with most bits.

    The bits are those that a bitmap itself states. Missing bytes of it are zeros.
    """
    data = stream.getvalue()
    (count,) = struct.unpack_from("<H", data, len(_ICONS[0]))
    end = min(len(data), _ICON_HEADER + count * _ICON_ENTRY)
    places = range(_ICON_HEADER, end - _ICON_ENTRY + 1, _ICON_ENTRY)
    entries = [data[place : place + _ICON_ENTRY] for place in places]
    if not entries:
        return
    best = max(entries, key=_size_and_bits)
    size, offset = struct.unpack_from("<II", best, 8)
    is_bitmap = not data.startswith(_PNG, offset)
    if is_bitmap:
        bits = data[offset + _DIB_BITS : offset + _DIB_BITS + 2]
        best = best[: 8 - len(bits)] + bits + best[8:]
    stream.seek(0)
    stream.write(_ICONS[0] + struct.pack("<H", 1) + best)
    if is_bitmap and offset + size > len(data):
        stream.is_damaged = True
        stream.seek(len(data))
        stream.write(bytes(min(offset + size - len(data), _LARGEST_ICON)))
    stream.seek(0)


def _size_and_bits(entry: bytes) -> tuple[int, int]:
    """Of an entry in an icon's directory: pixels, and bits of each, by its number of colours where it tells none."""
    width, height, colours, bits = struct.unpack("<3Bx2xH8x", entry)
    return (width or 256) * (height or 256), bits or ((colours or 256) - 1).bit_length()


def _check_size(picture: Image.Image, limits: Limits) -> None:
    width, height = picture.size
    if width < 1 or height < 1:
        raise UnreadablePictureError(Sentence("The picture has no pixels."), reason="broken")
    if max(width, height) > limits.max_side:
        size, most = f"{width}×{height}", limits.max_side
        sentence = Sentence("The picture is %(size)s; no side may be longer than %(most)s.", size=size, most=most)
        raise UnreadablePictureError(sentence, reason="too-long-side")
    cost = _PROGRESSIVE_COST if picture.info.get("progressive") else _COST.get(picture.format or "", 1.0)
    tile = _tile_size(picture)
    if max(width * height, tile[0] * tile[1]) * cost > limits.max_pixels:
        raise _too_many_pixels()


def _scale_key(picture: Image.Image, data: bytes) -> None:
    """Give a PNG's transparent colour the depth that Pillow gives its pixels: it leaves the one as it stands there."""
    depth, key = data[_PNG_DEPTH], picture.info.get("transparency")
    if picture.mode == "L" and isinstance(key, int):
        picture.info["transparency"] = key * 0xFF // ((1 << depth) - 1)
    elif picture.mode == "RGB" and isinstance(key, tuple) and depth == 16:
        picture.info["transparency"] = tuple(one >> 8 for one in key)


def _largest_page(stream: _TimedBytes, limits: Limits) -> int | None:
    """Where the directory of a TIFF's largest picture begins; ``UnreadablePictureError`` for a raw photograph."""
    pages = read_pages(stream, limits.max_frames)
    if pages.is_raw:
        raise _raw_photograph()
    return pages.largest


def _tile_size(picture: Image.Image) -> tuple[int, int]:
    """Of a TIFF in tiles, which are decoded whole however small the picture is (TIFF 6.0, section 15)."""
    tags = getattr(picture, "tag_v2", {})
    width, height = (tags.get(tag, 0) for tag in _TILE_SIDES)
    return (width, height) if isinstance(width, int) and isinstance(height, int) else (0, 0)


def _info(picture: Image.Image, stream: _TimedBytes) -> PictureInfo:
    width, height = picture.size
    if _orientation(picture) >= 5:
        width, height = height, width
    frames = _frames(picture)
    stream.check()
    return PictureInfo(width, height, picture.format or "", frames)


def _orientation(picture: Image.Image) -> int:
    """How to turn it, 1 to 8 as in EXIF; 1 for TIFF, which Pillow turns by itself.

    An AVIF's is that of its properties ``irot`` and ``imir``, which Pillow puts in place of what its EXIF block says.
    """
    if picture.format == "AVIF":
        return int(picture.getexif().get(_ORIENTATION_TAG, 1))
    return _exif_orientation(picture) if picture.format in _TURNED else 1


def _exif_orientation(picture: Image.Image) -> int:
    """The first entry of its tag in the first directory, when that is one short number; 1 for what can't be read."""
    raw = picture.info.get("exif")
    if not isinstance(raw, bytes):
        return 1
    raw = raw.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(raw[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", raw, 4)
        (count,) = struct.unpack_from(f"{order}H", raw, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, number, value = struct.unpack_from(f"{order}2HIH", raw, place)
            if tag == _ORIENTATION_TAG:
                return value if (kind, number) == (_SHORT, 1) and 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


@dataclass
class _Group:
    """Frames that look alike."""

    number: int  # of the first one
    fields: NDArray[np.float32]
    seconds: float


class _Frames:
    """The frames of an opened picture, of which one is what is seen of it."""

    def __init__(
        self, picture: Image.Image, stream: _TimedBytes, limits: Limits, reduction: int, colours: Conversion | None
    ) -> None:
        self._picture, self._stream, self._limits = picture, stream, limits
        self._reduction, self._colours = reduction, colours
        self._size, self._incomplete = picture.size, False
        pixels = picture.width * picture.height
        self._reach = min(_frames(picture), _LOOKED_THROUGH // pixels)
        """Frames that may be decoded, since each is built upon those before it."""

    def shown(self) -> tuple[NDArray[np.uint8], bool]:
        """The pixels of the frame that stands longest, and whether its file breaks off or is damaged."""
        told = animation_of(self._stream.getbuffer(), self._picture.format or "")
        begin = int(told.hidden)
        if begin and _frames(self._picture) == 1:
            raise UnreadablePictureError(
                Sentence("The picture's animation is damaged: what it shows can't be told."), reason="broken"
            )
        if begin:
            self._picture.seek(begin)
        first = self._pixels()
        self._incomplete |= bool(told.seconds) and not told.whole
        if _frames(self._picture) > 1 + begin:
            return self._longest(first, told, begin), self._incomplete
        return first, self._incomplete

    def _longest(self, first: NDArray[np.uint8], told: Animation, begin: int) -> NDArray[np.uint8]:
        """The frame that stands longest; frames beyond those that are looked through count alone."""
        seconds = (*([0.0] * begin), *told.seconds)
        looked = begin + self._limits.max_frames
        alone = max(range(min(len(seconds), self._reach)), key=seconds.__getitem__, default=begin)
        if told.seconds and 2 * seconds[alone] > sum(seconds):  # whatever the others show
            pixels = first if alone == begin else self._at(alone, first)
            if pixels is not None and not is_blank(pixels):
                return pixels
        groups: list[_Group] = []
        for number, pixels in self._through(first, begin, min(looked, self._reach)):
            if not told.seconds:  # pages: the first one that shows something
                return pixels
            shown = seconds[number] if number < len(seconds) else 0.0
            seen = fields(pixels)
            like = (one for one in groups if _alike(one.fields, seen))
            if (group := next(like, None)) is None:
                groups.append(_Group(number, seen, shown))
            else:
                group.seconds += shown
        best = max(groups, key=lambda group: group.seconds, default=None)
        beyond = alone >= looked and (best is None or seconds[alone] > best.seconds)
        number = alone if beyond else begin if best is None else best.number
        chosen = None if number == begin else self._at(number, first)
        return first if chosen is None else chosen

    def _through(self, first: NDArray[np.uint8], begin: int, end: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Frames of this size that show something, as far as they can be decoded: damage takes none before it."""
        if not is_blank(first):
            yield begin, first
        for number in range(begin + 1, end):
            if self._stream.half_over:
                return
            try:
                pixels = self._turned_to(number)
            except (UnreadablePictureError, MemoryError):
                raise
            except Exception:  # noqa: BLE001 - a decoder that is fed hostile bytes may raise anything
                return
            if pixels is None:
                if self._picture.format == "GIF":  # it grows with its frames, and doesn't shrink again
                    return
            elif pixels.shape == first.shape and not is_blank(pixels):
                yield number, pixels

    def _at(self, number: int, first: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """The pixels of a frame of this size, where they can be had."""
        try:
            pixels = self._turned_to(number)
        except (UnreadablePictureError, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - as above
            return None
        return None if pixels is None or pixels.shape != first.shape else pixels

    def _turned_to(self, number: int) -> NDArray[np.uint8] | None:
        """The pixels of a frame; ``None`` where it is of another size or takes too long, and isn't decoded."""
        step = self._picture.tell()
        for place in range(step + 1 if step < number else number, number + 1):
            if self._stream.half_over:
                return None
            self._picture.seek(place)
            if self._picture.size != self._size and not self._has_grown():
                if place == number or self._picture.format == "GIF":
                    return None
                continue
            _check_size(self._picture, self._limits)
        return self._pixels()

    def _has_grown(self) -> bool:
        """Whether this is a GIF with a frame beyond its screen, which browsers cut off, that may be decoded."""
        try:
            _check_size(self._picture, self._limits)
        except UnreadablePictureError:
            return False
        return self._picture.format == "GIF"

    def _pixels(self) -> NDArray[np.uint8]:
        """Those of the frame at hand on its ground, or on the other one where nothing is seen of it on that."""
        if self._picture.format in _JPEG:  # a few bytes may hold a scan over all pixels: check the time often
            self._picture.decodermaxblock = _PIECE  # type: ignore[attr-defined]
        picture, incomplete = loaded(self._picture)
        self._incomplete |= incomplete
        self._stream.check()
        if picture.size != self._size:
            picture = picture.crop((0, 0, *self._size))
        ground, other = (_BLACK, _WHITE) if self._limits.dark else (_WHITE, _BLACK)
        if picture.has_transparency_data and is_flat(picture, ground, self._colours):
            ground = ground if is_flat(picture, other, self._colours) else other
        return rgb_pixels(picture, self._reduction, ground, self._colours)


def _alike(first: NDArray[np.float32], second: NDArray[np.float32]) -> bool:
    """Whether the fields of two frames show the same."""
    away = first - second
    coarse = away.reshape(_COARSE, len(away) // _COARSE, _COARSE, -1, 3).mean(axis=(1, 3))
    return bool(np.abs(coarse).max() <= _ALIKE and np.abs(away).mean() <= _ALIKE_FINELY)


def _frames(picture: Image.Image) -> int:
    """Frames of an animation or pages; the further views of a multi-picture JPEG aren't frames."""
    return 1 if picture.format == "MPO" else int(getattr(picture, "n_frames", 1))


def _turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Apply an EXIF orientation (CIPA DC-008, 4.6.4): mirror and turn so that row 0 is the visual top."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _too_many_pixels() -> UnreadablePictureError:
    return UnreadablePictureError(Sentence("The picture has too many pixels."), reason="too-many-pixels")


def _raw_photograph() -> UnreadablePictureError:
    return UnreadablePictureError(
        Sentence("The file is a raw photograph, which only photo software can develop."),
        reason="raw-photograph",
        hint=Sentence("Export it as TIFF or JPEG from your photo software, and use that file."),
    )


def _not_a_picture(data: bytes) -> UnreadablePictureError:
    if data.startswith(PICTURE_MAGICS):
        return UnreadablePictureError(
            Sentence("The picture is damaged, or of a kind that can't be read."), reason="broken"
        )
    kind = kind_of(data)
    if kind == RAW_PHOTOGRAPH:
        return _raw_photograph()
    if kind == "an HTML page":
        hint = Sentence("Save the picture itself from it, or name the picture's own address.")
        return UnreadablePictureError(Sentence("This is a web page, no picture."), reason="not-a-picture", hint=hint)
    sentence = Sentence("These bytes aren't a picture that can be read.") if kind is None else f"This is {kind}."
    return UnreadablePictureError(
        sentence, reason="not-a-picture", hint=Sentence("Pictures are %(formats)s.", formats=", ".join(FORMATS))
    )


def _broken(error: Exception) -> UnreadablePictureError:
    if "truncated" in str(error).lower():
        return UnreadablePictureError(Sentence("The picture breaks off."), reason="truncated")
    return UnreadablePictureError(Sentence("The picture is damaged."), reason="broken")
