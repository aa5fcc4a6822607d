"""Colours as browsers show them: from what a file says of its levels to sRGB.

A file says it by an ICC profile (ICC.1:2022), a PNG also by ``gAMA`` and ``cHRM``. LittleCMS converts; which profiles
count, and which of their tags, is as Chromium has it (skcms), or a profile could show people one picture and us
another. Held against Chromium by ``tests/exhibit/pictures/test_as_browsers_show.py``.
"""

import hashlib
import io
import struct
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from exhibit.types import Untyped

_PROFILED: Final = frozenset({"JPEG", "MPO", "PNG", "WEBP", "TIFF", "AVIF", "BMP"})
_LARGEST = 16 << 20
"""Bytes of a profile: more than a JPEG can carry."""
_HEADER, _ENTRY = 128, 12
_D50 = (0.9642, 1.0, 0.8249)
_MODES: Final = {b"GRAY": "L", b"RGB ": "RGB", b"CMYK": "CMYK"}
_MATRIX: Final = (b"rTRC", b"gTRC", b"bTRC", b"rXYZ", b"gXYZ", b"bXYZ")
_TABLES: Final = (b"A2B0", b"A2B1")
_SRGB, _RELATIVE, _EXACT = ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC, 0x0100
_KEPT = 16  # conversions that are remembered, those of most files are few
_SAME, _STEEP, _BACK, _LEAP, _ROUGH = 2, 4, 1, 24, 1.0
"""Levels: which a conversion may change that isn't worth one. Of what can be reduced before it: by which the next grey
may be apart, by which a channel may fall where its level rises, and by which any may leap. And by which quick and exact
conversions may differ on the average."""
_BACKGROUNDS = (0, 128, 255)
_ASKED = 4096
_GAMMA, _NEAR = 1 / 2.2, 0.05
_PRIMARIES: Final = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_V5_SIZE, _V5_EMBEDDED = 124, b"DEBM"


@dataclass(frozen=True, slots=True, eq=False)
class Conversion:
    """How levels become sRGB."""

    mode: str  # of what is converted: `L`, `RGB` or `CMYK`
    smooth: bool  # whether a picture may be reduced before: neighbouring levels remain neighbours
    _transform: ImageCms.ImageCmsTransform = field(repr=False)

    def fits(self, mode: str) -> bool:
        """Whether pictures of this mode of Pillow are told by such a profile: inks by inks, grey by grey or colours."""
        if self.mode == "L":
            return mode in {"1", "L", "LA", "La"} or mode.startswith("I")
        return (mode == "CMYK") == (self.mode == "CMYK")

    def shown(self, picture: Image.Image) -> Image.Image:
        """The same in sRGB: RGB, or RGBA where something is transparent."""
        if not picture.has_transparency_data:
            return self._converted(picture.convert(self.mode))
        clear = picture.convert("RGBA")
        shown = self._converted(clear.convert("RGB").convert(self.mode))
        shown.putalpha(clear.getchannel("A"))
        return shown

    def _converted(self, picture: Image.Image) -> Image.Image:
        return ImageCms.applyTransform(picture, self._transform) or picture


def conversion_of(picture: Image.Image, data: bytes, *, exact: bool = False) -> Conversion | None:
    """What makes the levels of an opened picture sRGB; ``None`` where nothing does, or nothing changes.

    A profile that Chromium passes over, too, is none, as that of an animated WebP; so is one beyond 16 MiB. LittleCMS'
    quick conversion is taken where it differs little from the exact one, unless that is asked for.
    """
    if picture.format not in _PROFILED or (picture.format == "WEBP" and _is_animated_webp(data)):
        return None
    profile = _embedded_in_bitmap(data) if picture.format == "BMP" else picture.info.get("icc_profile")
    if picture.format == "PNG" and "srgb" not in picture.info and not _counts(profile):
        profile = _told_by_png(picture.info.get("gamma"), picture.info.get("chromaticity"))
    if not isinstance(profile, bytes) or len(profile) > _LARGEST:
        return None
    key = (hashlib.sha256(profile).digest(), exact)
    if key not in _known:
        while len(_known) >= _KEPT:
            del _known[next(iter(_known))]
        _known[key] = _conversion(profile, exact=exact)
    known = _known[key]
    return known if known is not None and known.fits(picture.mode) else None


_known: dict[tuple[bytes, bool], Conversion | None] = {}


def _is_animated_webp(data: bytes) -> bool:
    """By its flag (RFC 9649, 2.7)."""
    return data[12:16] == b"VP8X" and bool(data[20] & 2)


def _counts(profile: Untyped) -> bool:
    return isinstance(profile, bytes) and _as_chromium_reads(profile) is not None


def _conversion(profile: bytes, *, exact: bool) -> Conversion | None:
    """``None`` for a profile that is broken, or whose levels are those of sRGB."""
    read = _as_chromium_reads(profile)
    if read is None:
        return None
    mode, has_table, told = read
    try:
        quick, whole = (_transform(told, mode, flags) for flags in (0, _EXACT))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    chosen = whole if exact or _apart(mode, quick, whole) > _ROUGH else quick
    if has_table or mode == "L":
        return Conversion(mode, smooth=False, _transform=chosen)
    ramps = _ramps()
    seen = _through(chosen, ramps).astype(int)
    if np.abs(seen - ramps).max() <= _SAME:
        return None
    return Conversion(mode, smooth=_is_smooth(seen, _through(chosen, _greys()).astype(int)), _transform=chosen)


def _is_smooth(ramps: NDArray[np.int_], grey: NDArray[np.int_]) -> bool:
    """Whether each channel rises with its own level, none leaps where another one rises, and grey rises evenly.

    Beside colours that no screen shows, usual profiles are steep.
    """
    steps = np.diff(ramps, axis=2)
    own = np.stack([steps[channel, ..., channel] for channel in range(3)])
    even = np.abs(np.diff(grey, axis=1)).max() <= _STEEP
    return bool(even and own.min() >= -_BACK and np.abs(steps).max() <= _LEAP)


def _as_chromium_reads(profile: bytes) -> tuple[str, bool, bytes] | None:
    """Mode, whether a table converts, and the profile with nothing but the tags that count; ``None`` for none.

    LittleCMS would take other tables first, and refuse less.
    """
    try:
        mode, connection = _MODES.get(profile[16:20]), profile[20:24]
        (count,) = struct.unpack_from(">I", profile, _HEADER)
        begin, size = _HEADER + 4 + _ENTRY * count, len(profile)
        sound = profile[36:40] == b"acsp" and begin <= size and profile[8] <= 4
        if mode is None or not sound or connection not in (b"XYZ ", b"Lab "):
            return None
        tags: dict[bytes, bytes] = {}
        for number in range(count):
            name, place, length = struct.unpack_from(">4sII", profile, _HEADER + 4 + _ENTRY * number)
            if place < begin or length < 4 or place + length > size:
                return None
            tags.setdefault(name, profile[place : place + length])
    except struct.error:
        return None
    table = next((name for name in _TABLES if name in tags), None)
    kept = (table,) if table else (b"kTRC",) if mode == "L" else _MATRIX
    if not set(kept) <= tags.keys():
        return None
    told = {b"A2B0" if name == table else name: tags[name] for name in kept}
    return mode, table is not None, _profile(profile[16:20], connection, told, profile[8:12])


def _profile(space: bytes, connection: bytes, tags: dict[bytes, bytes], version: bytes = b"\2\x10\0\0") -> bytes:
    """A profile of a display with these tags (ICC.1:2022, 7)."""
    table, body = b"", b""
    begin = _HEADER + 4 + _ENTRY * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", begin + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4x4s4s4s4s12x4s", begin + len(body), version, b"mntr", space, connection, b"acsp")
    white = struct.pack(">3i", *(round(one * 65536) for one in _D50))
    return head + bytes(68 - len(head)) + white + bytes(_HEADER - 80) + struct.pack(">I", len(tags)) + table + body


def _transform(profile: bytes, mode: str, flags: int) -> ImageCms.ImageCmsTransform:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, _SRGB, mode, "RGB", _RELATIVE, ImageCms.Flags(flags))


def _apart(mode: str, quick: ImageCms.ImageCmsTransform, exact: ImageCms.ImageCmsTransform) -> float:
    """The mean difference of two conversions on colours by chance, levels."""
    channels = len(Image.getmodebands(mode) * "x")
    values = np.random.default_rng(1).integers(0, 256, (64, _ASKED // 64, channels), np.uint8)
    if mode == "L":
        values = np.arange(256, dtype=np.uint8)[None]
    one, other = (_through(how, values, mode).astype(int) for how in (quick, exact))
    return float(np.abs(one - other).mean())


def _ramps() -> NDArray[np.uint8]:
    """All levels of each channel beside others that stand still, uint8, shape (3 channels, 3, 256, 3)."""
    made = np.empty((3, len(_BACKGROUNDS), 256, 3), np.uint8)
    made[:] = np.array(_BACKGROUNDS, np.uint8)[None, :, None, None]
    for channel in range(3):
        made[channel, ..., channel] = np.arange(256)
    return made


def _greys() -> NDArray[np.uint8]:
    return np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 256, 3)


def _through(how: ImageCms.ImageCmsTransform, values: NDArray[np.uint8], mode: str = "RGB") -> NDArray[np.uint8]:
    """Values through a conversion; of the same shape, three levels each."""
    flat = values.reshape(-1, values.shape[-2], values.shape[-1]) if mode != "L" else values
    seen = ImageCms.applyTransform(Image.fromarray(flat, mode), how)
    return np.asarray(seen).reshape(*(values.shape if mode == "L" else values.shape[:-1]), 3)


def _told_by_png(gamma: Untyped, chromaticity: Untyped) -> bytes | None:
    """The profile that ``gAMA`` and ``cHRM`` come to (PNG, third edition, 11.3.2); primaries alone tell nothing."""
    if not isinstance(gamma, float) or not gamma > 0:
        return None
    alone = not isinstance(chromaticity, tuple) or len(chromaticity) != len(_PRIMARIES)
    if alone and abs(gamma / _GAMMA - 1) <= _NEAR:
        return None
    try:
        colours = _colourants(_PRIMARIES if alone else chromaticity)
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return None
    if not np.isfinite(colours).all() or np.abs(colours).max() > 100:
        return None
    with np.errstate(all="ignore"):
        light = (np.arange(256) / 255) ** (1 / gamma)
    curve = b"curv" + bytes(4) + struct.pack(">I", 256) + np.round(light * 0xFFFF).astype(">u2").tobytes()
    xyz = [b"XYZ " + bytes(4) + struct.pack(">3i", *(round(one * 65536) for one in colour)) for colour in colours.T]
    return _profile(b"RGB ", b"XYZ ", dict(zip(_MATRIX, (curve, curve, curve, *xyz), strict=True)))


def _colourants(xy: tuple[float, ...]) -> NDArray[np.float64]:
    """XYZ of red, green and blue in columns, relative to D50 (Bradford), from chromaticities, the white first."""
    points = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in zip(xy[::2], xy[1::2], strict=True)])
    white, primaries = points[0], points[1:].T
    scaled = primaries * np.linalg.solve(primaries, white)
    gains = (_BRADFORD @ np.array(_D50)) / (_BRADFORD @ white)
    adapted: NDArray[np.float64] = np.linalg.solve(_BRADFORD, gains[:, None] * (_BRADFORD @ scaled))
    return adapted


def _embedded_in_bitmap(data: bytes) -> bytes | None:
    """The profile in a BMP whose header is the fifth (``BITMAPV5HEADER``)."""
    if len(data) < 14 + _V5_SIZE or struct.unpack_from("<I", data, 14)[0] != _V5_SIZE or data[70:74] != _V5_EMBEDDED:
        return None
    place, size = struct.unpack_from("<II", data, 14 + 112)
    return data[14 + place : 14 + place + size] or None
