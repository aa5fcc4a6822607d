"""Feeds of PDQ hashes in ThreatExchange's format, signed with a log's key: the own feed, and those of partners.

A hash reveals the coarse shape of a picture, so a work is in the feed only while its owner wants it. A picture near a
partner's hash may be a copy; it proves nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from django.db import transaction
from numpy.typing import NDArray
from PIL import Image

from evidence.keys.ed25519 import is_valid_signature
from evidence.log.notes import MAX_NOTE, decode_strict_base64, parse_verifier_key, sign_text
from exhibit.clock import now, parse_rfc3339, rfc3339
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, NotFoundError, RefusedError, ServiceMissingError, UnreadablePictureError
from exhibit.pictures.decode import Limits, decode
from registry.alliance.models import Partner
from registry.alliance.signed_calls import MAX_CLOCK_DIFFERENCE, fetch, session_for
from registry.crawls.models import Sighting
from registry.db.rows import write
from registry.log import audit_log
from registry.log.local_log import get_log
from registry.log.log import submit
from registry.log.models import LogOpening
from registry.pictures.models import BytesState, Picture
from registry.services.services import Services
from registry.works.models import Work, WorkPicture
from registry.works.public_works import get_public_url

FORMAT = "exhibit-pdq-feed/1"
MIN_QUALITY = 50
"""Minimum quality, of 100; ThreatExchange discards hashes below it, because different pictures share them."""
HASHED_SIDE = 512
"""Size in pixels to which a picture is reduced before hashing, as in the reference implementation."""
MAX_FEED, MAX_HASHES = 16 << 20, 100_000
"""Maximum size of a partner's feed, in bytes and in hashes."""
MAX_DISTANCE = 31
"""Maximum distance in bits of 256: ThreatExchange's limit for a match. Error rates: docs/explanation/accuracy.md."""
FEED_READ = "feed of a partner read"
_HEADER = "hash,quality,page"
_ROW = re.compile(r"([0-9a-f]{64}),(?:[5-9][0-9]|100),((?:https?://[!-~]{1,400})?)")


def compute_pdq(data: bytes, limits: Limits) -> tuple[str, int]:
    """Return the PDQ hash (64 hexadecimal digits) and quality (0 to 100) of a picture.

    Raises:
        ServiceMissingError: The optional part ``pdq`` is not installed.
        UnreadablePictureError: The picture cannot be decoded.
    """
    try:
        import pdqhash  # noqa: PLC0415 - an optional part
    except ImportError as error:
        hint = "Install the optional part: python3 tools/bootstrap.py runtime pdq"
        raise ServiceMissingError("PDQ hashes need the optional part “pdq”.", hint=hint, retry=False) from error
    stored = replace(limits, profiles=False)  # as in the reference implementation
    picture = Image.fromarray(decode(data, stored, at_least=HASHED_SIDE).pixels)
    picture.thumbnail((HASHED_SIDE, HASHED_SIDE))
    bits, quality = pdqhash.compute(np.asarray(picture.convert("RGB")))
    return np.packbits(bits).tobytes().hex(), int(quality)


def publish(services: Services, work: Work, *, by: str) -> None:
    """Add a work's pictures to the feed, and log it.

    Raises:
        RefusedError: A picture is not stored, or too plain for its hash to be distinctive.
        ServiceMissingError: The optional part ``pdq`` is not installed.
    """
    hashed = []
    for row in work.work_pictures.select_related("picture").order_by("pk"):
        if row.picture.digest not in services.blobs:
            raise RefusedError(f"The picture of work {work.number} isn't held here.", reason="missing")
        code, quality = compute_pdq(services.blobs.get(row.picture.digest), services.limits)
        if quality < MIN_QUALITY:
            sentence = f"The hash of work {work.number} has the quality {quality}; below {MIN_QUALITY} it says nothing."
            raise RefusedError(sentence, reason="low-information")
        hashed.append((row, f"{code},{quality}"))
    with transaction.atomic():
        for row, pdq in hashed:
            write(row, pdq=pdq)
        _log(work, by, published=True)


def withdraw(work: Work, *, by: str) -> None:
    """Remove a work from the feed; copies fetched earlier are not affected."""
    with transaction.atomic():
        if work.work_pictures.exclude(pdq="").update(pdq=""):
            _log(work, by, published=False)


def feed(services: Services) -> dict[str, str]:
    """Return the feed's current files by name.

    ``feed.csv`` has the hash, quality and public page (if any) of a work in each line. ``feed.txt`` has the same hashes
    in the file format of ThreatExchange's library: ``pdq`` and the hash. ``feed.note`` is a C2SP signed note over the
    digests of both, with the log's key.
    """
    pictures = WorkPicture.objects.filter(work__removed_at=None, picture__bytes_state=BytesState.STORED)
    rows = pictures.exclude(pdq="").select_related("work").order_by("pdq", "pk")
    entries = [(row.pdq, get_public_url(services.config, row.work) or "") for row in rows]
    files = {
        "feed.csv": "".join(f"{line}\n" for line in [_HEADER, *(f"{pdq},{page}" for pdq, page in entries)]),
        "feed.txt": "".join(f"pdq {pdq.partition(',')[0]}\n" for pdq, _ in entries),
    }
    lines = [
        FORMAT,
        get_log(services).origin,
        rfc3339(now()),
        *(f"{Digest.of(files[name].encode())} {name}" for name in files),
    ]
    signed = sign_text("".join(f"{line}\n" for line in lines), get_log(services).origin, get_log(services))
    return {**files, "feed.note": signed}


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """A partner's feed, verified against its log's key."""

    at: datetime
    hashes: NDArray[np.uint64]  # shape (n, 4), 256 bits each
    pages: list[str]  # for each hash, the URL of the work's page at the partner's, or empty


def read_feed(services: Services, partner: Partner) -> Feed:
    """Fetch and verify a partner's feed; the log records it.

    Raises:
        ServiceMissingError: The partner does not respond.
        IntegrityError: The feed is not signed with the partner's log key.
        RefusedError: The feed is too long, cannot be read, is dated in the future, or is older than one read before.
    """
    name, key = parse_verifier_key(partner.log_key)
    with session_for(services, partner.url) as session:
        for _ in range(2):  # the feed may change between the two requests
            note, data = (
                fetch(session, f"{partner.url.rstrip('/')}/pdq/feed.{kind}", max_bytes)
                for kind, max_bytes in (("note", MAX_NOTE), ("csv", MAX_FEED))
            )
            body, _separator, tail = note.decode("utf-8", "replace").rpartition("\n\n")
            signatures = [decode_strict_base64(line.rpartition(f"— {name} ")[2]) or b"" for line in tail.splitlines()]
            form, origin, at, *listed_files = [*body.split("\n"), "", ""]
            if not any(is_valid_signature(key, signature[4:], f"{body}\n".encode()) for signature in signatures) or (
                form,
                origin,
            ) != (FORMAT, name):
                raise IntegrityError(f"The key of {partner.name} hasn't signed its feed.")
            if f"{Digest.of(data)} feed.csv" in listed_files:
                return _parse_feed(partner, at, data)
    raise IntegrityError(f"What {partner.name} shows as its feed isn't what it has signed.")


def _parse_feed(partner: Partner, time_text: str, data: bytes) -> Feed:
    earlier = LogOpening.objects.filter(submission__type=EntryType.SETTING, content__what=FEED_READ)
    last = earlier.filter(details__log=partner.log_key).order_by("-pk").values_list("details__feed", flat=True).first()
    header, *lines = data.decode("utf-8", "replace").split("\n")
    entries = [match.groups() for line in lines[:MAX_HASHES] if (match := _ROW.fullmatch(line))]
    try:
        at = parse_rfc3339(time_text)
    except ValueError:
        at = None
    if at is None or header != _HEADER or lines[len(entries) :] != [""]:
        what = f"has lines that can't be read, or more than {MAX_HASHES:,} hashes"
    elif at > now() + MAX_CLOCK_DIFFERENCE:
        what = "is of the future"
    elif last is not None and at < parse_rfc3339(last):
        what = f"is older than the one that was read before, of {last}"
    else:
        about = {"partner": partner.name, "log": partner.log_key, "feed": rfc3339(at), "hashes": len(entries)}
        with transaction.atomic():
            audit_log.log_change(FEED_READ, by="", about=about)
        hashes = np.frombuffer(bytes.fromhex("".join(code for code, _ in entries)), np.uint64).reshape(-1, 4)
        return Feed(at, hashes, [page for _, page in entries])
    raise RefusedError(f"The feed of {partner.name} {what}.", reason="partner", hint="Ask its operator.")


def find_near(
    services: Services, feed: Feed, pictures: Iterable[Picture]
) -> tuple[list[tuple[int, str, Sighting]], int]:
    """Return pictures with a hash near one of a feed's: distance in bits, the partner's page, and the first sighting.

    The nearest come first. Also returns the number of pictures compared; unreadable and plain pictures are not.
    """
    results, compared_count = [], 0
    for picture in pictures:
        try:
            code, quality = compute_pdq(services.blobs.get(picture.digest), services.limits)
        except (UnreadablePictureError, NotFoundError):  # or removed meanwhile
            continue
        if quality < MIN_QUALITY:
            continue
        compared_count += 1
        distances = np.bitwise_count(feed.hashes ^ np.frombuffer(bytes.fromhex(code), np.uint64)).sum(axis=1)
        bits, page = min(zip(distances.tolist(), feed.pages, strict=True), default=(256, ""))
        if bits <= MAX_DISTANCE:
            results.append((bits, page, Sighting.objects.filter(picture=picture, private_to=None).earliest("pk")))
    return sorted(results, key=lambda result: result[0]), compared_count


def _log(work: Work, by: str, *, published: bool) -> None:
    opening = {"owner": work.owner.slug, "pdq_feed": published, "work": work.number}
    submit(EntryType.REGISTRATION, opening, work.owner, details={"by": by})
