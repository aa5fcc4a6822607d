"""The check of what the facts state of pictures: format and size, by the headers of the sealed files."""

from evidence.checks.inspection import Inspection
from evidence.facts import CaseFacts
from evidence.verdict import Check, failed, not_checked, passed
from exhibit.decode import Limits, inspect
from exhibit.errors import ExhibitError, UnreadablePictureError

LIMITS = Limits(max_bytes=64 << 20, max_pixels=60_000_000)
JPEG = {"MPO": "JPEG"}
"""A JPEG of several pictures is one for readers of the first."""


def check_pictures(inspection: Inspection, facts: CaseFacts) -> Check:
    """``pictures``: each has the format and the size that the facts state."""
    every = dict.fromkeys((*facts.work.pictures, *(sighting.picture for sighting in facts.sightings)))
    unread = ""
    for stated in every:
        try:
            info = inspect(inspection.sealed_bytes(stated.file, LIMITS.max_bytes), LIMITS)
        except ExhibitError as error:
            if isinstance(error, UnreadablePictureError) and error.reason == "not-a-picture":
                return failed("pictures", f"{stated.file} isn't a picture.")
            unread = f"{stated.file}: {error.message}"
            continue
        found, told = ((JPEG.get(one.format, one.format), one.width, one.height) for one in (info, stated))
        if found != told:
            return failed("pictures", f"{stated.file} is a {found[0]} of {found[1]}×{found[2]}, not as stated.")
    if unread:
        return not_checked("pictures", unread)
    return passed("pictures", f"{len(every)} pictures have the formats and sizes that the facts state.")
