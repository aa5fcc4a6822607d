"""Opening and decoding of an image file within limits that are checked before large data are decoded.

Only the sandboxed helper process (``pictures.picture_helper``) uses this module; other code calls ``pictures.decode``.
Rules:

- Formats: JPEG, MPO, PNG, WebP, GIF, TIFF, BMP, ICO, and AVIF if Pillow supports it. They are detected by content,
  never by file name.
- Pixels and sides are limited before decoding, also for every frame, page and tile. The helper limits the time.
- The EXIF orientation is applied, except in a WebP, as in browsers; unreadable values are ignored.
- Levels are converted to sRGB by the embedded profile (``pictures.colours``), unless the stored levels are requested.
- Transparent images are placed on white, or on black if nothing is visible on white.
- Of an animation, the first frame with several colours is used. A PNG's still image that is not part of its animation
  is ignored, as in browsers.
- Of a TIFF, the largest image is used: a page or a part of a page (``pictures.tiff_pages``). Raw photographs are
  refused, because Pillow would read only their preview.
- A damaged or truncated file is read again in Pillow's tolerant mode (``LOAD_TRUNCATED_IMAGES``) and reported as
  incomplete. It is refused if no part of the image can be decoded.

With the default limits, decoding needs less than 1 GB: formats whose decoders need more memory for each pixel have a
lower limit of pixels.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, ExifTags, Image, ImageFile, UnidentifiedImageError, features

from exhibit.errors import UnreadablePictureError
from exhibit.pictures.colours import Conversion, load_conversion
from exhibit.pictures.decode import DecodedPicture, Limits
from exhibit.pictures.pixels import is_blank, is_flat, render_rgb
from exhibit.pictures.sniff import PICTURE_MAGICS, RAW_PHOTOGRAPH, detect_kind
from exhibit.pictures.tiff_pages import read_pages, switch_to_directory
from exhibit.sentences import Sentence
from exhibit.types import PictureInfo

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "ICO", *(("AVIF",) if features.check("avif") else ()))
Image.init()  # Pillow registers some formats on demand; a multi-picture JPEG is opened via JPEG
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # RLIMIT_NPROC forbids further threads (except for root)

_TILE_SIDES = (322, 323)
_JPEG = ("JPEG", "MPO")
_ORIENTED_FORMATS = (*_JPEG, "PNG", "AVIF")  # Pillow reports an AVIF's own rotation as EXIF, and rotates a TIFF itself
_WHITE, _BLACK = 255, 0
_REDUCTIONS = (8, 4, 2)
_PIXEL_COSTS = {"WEBP": 2.0, "GIF": 2.0, "TIFF": 2.0, "AVIF": 3.0}  # memory for each pixel, relative to 7.5 bytes
_PROGRESSIVE_COST = 1.5
_DAMAGE_REASONS = frozenset({"truncated", "broken"})
_UNDECODED_COLOURS = tuple([level] * 3 for level in (0, 128, 255))
"""Colours of an image of which nothing was decoded: as allocated, as filled by libjpeg, and as background."""


def inspect(data: bytes, limits: Limits) -> PictureInfo:
    """See :func:`exhibit.pictures.decode.inspect`."""
    with open_untrusted_picture(data, limits) as picture:
        return _read_info(picture)


def read_profile(data: bytes, limits: Limits) -> bytes:
    """Return the ICC profile of an RGB image; empty for images without a profile and for other modes."""
    with open_untrusted_picture(data, limits) as picture:
        return (picture.info.get("icc_profile") or b"") if picture.mode in {"RGB", "RGBA"} else b""


def decode(data: bytes, limits: Limits, at_least: int | None = None) -> DecodedPicture:
    """See :func:`exhibit.pictures.decode.decode`."""
    try:
        return _decode(data, limits, at_least, tolerant=False)
    except UnreadablePictureError as error:
        if error.reason not in _DAMAGE_REASONS:
            raise
        reason = error.reason  # a reference to the error would keep the image in memory
    decoded = _decode(data, limits, at_least, tolerant=True)
    if is_blank(decoded.pixels) and decoded.pixels[0, 0].tolist() in _UNDECODED_COLOURS:
        raise _build_damage_error(is_truncated=reason == "truncated")
    return replace(decoded, info=replace(decoded.info, incomplete=True))


def _decode(data: bytes, limits: Limits, at_least: int | None, *, tolerant: bool) -> DecodedPicture:
    with open_untrusted_picture(data, limits, tolerant=tolerant) as picture:
        info, orientation = _read_info(picture), _read_orientation(picture)
        long_side = max(info.width, info.height)
        reductions = (factor for factor in _REDUCTIONS if at_least is not None and long_side // factor >= at_least)
        reduction = next(reductions, 1)
        if picture.format in _JPEG:
            picture.draft(None, (max(1, picture.width // reduction), max(1, picture.height // reduction)))
            reduction = 1
        pixels = _find_shown_frame(picture, limits, reduction)
        picture.close()  # frees memory before the pixels are rotated
    pixels = _apply_orientation(pixels, orientation)
    return DecodedPicture(replace(info, incomplete=False), pixels, pixels.shape[1] / info.width)


@contextmanager
def open_untrusted_picture(data: bytes, limits: Limits, *, tolerant: bool = True) -> Iterator[Image.Image]:
    """Open an image within its limits. Any error within the block becomes an ``UnreadablePictureError``.

    Args:
        data: The file.
        limits: Limits for decoding.
        tolerant: True to make Pillow ignore damage where possible.
    """
    stream = BytesIO(data)
    with warnings.catch_warnings(), _configure_pillow(limits, tolerant=tolerant):
        warnings.simplefilter("ignore")
        try:
            page = _find_largest_page(stream, limits)
            with Image.open(stream, formats=FORMATS) as picture:
                _check_size(picture, limits)
                if page is not None and picture.format == "TIFF":
                    switch_to_directory(picture, page)
                    _check_size(picture, limits)
                yield picture
        except (UnreadablePictureError, MemoryError):
            raise
        except Image.DecompressionBombError as error:
            raise _build_size_error() from error
        except UnidentifiedImageError as error:
            raise _build_not_a_picture_error(data) from error
        except Exception as error:  # a decoder may raise any error for hostile bytes
            raise _build_damage_error(is_truncated="truncated" in str(error).lower()) from error


@contextmanager
def _configure_pillow(limits: Limits, *, tolerant: bool) -> Iterator[None]:
    old_settings = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    Image.MAX_IMAGE_PIXELS = limits.max_pixels // 2  # Pillow refuses frames with more than twice as many
    ImageFile.LOAD_TRUNCATED_IMAGES = tolerant
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = old_settings


def _check_size(picture: Image.Image, limits: Limits) -> None:
    width, height = picture.size
    if width < 1 or height < 1:
        raise UnreadablePictureError(Sentence("The picture has no pixels."), reason="broken")
    if max(width, height) > limits.max_side:
        size, max_side = f"{width}×{height}", limits.max_side
        sentence = Sentence(
            "The picture is %(size)s pixels. Each side can have at most %(most)s pixels.", size=size, most=max_side
        )
        raise UnreadablePictureError(sentence, reason="too-long-side")
    cost = _PROGRESSIVE_COST if picture.info.get("progressive") else _PIXEL_COSTS.get(picture.format or "", 1.0)
    tile = _read_tile_size(picture)
    if max(width * height, tile[0] * tile[1]) * cost > limits.max_pixels:
        raise _build_size_error()


def _find_largest_page(stream: BytesIO, limits: Limits) -> int | None:
    """Return the offset of the directory of a TIFF's largest image.

    Raises:
        UnreadablePictureError: The file is a raw photograph.
    """
    pages = read_pages(stream, limits.max_frames)
    if pages.is_raw:
        raise _build_raw_photograph_error()
    return pages.largest


def _read_tile_size(picture: Image.Image) -> tuple[int, int]:
    """Return the size of a TIFF's tiles. Even a small image is decoded in whole tiles (TIFF 6.0, section 15)."""
    tags = getattr(picture, "tag_v2", {})
    width, height = (tags.get(tag, 0) for tag in _TILE_SIDES)
    return (width, height) if isinstance(width, int) and isinstance(height, int) else (0, 0)


def _read_info(picture: Image.Image) -> PictureInfo:
    width, height = picture.size
    if _read_orientation(picture) >= 5:
        width, height = height, width
    return PictureInfo(width, height, picture.format or "", _count_frames(picture))


def _count_frames(picture: Image.Image) -> int:
    """Return the number of frames or pages. Additional views of a multi-picture JPEG are not frames."""
    return 1 if picture.format == "MPO" else int(getattr(picture, "n_frames", 1))


def _read_orientation(picture: Image.Image) -> int:
    """Return the orientation of the image, 1 to 8 as in EXIF."""
    if picture.format not in _ORIENTED_FORMATS:
        return 1
    exif = Image.Exif()  # ``getexif`` would also use XMP, which browsers ignore
    try:
        exif.load(picture.info.get("exif") or b"")
        value = exif.get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - damaged metadata may raise anything
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _find_shown_frame(picture: Image.Image, limits: Limits, reduction: int) -> NDArray[np.uint8]:
    """Return the pixels of the first frame with several colours; if there is none, of the first frame."""
    colours = load_conversion(picture) if limits.profiles else None
    first = _render_frame(picture, limits, reduction, colours)
    size = picture.size
    is_still = getattr(picture, "default_image", False)  # still image of a PNG, for programs without animations
    if picture.format == "TIFF" or not (is_still or is_blank(first)):
        return first
    try:
        for number in range(1, min(_count_frames(picture), limits.max_frames)):
            picture.seek(number)
            if picture.size != size:  # only the size of the first frame was checked
                break
            if not is_blank(pixels := _render_frame(picture, limits, reduction, colours)):
                return pixels
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001, S110 - a damaged later frame does not affect the first
        pass
    return first


def _render_frame(
    picture: Image.Image, limits: Limits, reduction: int, colours: Conversion | None
) -> NDArray[np.uint8]:
    """Return the current frame on the configured background, or on the opposite one if nothing is visible on it."""
    background, other_background = (_BLACK, _WHITE) if limits.dark else (_WHITE, _BLACK)
    pixels = render_rgb(picture, reduction, background, colours)
    if picture.has_transparency_data and is_flat(pixels):
        other_pixels = render_rgb(picture, reduction, other_background, colours)
        if not is_flat(other_pixels):
            return other_pixels
    return pixels


def _apply_orientation(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Apply an EXIF orientation (CIPA DC-008, 4.6.4): mirror and rotate so that row 0 is the visual top."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _build_size_error() -> UnreadablePictureError:
    return UnreadablePictureError(Sentence("The picture has too many pixels."), reason="too-many-pixels")


def _build_raw_photograph_error() -> UnreadablePictureError:
    return UnreadablePictureError(
        Sentence("The file is a raw photo that has to be converted in photo software."),
        reason="raw-photograph",
        hint=Sentence("Export it as a TIFF or JPEG from your photo software, and use the exported file."),
    )


def _build_not_a_picture_error(data: bytes) -> UnreadablePictureError:
    if data.startswith(PICTURE_MAGICS):
        return UnreadablePictureError(
            Sentence("The picture is damaged, or its format is not supported."), reason="broken"
        )
    kind = detect_kind(data)
    if kind == RAW_PHOTOGRAPH:
        return _build_raw_photograph_error()
    if kind == "an HTML page":
        hint = Sentence("Save the picture itself from the page, or use the URL of the picture.")
        return UnreadablePictureError(Sentence("This is a web page, not a picture."), reason="not-a-picture", hint=hint)
    sentence = Sentence("The data is not a readable picture.") if kind is None else f"This is {kind}."
    return UnreadablePictureError(
        sentence,
        reason="not-a-picture",
        hint=Sentence("Supported picture formats: %(formats)s.", formats=", ".join(FORMATS)),
    )


def _build_damage_error(*, is_truncated: bool) -> UnreadablePictureError:
    if is_truncated:
        return UnreadablePictureError(Sentence("The picture is truncated."), reason="truncated")
    return UnreadablePictureError(Sentence("The picture is damaged."), reason="broken")
