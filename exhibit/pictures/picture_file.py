"""Opening a picture's file within limits that are checked before anything large is decoded.

Only ``pictures.picture_helper`` does that, in a process of its own; others call ``pictures.decode``. Decided here:

- Formats: JPEG, MPO, PNG, WebP, GIF, TIFF, BMP, ICO, and AVIF where Pillow has it. The bytes decide, never a name.
- Pixels and sides are limited before decoding, those of every frame, page, tile and picture of an icon too; a
  decompression bomb is refused by its header. The time limit holds between the pieces that a decoder asks for.
- The EXIF orientation is applied; one that can't be read is ignored. Colour profiles are not applied.
- Transparent pictures stand on white; one of which nothing can be seen there, on black. 16-bit grey keeps its upper
  8 bits.
- Of an animation the first frame that isn't of one colour is taken, if it is as large as the first one.
- A JPEG or PNG whose pixels break off, or are followed by damage, counts as a picture when at least three quarters of
  its rows are there (the missing ones are black), as browsers would show it; every other damage is refused.

With the usual limits decoding stays below 1 GB: formats whose decoders need more memory for each pixel may have fewer
pixels.
"""

import struct
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, Image, PngImagePlugin, UnidentifiedImageError, features

from exhibit.errors import UnreadablePictureError
from exhibit.pictures.decode import DecodedPicture, Limits
from exhibit.pictures.pixels import is_blank, is_flat, rgb_pixels
from exhibit.pictures.sniff import PICTURE_MAGICS, kind_of
from exhibit.sentences import Sentence
from exhibit.types import PictureInfo

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "ICO", *(("AVIF",) if features.check("avif") else ()))
Image.init()  # Pillow registers some of these formats only on demand; a multi-picture JPEG is opened by way of JPEG

_ORIENTATION_TAG, _SHORT = 0x0112, 3
_TILE_SIDES = (322, 323)
_JPEG = ("JPEG", "MPO")
_ICON, _ICON_HEADER, _ICON_ENTRY = b"\0\0\1\0", 6, 16
_PNG = b"\x89PNG\r\n\x1a\n"
_MENDABLE = ("JPEG", "MPO", "PNG")
_MIN_ROWS = 0.75
_PIECE = 1024
_LOOKED_THROUGH = 2  # so many times the most pixels of one picture in all frames together
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
        if picture.format in _JPEG:
            picture.draft(None, (max(1, picture.width // reduction), max(1, picture.height // reduction)))
            reduction = 1
        pixels = _visible_frame(picture, stream, limits, reduction)
        picture.close()  # frees its memory before the pixels are turned
    pixels = _turned(pixels, orientation)
    return DecodedPicture(info, pixels, pixels.shape[1] / info.width)


class _TimedBytes(BytesIO):
    """Bytes that stop coming when the time is over."""

    def __init__(self, data: bytes, seconds: float) -> None:
        super().__init__(data)
        self.seconds = seconds
        self.end = time.process_time() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        """As ``BytesIO.read``, but raises once the time is over."""
        self.check()
        return super().read(size)

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
            if data.startswith(_ICON):
                _check_icon(stream, limits)
            with Image.open(stream, formats=FORMATS) as picture:
                _check_size(picture, limits)
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
    (count,) = struct.unpack_from("<H", stream.getbuffer(), len(_ICON))
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
    """The EXIF orientation, 1 to 8: the first entry of its tag in the first directory, when that is one short number.

    1 for TIFF, which Pillow turns by itself, and for what can't be read.
    """
    raw = picture.info.get("exif")
    if picture.format == "TIFF" or not isinstance(raw, bytes):
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


def _visible_frame(picture: Image.Image, stream: _TimedBytes, limits: Limits, reduction: int) -> NDArray[np.uint8]:
    """The pixels of the first frame that isn't of one colour, or of the very first one."""
    size = picture.size
    _load(picture)
    stream.check()
    first = rgb_pixels(picture, reduction)
    if picture.has_transparency_data and is_flat(first):
        on_black = rgb_pixels(picture, reduction, ground=0)
        first = first if is_flat(on_black) else on_black
    if not is_blank(first):
        return first
    for pixels in _later_frames(picture, stream, size, limits, reduction):
        if pixels.shape == first.shape and not is_blank(pixels):
            return pixels
    return first


def _later_frames(
    picture: Image.Image, stream: _TimedBytes, size: tuple[int, int], limits: Limits, reduction: int
) -> Iterator[NDArray[np.uint8]]:
    """Frames of this size after the first, as far as they can be decoded: damage behind a good frame takes nothing."""
    enough = _LOOKED_THROUGH * limits.max_pixels // (size[0] * size[1])
    for number in range(1, min(_frames(picture), limits.max_frames, enough)):
        stream.check()
        try:
            picture.seek(number)
            if picture.size != size:
                if picture.format == "GIF":  # it grows with its frames, and doesn't shrink again
                    return
                continue
            _check_size(picture, limits)
            pixels = rgb_pixels(picture, reduction)
        except (UnreadablePictureError, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - a decoder that is fed hostile bytes may raise anything
            return
        yield pixels


def _frames(picture: Image.Image) -> int:
    """Frames of an animation or pages; the further views of a multi-picture JPEG aren't frames."""
    return 1 if picture.format == "MPO" else int(getattr(picture, "n_frames", 1))


def _load(picture: Image.Image) -> None:
    """Decode; of a file that breaks off, keep what is there if it is enough."""
    if picture.format in _JPEG:
        picture.decodermaxblock = _PIECE  # type: ignore[attr-defined]  # a few bytes may hold a scan over all pixels: check the time often
    try:
        picture.load()
    except (OSError, SyntaxError, ValueError):
        if picture.format not in _MENDABLE or picture.info.get("interlace") or _rows_present(picture) < _MIN_ROWS:
            raise


def _rows_present(picture: Image.Image) -> float:
    """The share of rows down to the last one that isn't black, of a picture whose decoding broke off.

    Nothing more of it will be decoded afterwards.
    """
    if getattr(picture, "_im", None) is None:
        return 0.0
    picture.tile = []  # type: ignore[attr-defined]  # what is left to decode
    box = picture.convert("RGB").getbbox()
    return 0.0 if box is None else box[3] / picture.height


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


def _not_a_picture(data: bytes) -> UnreadablePictureError:
    if data.startswith(PICTURE_MAGICS):
        return UnreadablePictureError(
            Sentence("The picture is damaged, or of a kind that can't be read."), reason="broken"
        )
    kind = kind_of(data)
    sentence = Sentence("These bytes aren't a picture that can be read.") if kind is None else f"This is {kind}."
    return UnreadablePictureError(
        sentence, reason="not-a-picture", hint=Sentence("Pictures are %(formats)s.", formats=", ".join(FORMATS))
    )


def _broken(error: Exception) -> UnreadablePictureError:
    text = str(error)
    if "truncated" in text.lower():
        return UnreadablePictureError(Sentence("The picture breaks off."), reason="truncated")
    if "too large" in text or "Too much memory" in text:
        return UnreadablePictureError(
            Sentence("The picture carries texts that unpack to too much."), reason="text-bomb"
        )
    return UnreadablePictureError(Sentence("The picture is damaged."), reason="broken")
