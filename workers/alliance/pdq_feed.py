"""Works whose owners publish their PDQ hashes, in the format of ThreatExchange, signed by the log's key.

A hash gives away the coarse shape of a picture, so each work is in the feed only while its owner wants it there.
"""

import numpy as np
from django.db import transaction
from PIL import Image

from evidence.log.notes import signed_note
from exhibit.clock import now, rfc3339
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.pictures.decode import Limits, decode
from registry.db.rows import write
from registry.log.log import submit
from registry.models import BytesState, Work, WorkPicture
from workers.services.wiring import Services
from workers.works.opened import public_address

FORMAT = "exhibit-pdq-feed/1"
MIN_QUALITY = 50
"""Of 100; ThreatExchange discards hashes below it, since pictures that differ share them."""
HASHED_SIDE = 512
"""Pixels to which a picture is reduced before it is hashed, as the reference does."""


def pdq_of(data: bytes, limits: Limits) -> tuple[str, int]:
    """PDQ hash, 64 hexadecimal digits, and quality, 0 to 100.

    Raises ``ServiceMissingError`` without the optional part ``pdq``, and ``UnreadablePictureError``.
    """
    try:
        import pdqhash  # noqa: PLC0415 - an optional part
    except ImportError as error:
        hint = "Install the optional part: python3 tools/bootstrap.py runtime pdq"
        raise ServiceMissingError("PDQ hashes need the optional part “pdq”.", hint=hint, retry=False) from error
    picture = Image.fromarray(decode(data, limits, at_least=HASHED_SIDE).pixels)
    picture.thumbnail((HASHED_SIDE, HASHED_SIDE))
    bits, quality = pdqhash.compute(np.asarray(picture.convert("RGB")))
    return np.packbits(bits).tobytes().hex(), int(quality)


def publish(services: Services, work: Work, *, by: str) -> None:
    """Put a work's pictures into the feed, and an entry into the log.

    Raises ``RefusedError`` where a picture isn't held or too plain to be told by its hash, and ``ServiceMissingError``.
    """
    hashed = []
    for row in work.work_pictures.select_related("picture").order_by("pk"):
        if row.picture.digest not in services.blobs:
            raise RefusedError(f"The picture of work {work.number} isn't held here.", reason="missing")
        code, quality = pdq_of(services.blobs.get(row.picture.digest), services.limits)
        if quality < MIN_QUALITY:
            sentence = f"The hash of work {work.number} has the quality {quality}; below {MIN_QUALITY} it says nothing."
            raise RefusedError(sentence, reason="low-information")
        hashed.append((row, f"{code},{quality}"))
    with transaction.atomic():
        for row, told in hashed:
            write(row, pdq=told)
        _log(work, by, published=True)


def withdraw(work: Work, *, by: str) -> None:
    """Take a work out of the feed; whoever has fetched it keeps what it has."""
    with transaction.atomic():
        if work.work_pictures.exclude(pdq="").update(pdq=""):
            _log(work, by, published=False)


def feed(services: Services) -> dict[str, str]:
    """The feed's files by name, as of now.

    ``feed.csv``: hash, quality and the page of the work where it is open, a line each. ``feed.txt``: the same hashes as
    ThreatExchange's library reads them from a file, ``pdq`` and the hash. ``feed.note``: a C2SP signed note by the key
    of the log over the digests of both.
    """
    kept = WorkPicture.objects.filter(work__removed_at=None, picture__bytes_state=BytesState.STORED)
    rows = kept.exclude(pdq="").select_related("work").order_by("pdq", "pk")
    told = [(row.pdq, public_address(services.config, row.work) or "") for row in rows]
    files = {
        "feed.csv": "".join(f"{line}\n" for line in ["hash,quality,page", *(f"{pdq},{page}" for pdq, page in told)]),
        "feed.txt": "".join(f"pdq {pdq.partition(',')[0]}\n" for pdq, _ in told),
    }
    lines = [FORMAT, services.log.origin, rfc3339(now()), *(f"{Digest.of(files[one].encode())} {one}" for one in files)]
    signed = signed_note("".join(f"{line}\n" for line in lines), services.log.origin, services.log)
    return {**files, "feed.note": signed}


def _log(work: Work, by: str, *, published: bool) -> None:
    opening = {"owner": work.owner.slug, "pdq_feed": published, "work": work.number}
    submit(EntryType.REGISTRATION, opening, work.owner, details={"by": by})
