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

from exhibit.errors import InvalidRequestError
from exhibit.pictures import picture_file
from exhibit.pictures.decode import Limits, query_helper

BITS, SIDE = 256, 32
STRIP_ROWS = 512  # rows processed together
MAX_VALUE = 4096  # maximum characters of a binding
HEADER_BYTES = 2  # bytes before the body of a unit
_UNIT_KINDS = {b"\x21\x07": "content", b"\x30\x07": "data", b"\x40\x07": "instance"}
"""Units by their headers: main type and subtype, version 0 with a length of 256 bits."""
_FIRST_COMPOSITE_BYTE = 0x50  # first byte of ISCC-CODE, ISCC-ID and other values that are not units


@dataclass(frozen=True, slots=True)
class Iscc:
    """ISCC-CODE of a file and its 256-bit units, each in the form ``ISCC:…``."""

    code: str  # ISCC-CODE: 64 bits of each unit
    content: str  # Content-Code Image, from the pixels
    data: str  # Data-Code, from the bytes: similar for similar bytes
    instance: str  # Instance-Code, from the exact bytes

    @property
    def binding(self) -> bytes:
        """Value of a soft binding ``io.iscc.v0`` (IEP-0020): headers and bodies of all units, concatenated."""
        return b"".join(map(_decode_unit, (self.content, self.data, self.instance)))

    @property
    def bodies(self) -> dict[str, bytes]:
        """The 256 bits of ``content``, ``data`` and ``instance``."""
        return {name: _decode_unit(getattr(self, name))[HEADER_BYTES:] for name in _UNIT_KINDS.values()}


def compute_iscc(data: bytes, limits: Limits) -> Iscc:
    """Compute the ISCC of an image file in the sandboxed helper process.

    Raises the errors of :func:`exhibit.pictures.decode.decode`.
    """
    return Iscc(**query_helper("iscc", data, limits)[0]["iscc"])


def compute_iscc_in_process(data: bytes, limits: Limits) -> Iscc:
    """Compute the ISCC in this process. Call this only in the sandboxed helper process."""
    pixels = picture_file.decode(data, replace(limits, profiles=False)).pixels  # as ISO 24138 requires
    units = (
        iscc_lib.gen_image_code_v0(_prepare_pixels(pixels), bits=BITS)["iscc"],
        iscc_lib.gen_data_code_v0(data, bits=BITS)["iscc"],
        iscc_lib.gen_instance_code_v0(data, bits=BITS)["iscc"],
    )
    return Iscc(iscc_lib.gen_iscc_code_v0(list(units))["iscc"], *units)


def read_binding(value: str) -> dict[str, bytes]:
    """Return the unit bodies in a soft binding's value, by ``content``, ``data`` and ``instance``. Skips other units.

    Accepts base64 in both alphabets, with or without padding. Raises ``InvalidRequestError`` for anything else, and if
    there is no such unit.
    """
    text = value.strip().translate(str.maketrans("-_ ", "+/+")).rstrip("=")
    if len(value) > MAX_VALUE:
        raise InvalidRequestError(f"The value has more than {MAX_VALUE} characters.")
    try:
        raw = b64decode(text + "=" * (-len(text) % 4), validate=True)
        units = iscc_lib.iscc_decompose(b32encode(raw).decode().rstrip("="))
    except ValueError:
        raise InvalidRequestError("The value is not a base64 encoding of ISCC units.") from None
    raw_units = [_decode_unit(unit) for unit in units if raw[0] < _FIRST_COMPOSITE_BYTE]
    bodies = {
        _UNIT_KINDS[unit[:HEADER_BYTES]]: unit[HEADER_BYTES:]
        for unit in raw_units
        if unit[:HEADER_BYTES] in _UNIT_KINDS
    }
    if not bodies:
        raise InvalidRequestError("The value has no Content-Code Image, Data-Code or Instance-Code of 256 bits.")
    return bodies


def _decode_unit(unit: str) -> bytes:
    text = unit.removeprefix("ISCC:")
    return b32decode(text + "=" * (-len(text) % 8))


def _prepare_pixels(pixels: NDArray[np.uint8]) -> bytes:
    """Return the 32 by 32 grey levels, row by row. Strips keep the extra memory for large images small."""
    masks = [(strip != pixels[0, 0]).any(axis=2) for strip in _split_into_strips(pixels)]
    rows = np.flatnonzero(np.concatenate([mask.any(axis=1) for mask in masks]))
    columns = np.flatnonzero(np.any([mask.any(axis=0) for mask in masks], axis=0))
    if rows.size:
        pixels = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    grey = np.concatenate(
        [np.asarray(Image.fromarray(strip.copy()).convert("L")) for strip in _split_into_strips(pixels)]
    )
    return Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BICUBIC).tobytes()


def _split_into_strips(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [pixels[top : top + STRIP_ROWS] for top in range(0, len(pixels), STRIP_ROWS)]
