"""Generated ICC profiles (ICC.1:2022)."""

import struct
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7142))
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
"""Red, green and blue as XYZ relative to D50."""
_WHITE = (0.9642, 1.0, 0.8249)


def srgb_curve() -> NDArray[np.float64]:
    """Return the linear light of each of the 256 levels, 0 to 1, as in sRGB (IEC 61966-2-1)."""
    level = np.arange(256) / 255
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def rgb_profile(
    curve: float | NDArray[np.float64], colours: Sequence[Sequence[float]] = SRGB, version: int = 2
) -> bytes:
    """Return a profile with a matrix and three equal curves, given as a gamma or as light by level."""
    curve_tag = _curve(curve)
    tags = {b"rTRC": curve_tag, b"gTRC": curve_tag, b"bTRC": curve_tag, b"wtpt": _xyz(_WHITE)}
    tags |= {name: _xyz(colour) for name, colour in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colours, strict=True)}
    return _profile(b"RGB ", b"XYZ ", tags, version)


def grey_profile(curve: float | NDArray[np.float64]) -> bytes:
    """Return a profile of one curve for greyscale images."""
    return _profile(b"GRAY", b"XYZ ", {b"kTRC": _curve(curve), b"wtpt": _xyz(_WHITE)})


def table_profile(space: bytes, lab_of: Callable[[NDArray[np.float64]], NDArray[np.float64]], nodes: int) -> bytes:
    """Return a profile whose table (``mft2``) gives Lab, scaled to 0 to 1, with ``nodes`` nodes along each channel."""
    channels = len({b"RGB ": "rgb", b"CMYK": "cmyk"}[space])
    steps = np.linspace(0, 1, nodes)
    grid = np.stack(np.meshgrid(*[steps] * channels, indexing="ij"), -1).reshape(-1, channels)
    values = np.clip(lab_of(grid) * 0xFF00, 0, 0xFFFF).round().astype(">u2").tobytes()
    straight = struct.pack(">2H", 0, 0xFFFF)
    unit = struct.pack(">9i", *(65536 * coefficient for coefficient in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    head = b"mft2" + bytes(4) + bytes([channels, 3, nodes, 0]) + unit + struct.pack(">2H", 2, 2)
    return _profile(
        space, b"Lab ", {b"A2B0": head + straight * channels + values + straight * 3, b"wtpt": _xyz(_WHITE)}
    )


def lab(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert sRGB colours, 0 to 1, to Lab relative to D50, scaled to 0 to 1 as in an ``mft2``."""
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    xyz = light @ np.array(SRGB) / np.array(_WHITE)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    stars = (116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2]))
    return np.stack([stars[0] / 100, (stars[1] + 128) / 255, (stars[2] + 128) / 255], -1)


def inks(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert cyan, magenta, yellow and black on yellowish paper to the same Lab values."""
    reflectance = (1 - levels[:, :3]) * (1 - 0.9 * levels[:, 3:]) * np.array([0.98, 0.95, 0.85])
    return lab(reflectance)


def _curve(curve: float | NDArray[np.float64]) -> bytes:
    if isinstance(curve, int | float):
        return b"curv" + bytes(4) + struct.pack(">IHH", 1, round(curve * 256), 0)
    values = np.round(curve * 0xFFFF).astype(">u2").tobytes()
    return b"curv" + bytes(4) + struct.pack(">I", len(curve)) + values + bytes(-len(values) % 4)


def _xyz(value: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(number * 65536) for number in value))


def _profile(space: bytes, connection: bytes, tags: dict[bytes, bytes], version: int = 2) -> bytes:
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"made\0" + bytes(79),
        b"cprt": b"text" + bytes(8),
        **tags,
    }
    place, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", place + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = place + len(body)
    head = struct.pack(
        ">I4sI4s4s4s", size, bytes(4), version << 24 | (0x100000 if version == 2 else 0), b"mntr", space, connection
    )
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(4 + 4 + 4 + 4 + 8) + struct.pack(">I", 0)
    head += struct.pack(">3i", *(round(component * 65536) for component in _WHITE))
    return head + bytes(128 - len(head)) + struct.pack(">I", len(tags)) + table + body
