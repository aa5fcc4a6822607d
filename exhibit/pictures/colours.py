"""Conversion of a picture's levels to sRGB by the ICC profile that its file embeds (LittleCMS)."""

import io
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

MAX_PROFILE_BYTES = 4 << 20
"""Larger than the profiles of presses, which are the largest ones in use."""
_MODES = {b"GRAY": "L", b"RGB ": "RGB", b"CMYK": "CMYK"}
_COLOUR_SPACE = slice(16, 20)  # ICC.1:2022, 7.2
_SRGB = ImageCms.createProfile("sRGB")
_IMPERCEPTIBLE = 2
"""Levels that a conversion must exceed to be worth its time; the profiles that mean sRGB stay below."""
_GRID = np.stack(np.meshgrid(*3 * [np.arange(0, 256, 15, dtype=np.uint8)]), axis=-1).reshape(1, -1, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Conversion:
    """A conversion of levels to sRGB."""

    mode: str  # Pillow's mode of what is converted: ``L``, ``RGB`` or ``CMYK``
    _transform: ImageCms.ImageCmsTransform = field(repr=False)

    def to_srgb(self, picture: Image.Image) -> Image.Image:
        """Convert an opaque picture to RGB."""
        return ImageCms.applyTransform(picture.convert(self.mode), self._transform) or picture


def base_mode(mode: str) -> str:
    """Return which of ``L``, ``RGB`` and ``CMYK`` holds what a picture of one of Pillow's modes shows."""
    if mode in {"1", "L", "LA", "La", "F"} or mode.startswith("I"):
        return "L"
    return "CMYK" if mode == "CMYK" else "RGB"


def conversion_of(picture: Image.Image) -> Conversion | None:
    """Return what makes an opened picture's levels sRGB; None without a usable profile, and for one of sRGB."""
    profile = picture.info.get("icc_profile")
    if not isinstance(profile, bytes) or len(profile) > MAX_PROFILE_BYTES:
        return None
    mode = _MODES.get(profile[_COLOUR_SPACE])
    return _conversion(profile, mode) if mode == base_mode(picture.mode) else None


@lru_cache(maxsize=8)  # building one takes up to 0.3 s, and most files embed one of a few profiles
def _conversion(profile: bytes, mode: str) -> Conversion | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, _SRGB, mode, "RGB", ImageCms.Intent.PERCEPTUAL)
    except (ImageCms.PyCMSError, OSError, ValueError):  # a damaged profile is ignored
        return None
    conversion = Conversion(mode, transform)
    if mode == "RGB":
        converted = np.asarray(conversion.to_srgb(Image.fromarray(_GRID)))
        if np.abs(converted.astype(int) - _GRID).max() <= _IMPERCEPTIBLE:
            return None
    return conversion
