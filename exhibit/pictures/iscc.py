"""The International Standard Content Code (ISCC, ISO 24138) of an image file, computed with the library iscc-lib.

The pixels are prepared as in the standard's reference implementation (iscc-sdk): EXIF orientation applied, white behind
transparency, single-colour borders removed, grey by Rec. 601, resampled to 32 by 32 (bicubic).
"""

from base64 import b32decode, b32encode, b64decode
from dataclasses import dataclass, replace

import iscc_lib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exhibit.errors import WrongUseError
from exhibit.pictures import picture_file
from exhibit.pictures.decode import Limits, ask_helper

BITS, SIDE = 256, 32
STRIP = 512  # rows processed together
MAX_VALUE = 4096  # maximum characters of a binding
HEADER = 2  # bytes before the body of a unit
_UNIT_KINDS = {b"\x21\x07": "content", b"\x30\x07": "data", b"\x40\x07": "instance"}
"""Units by their headers: main type and subtype, version 0 with a length of 256 bits."""
_COMPOSITE = 0x50  # first byte of ISCC-CODE, ISCC-ID and other values that are not units


@dataclass(frozen=True, slots=True)
class Iscc:
    """ISCC code of a file, and the 256-bit units that it consists of, each in the form ``ISCC:…``."""

    code: str  # ISCC-CODE: 64 bits of each unit
    content: str  # Content-Code Image, from the pixels
    data: str  # Data-Code, from the bytes: similar for similar bytes
    instance: str  # Instance-Code, from the exact bytes

    @property
    def binding(self) -> bytes:
        """Value of a soft binding ``io.iscc.v0`` (IEP-0020): headers and bodies of all units, concatenated."""
        return b"".join(map(_raw, (self.content, self.data, self.instance)))

    @property
    def bodies(self) -> dict[str, bytes]:
        """The 256 bits of ``content``, ``data`` and ``instance``."""
        return {name: _raw(getattr(self, name))[HEADER:] for name in _UNIT_KINDS.values()}


def iscc_of(data: bytes, limits: Limits) -> Iscc:
    """Compute the code of an image file in the helper. Raises the errors of :func:`exhibit.pictures.decode.decode`."""
    return Iscc(**ask_helper("iscc", data, limits)[0]["iscc"])


def computed_here(data: bytes, limits: Limits) -> Iscc:
    """Compute the code in this process. Only for the helper."""
    pixels = picture_file.decode(data, replace(limits, profiles=False)).pixels  # as ISO 24138 requires
    units = (
        iscc_lib.gen_image_code_v0(_prepared(pixels), bits=BITS)["iscc"],
        iscc_lib.gen_data_code_v0(data, bits=BITS)["iscc"],
        iscc_lib.gen_instance_code_v0(data, bits=BITS)["iscc"],
    )
    return Iscc(iscc_lib.gen_iscc_code_v0(list(units))["iscc"], *units)


def read_binding(value: str) -> dict[str, bytes]:
    """Return the unit bodies in a soft binding's value, by ``content``, ``data`` and ``instance``. Skips other units.

    Accepts base64 in both alphabets, with or without padding. Raises ``WrongUseError`` for anything else, and if there
    is no such unit.
    """
    text = value.strip().translate(str.maketrans("-_ ", "+/+")).rstrip("=")
    if len(value) > MAX_VALUE:
        raise WrongUseError(f"The value has more than {MAX_VALUE} characters.")
    try:
        raw = b64decode(text + "=" * (-len(text) % 4), validate=True)
        units = iscc_lib.iscc_decompose(b32encode(raw).decode().rstrip("="))
    except ValueError:
        raise WrongUseError("The value isn't base64 of ISCC units.") from None
    raw_units = [_raw(unit) for unit in units if raw[0] < _COMPOSITE]
    bodies = {_UNIT_KINDS[unit[:HEADER]]: unit[HEADER:] for unit in raw_units if unit[:HEADER] in _UNIT_KINDS}
    if not bodies:
        raise WrongUseError("The value has no Content-Code Image, Data-Code or Instance-Code of 256 bits.")
    return bodies


def _raw(unit: str) -> bytes:
    text = unit.removeprefix("ISCC:")
    return b32decode(text + "=" * (-len(text) % 8))


def _prepared(pixels: NDArray[np.uint8]) -> bytes:
    """Return the 32 by 32 grey levels, row by row. Works in strips, so that large images need little extra memory."""
    differs = [(strip != pixels[0, 0]).any(axis=2) for strip in _strips(pixels)]
    rows = np.flatnonzero(np.concatenate([part.any(axis=1) for part in differs]))
    columns = np.flatnonzero(np.any([part.any(axis=0) for part in differs], axis=0))
    if rows.size:
        pixels = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    grey = np.concatenate([np.asarray(Image.fromarray(strip.copy()).convert("L")) for strip in _strips(pixels)])
    return Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BICUBIC).tobytes()


def _strips(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [pixels[top : top + STRIP] for top in range(0, len(pixels), STRIP)]
