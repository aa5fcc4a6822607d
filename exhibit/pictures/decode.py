"""Decoding of untrusted picture files into pixels; nothing else in Exhibit opens them.

The bytes are opened and decoded in a child process (``pictures.picture_helper``), within limits that are checked before
anything large is decoded (``pictures.picture_file``). The child's memory and processor time are limited as well, so
that whatever a decoder does ends with the refusal of that one picture.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from exhibit.errors import UnreadablePictureError
from exhibit.helper import Helper, HelperDiedError, Told
from exhibit.sentences import Sentence
from exhibit.types import MAX_PICTURE_BYTES, MAX_PICTURE_PIXELS, PictureInfo

helper = Helper("exhibit.pictures.picture_helper")
_SLACK = 96 * 1024 * 1024
_BYTES_A_PIXEL = 8.5


@dataclass(frozen=True, slots=True)
class Limits:
    """What a picture may cost."""

    max_bytes: int = MAX_PICTURE_BYTES  # of the file
    max_pixels: int = MAX_PICTURE_PIXELS
    """Width times height; two thirds of it for a progressive JPEG, half for WebP, GIF and TIFF, a third for AVIF."""
    max_side: int = 30_000  # pixels of the longer side
    max_frames: int = 32  # of an animation, searched for one that isn't of a single colour, and pages of a TIFF
    seconds: float = 10.0  # of processor time, for opening and decoding
    profiles: bool = True
    """Whether levels are converted to sRGB by the file's profile, as people see them, or stay as they are stored."""
    dark: bool = False  # whether transparent pictures stand on black instead of white


@dataclass(frozen=True, slots=True, eq=False)
class DecodedPicture:
    """A picture's pixels."""

    info: PictureInfo  # of the picture in full size
    pixels: NDArray[np.uint8]  # (h, w, 3) uint8 RGB, orientation applied
    scale: float  # decoded width divided by the full width; 1 unless a reduced decoding was asked for


def inspect(data: bytes, limits: Limits = Limits()) -> PictureInfo:
    """Size, format and frames of a picture, without decoding its pixels.

    Raises as :func:`decode`; damage inside the pixels isn't noticed here.
    """
    return PictureInfo(**asked("inspect", data, limits)[0]["info"])


def decode(data: bytes, limits: Limits = Limits(), at_least: int | None = None) -> DecodedPicture:
    """Decode a picture, in full size unless ``at_least`` allows a reduction.

    Then it is reduced by 2, 4 or 8 so that the longer side has at least so many pixels: inside the decoder for JPEG
    (DCT scaling), by averaging blocks for the others. Raises ``UnreadablePictureError`` with reason ``empty``,
    ``not-a-picture``, ``too-many-bytes``, ``too-many-pixels``, ``too-long-side``, ``too-slow``, ``truncated`` or
    ``broken``, and ``ServiceMissingError`` when no child process can be had.
    """
    told, pixels = asked("decode", data, limits, at_least=at_least)
    height, width, depth = told["shape"]
    return DecodedPicture(PictureInfo(**told["info"]), pixels.reshape(height, width, depth), told["scale"])


def asked(what: str, data: bytes, limits: Limits, **more: object) -> Told:
    """What the child says of a picture, and the pixels that come with it."""
    if not data:
        raise UnreadablePictureError(Sentence("The file is empty."), reason="empty")
    if len(data) > limits.max_bytes:
        large = Sentence("The file has more than %(bytes)s bytes.", bytes=f"{limits.max_bytes:,}")
        raise UnreadablePictureError(large, reason="too-many-bytes")
    question = {"what": what, "limits": asdict(limits), **more}
    memory = _SLACK + 2 * limits.max_bytes + int(_BYTES_A_PIXEL * limits.max_pixels)
    try:
        told, pixels = helper.ask(question, data, seconds=limits.seconds, memory=memory)
    except HelperDiedError as died:
        raise _refusal(died.reason, limits) from died
    if "reason" in told:
        raise UnreadablePictureError(told["sentence"], reason=told["reason"], hint=told["hint"])
    return told, pixels


def _refusal(reason: str, limits: Limits) -> UnreadablePictureError:
    """Return the refusal of a picture of which the helper died."""
    if reason == "time":
        seconds = f"{limits.seconds:g}"
        sentence = Sentence("The picture takes longer than %(seconds)s s to decode.", seconds=seconds)
        return UnreadablePictureError(sentence, reason="too-slow")
    if reason == "memory":
        return UnreadablePictureError(Sentence("The picture has too many pixels."), reason="too-many-pixels")
    return UnreadablePictureError(Sentence("The picture is damaged."), reason="broken")
