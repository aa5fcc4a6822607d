"""Conversion of an image's levels to sRGB with the ICC profile embedded in its file (LittleCMS)."""

import io
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

MAX_PROFILE_BYTES = 4 << 20
"""Maximum size of a profile. Printing profiles, the largest in use, are smaller."""
_MODES = {b"GRAY": "L", b"RGB ": "RGB", b"CMYK": "CMYK"}
_COLOUR_SPACE = slice(16, 20)  # ICC.1:2022, 7.2
_SRGB = ImageCms.createProfile("sRGB")
_MIN_LEVEL_CHANGE = 2
"""Minimum change in levels for a conversion to be worth its time. Profiles equivalent to sRGB stay below it."""
_GRID = np.stack(np.meshgrid(*3 * [np.arange(0, 256, 15, dtype=np.uint8)]), axis=-1).reshape(1, -1, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Conversion:
    """A conversion of levels to sRGB."""

    mode: str  # Pillow's mode of the input: ``L``, ``RGB`` or ``CMYK``
    _transform: ImageCms.ImageCmsTransform = field(repr=False)

    def to_srgb(self, picture: Image.Image) -> Image.Image:
        """Convert an opaque image to RGB."""
        return ImageCms.applyTransform(picture.convert(self.mode), self._transform) or picture


def get_base_mode(mode: str) -> str:
    """Return the mode (``L``, ``RGB`` or ``CMYK``) that can represent the visible content of a Pillow mode."""
    if mode in {"1", "L", "LA", "La", "F"} or mode.startswith("I"):
        return "L"
    return "CMYK" if mode == "CMYK" else "RGB"


def load_conversion(picture: Image.Image) -> Conversion | None:
    """Return the conversion of an opened image's levels to sRGB; None if no usable profile requires one."""
    profile = picture.info.get("icc_profile")
    if not isinstance(profile, bytes) or len(profile) > MAX_PROFILE_BYTES:
        return None
    mode = _MODES.get(profile[_COLOUR_SPACE])
    return _build_conversion(profile, mode) if mode == get_base_mode(picture.mode) else None


@lru_cache(maxsize=8)  # a build takes up to 0.3 s, and most files embed one of a few profiles
def _build_conversion(profile: bytes, mode: str) -> Conversion | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, _SRGB, mode, "RGB", ImageCms.Intent.PERCEPTUAL)
    except (ImageCms.PyCMSError, OSError, ValueError):  # a damaged profile is ignored
        return None
    conversion = Conversion(mode, transform)
    if mode == "RGB":
        converted = np.asarray(conversion.to_srgb(Image.fromarray(_GRID)))
        if np.abs(converted.astype(int) - _GRID).max() <= _MIN_LEVEL_CHANGE:
            return None
    return conversion
