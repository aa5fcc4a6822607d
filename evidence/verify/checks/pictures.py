"""The check of pictures: format and size as the facts state, and reduced ones that show what they stand for."""

from itertools import pairwise

import numpy as np

from evidence.facts.case import CaseFacts, PictureFacts
from evidence.verdict.result import Check, failed, not_checked, passed
from evidence.verify.checks.inspection import Inspection
from exhibit.errors import ExhibitError, UnreadablePictureError
from exhibit.pictures.decode import Limits, decode, inspect

LIMITS = Limits(max_bytes=64 << 20, max_pixels=60_000_000)
JPEG = {"MPO": "JPEG"}  # a JPEG of several pictures is one for readers of the first
SMALL = 64
"""Pixels of a side below which a picture and its reduced one aren't compared: each pixel weighs too much there."""
MAX_REDUCED = 200  # so many reduced pictures are decoded and held against what they stand for
CELLS, UNLIKE, AT_LEAST = 8, 16.0, 512
"""Rows and columns of fields whose mean colours are compared, of a picture and its reduced one; levels that may be
between them; and pixels of the longer side that are left when both are decoded: edges of fields move with fewer."""


def check_pictures(inspection: Inspection, facts: CaseFacts) -> Check:
    """``pictures``: each has the format and the size that the facts state, and is what its reduced one shows."""
    every = dict.fromkeys((*facts.work.pictures, *(sighting.picture for sighting in facts.sightings)))
    unread, left = "", MAX_REDUCED
    for stated in every:
        file = stated.file
        try:
            info = inspect(inspection.sealed_bytes(file, LIMITS.max_bytes), LIMITS)
            found, told = ((JPEG.get(form.format, form.format), form.width, form.height) for form in (info, stated))
            if found != told:
                return failed("pictures", f"{file} is a {found[0]} of {found[1]}×{found[2]}, not as stated.")
            stand_in = _stand_in(inspection, stated)
            left -= bool(stand_in)
            if left < 0:
                unread = f"Only the first {MAX_REDUCED} reduced pictures are held against what they stand for."
            elif stand_in:
                whole, file = _fields(inspection, file), stand_in
                if np.abs(whole - _fields(inspection, file)).max() > UNLIKE:
                    return failed("pictures", f"{file} shows another picture than {stated.file}, for which it stands.")
        except ExhibitError as error:
            if isinstance(error, UnreadablePictureError) and error.reason == "not-a-picture":
                return failed("pictures", f"{file} isn't a picture.")
            unread = f"{file}: {error.message}"
    if unread:
        return not_checked("pictures", unread)
    return passed("pictures", f"{len(every)} pictures have the formats and sizes that the facts state.")


def _stand_in(inspection: Inspection, stated: PictureFacts) -> str:
    """The reduced picture of a sealed one, if both are here and large enough to compare; else an empty string."""
    file = inspection.manifest.file(stated.file)
    if file is None or file.stand_in is None or not inspection.sealed(file.stand_in):
        return ""
    return file.stand_in if min(stated.width, stated.height) >= SMALL else ""


def _fields(inspection: Inspection, file: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The mean colours of the fields of a picture: CELLS² × 3 levels."""
    pixels = decode(inspection.sealed_bytes(file, LIMITS.max_bytes), LIMITS, at_least=AT_LEAST).pixels
    downs, acrosses = (np.arange(CELLS + 1) * side // CELLS for side in pixels.shape[:2])
    fields = [pixels[a:b, c:d] for a, b in pairwise(downs) for c, d in pairwise(acrosses)]
    return np.array([field.mean(axis=(0, 1)) for field in fields])
