"""Decoding of untrusted image files into pixels. No other code in Exhibit opens them.

The sandboxed helper process (``pictures.picture_helper``) opens and decodes the bytes, within limits that are checked
before large data are decoded (``pictures.picture_file``). The memory and CPU time of the helper are limited as well, so
a misbehaving decoder leads only to the refusal of that one image.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from exhibit.errors import UnreadablePictureError
from exhibit.helper import Helper, HelperDiedError, Response
from exhibit.sentences import Sentence
from exhibit.types import MAX_PICTURE_BYTES, MAX_PICTURE_PIXELS, PictureInfo

helper = Helper("exhibit.pictures.picture_helper")
_EXTRA_MEMORY_BYTES = 96 * 1024 * 1024
_BYTES_A_PIXEL = 8.5


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for decoding an image."""

    max_bytes: int = MAX_PICTURE_BYTES  # size of the file
    max_pixels: int = MAX_PICTURE_PIXELS
    """Width times height; two thirds of it for a progressive JPEG, half for WebP, GIF and TIFF, a third for AVIF."""
    max_side: int = 30_000  # pixels of the longer side
    max_frames: int = 32  # animation frames searched for one with several colours; pages of a TIFF
    seconds: float = 10.0  # CPU time for opening and decoding
    profiles: bool = True
    """True to convert levels to sRGB with the embedded profile, as viewers do; False to return the stored levels."""
    dark: bool = False  # true if transparent images are placed on black instead of white


@dataclass(frozen=True, slots=True, eq=False)
class DecodedPicture:
    """Pixels of an image."""

    info: PictureInfo  # properties of the image at full size
    pixels: NDArray[np.uint8]  # (h, w, 3) uint8 RGB, orientation applied
    scale: float  # decoded width divided by the full width; 1 unless a reduced decoding was requested


def inspect(data: bytes, limits: Limits = Limits()) -> PictureInfo:
    """Return size, format and number of frames of an image, without decoding its pixels.

    Raises the errors of :func:`decode`, but does not detect damage inside the pixels.
    """
    return PictureInfo(**query_helper("inspect", data, limits)[0]["info"])


def decode(data: bytes, limits: Limits = Limits(), at_least: int | None = None) -> DecodedPicture:
    """Decode an image, at full size unless ``at_least`` allows a reduction.

    Args:
        data: Bytes of the file.
        limits: Limits for decoding.
        at_least: Minimum length of the longer side in pixels. The image is then reduced by 2, 4 or 8: inside the
            decoder for JPEG (DCT scaling), by averaging blocks for other formats.

    Raises:
        UnreadablePictureError: Reason ``empty``, ``not-a-picture``, ``too-many-bytes``, ``too-many-pixels``,
            ``too-long-side``, ``too-slow``, ``truncated`` or ``broken``.
        ServiceMissingError: The helper process cannot be started.
    """
    response, pixels = query_helper("decode", data, limits, at_least=at_least)
    height, width, depth = response["shape"]
    return DecodedPicture(PictureInfo(**response["info"]), pixels.reshape(height, width, depth), response["scale"])


def query_helper(operation: str, data: bytes, limits: Limits, **more: object) -> Response:
    """Send a request about an image to the sandboxed helper process, and return its response with the pixels."""
    if not data:
        raise UnreadablePictureError(Sentence("The file is empty."), reason="empty")
    if len(data) > limits.max_bytes:
        sentence = Sentence("The file exceeds %(bytes)s bytes.", bytes=f"{limits.max_bytes:,}")
        raise UnreadablePictureError(sentence, reason="too-many-bytes")
    request = {"what": operation, "limits": asdict(limits), **more}
    memory = _EXTRA_MEMORY_BYTES + 2 * limits.max_bytes + int(_BYTES_A_PIXEL * limits.max_pixels)
    try:
        response, pixels = helper.send_request(request, data, seconds=limits.seconds, memory=memory)
    except HelperDiedError as error:
        raise _build_refusal(error.reason, limits) from error
    if "reason" in response:
        raise UnreadablePictureError(response["sentence"], reason=response["reason"], hint=response["hint"])
    return response, pixels


def _build_refusal(reason: str, limits: Limits) -> UnreadablePictureError:
    """Return the error for an image that caused the helper to exit."""
    if reason == "time":
        seconds = f"{limits.seconds:g}"
        sentence = Sentence("Decoding the picture takes longer than %(seconds)s seconds.", seconds=seconds)
        return UnreadablePictureError(sentence, reason="too-slow")
    if reason == "memory":
        return UnreadablePictureError(Sentence("The picture has too many pixels."), reason="too-many-pixels")
    return UnreadablePictureError(Sentence("The picture is damaged."), reason="broken")
