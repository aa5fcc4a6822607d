"""Feeds of PDQ hashes in ThreatExchange's format, of this installation and of partners, signed with the log's key.

A hash reveals the coarse shape of a picture, so a work is in the feed only if its owner has enabled it. A picture with
a hash near a partner's hash may be a copy, but the hash alone proves nothing.
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
from exhibit.clock import format_rfc3339, now, parse_rfc3339
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, NotFoundError, RefusedError, ServiceMissingError, UnreadablePictureError
from exhibit.pictures.decode import Limits, decode
from registry.alliance.models import Partner
from registry.alliance.signed_calls import MAX_CLOCK_DIFFERENCE, fetch_file, open_session
from registry.crawls.models import Sighting
from registry.db.rows import update_row
from registry.log import audit_log
from registry.log.local_log import get_log
from registry.log.log import submit_entry
from registry.log.models import LogOpening
from registry.pictures.models import BytesState, Picture
from registry.services.services import Services
from registry.works.models import Work, WorkPicture
from registry.works.public_works import get_public_url

FORMAT = "exhibit-pdq-feed/1"
MIN_QUALITY = 50
"""Minimum quality, of 100; ThreatExchange discards hashes below it, because different pictures share them."""
HASH_IMAGE_SIDE = 512
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
        ServiceMissingError: The optional dependency ``pdq`` is not installed.
        UnreadablePictureError: The picture cannot be decoded.
    """
    try:
        import pdqhash  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        hint = "Install the component: python3 tools/bootstrap.py runtime pdq"
        raise ServiceMissingError("PDQ hashes require the optional component “pdq”.", hint=hint, retry=False) from error
    hash_limits = replace(limits, profiles=False)  # the reference implementation ignores colour profiles
    picture = Image.fromarray(decode(data, hash_limits, at_least=HASH_IMAGE_SIDE).pixels)
    picture.thumbnail((HASH_IMAGE_SIDE, HASH_IMAGE_SIDE))
    bits, quality = pdqhash.compute(np.asarray(picture.convert("RGB")))
    return np.packbits(bits).tobytes().hex(), int(quality)


def publish_hashes(services: Services, work: Work, *, by: str) -> None:
    """Add a work's pictures to the feed, and log it.

    Raises:
        RefusedError: A picture is not stored, or has too little detail for a distinctive hash.
        ServiceMissingError: The optional dependency ``pdq`` is not installed.
    """
    hashed_pictures = []
    for row in work.work_pictures.select_related("picture").order_by("pk"):
        if row.picture.digest not in services.blobs:
            raise RefusedError(f"The picture of work {work.number} is not stored here.", reason="missing")
        pdq_hash, quality = compute_pdq(services.blobs.get(row.picture.digest), services.limits)
        if quality < MIN_QUALITY:
            sentence = f"The hash of work {work.number} has a quality of {quality}; the minimum is {MIN_QUALITY}."
            raise RefusedError(sentence, reason="low-information")
        hashed_pictures.append((row, f"{pdq_hash},{quality}"))
    with transaction.atomic():
        for row, pdq in hashed_pictures:
            update_row(row, pdq=pdq)
        _log_change(work, by, published=True)


def withdraw_hashes(work: Work, *, by: str) -> None:
    """Remove a work from the feed; copies fetched earlier are not affected."""
    with transaction.atomic():
        if work.work_pictures.exclude(pdq="").update(pdq=""):
            _log_change(work, by, published=False)


def build_feed(services: Services) -> dict[str, str]:
    """Return the files of this installation's feed by name.

    Each line of ``feed.csv`` has the hash, quality and public page (if any) of a work. ``feed.txt`` has the same hashes
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
        format_rfc3339(now()),
        *(f"{Digest.from_bytes(files[name].encode())} {name}" for name in files),
    ]
    signed_note = sign_text("".join(f"{line}\n" for line in lines), get_log(services).origin, get_log(services))
    return {**files, "feed.note": signed_note}


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """A partner's feed, verified against its log's key."""

    at: datetime
    hashes: NDArray[np.uint64]  # shape (n, 4), 256 bits each
    pages: list[str]  # URL of the work's page on the partner's site for each hash; may be empty


def read_feed(services: Services, partner: Partner) -> Feed:
    """Fetch and verify a partner's feed; the log records it.

    Raises:
        ServiceMissingError: The partner does not respond.
        IntegrityError: The feed is not signed with the partner's log key.
        RefusedError: The feed is too long, cannot be read, is dated in the future, or is older than the last feed read.
    """
    name, key = parse_verifier_key(partner.log_key)
    with open_session(services, partner.url) as session:
        for _ in range(2):  # retry once, because the feed may change between the two requests
            note, data = (
                fetch_file(session, f"{partner.url.rstrip('/')}/pdq/feed.{kind}", max_bytes)
                for kind, max_bytes in (("note", MAX_NOTE), ("csv", MAX_FEED))
            )
            body, _separator, signature_lines = note.decode("utf-8", "replace").rpartition("\n\n")
            signatures = [
                decode_strict_base64(line.rpartition(f"— {name} ")[2]) or b"" for line in signature_lines.splitlines()
            ]
            feed_format, origin, time_text, *listed_files = [*body.split("\n"), "", ""]
            if not any(is_valid_signature(key, signature[4:], f"{body}\n".encode()) for signature in signatures) or (
                feed_format,
                origin,
            ) != (FORMAT, name):
                raise IntegrityError(f"The feed of {partner.name} is not signed with its key.")
            if f"{Digest.from_bytes(data)} feed.csv" in listed_files:
                return _parse_feed(partner, time_text, data)
    raise IntegrityError(f"The feed of {partner.name} differs from the feed that it signed.")


def _parse_feed(partner: Partner, time_text: str, data: bytes) -> Feed:
    earlier_feeds = LogOpening.objects.filter(submission__type=EntryType.SETTING, content__what=FEED_READ)
    last_time = (
        earlier_feeds.filter(details__log=partner.log_key)
        .order_by("-pk")
        .values_list("details__feed", flat=True)
        .first()
    )
    header, *lines = data.decode("utf-8", "replace").split("\n")
    entries = [match.groups() for line in lines[:MAX_HASHES] if (match := _ROW.fullmatch(line))]
    try:
        at = parse_rfc3339(time_text)
    except ValueError:
        at = None
    if at is None or header != _HEADER or lines[len(entries) :] != [""]:
        problem = f"contains unreadable rows, or more than {MAX_HASHES:,} hashes"
    elif at > now() + MAX_CLOCK_DIFFERENCE:
        problem = "has a time in the future"
    elif last_time is not None and at < parse_rfc3339(last_time):
        problem = f"is older than the feed that was read before, from {last_time}"
    else:
        details = {"partner": partner.name, "log": partner.log_key, "feed": format_rfc3339(at), "hashes": len(entries)}
        with transaction.atomic():
            audit_log.log_change(FEED_READ, by="", details=details)
        hashes = np.frombuffer(bytes.fromhex("".join(pdq_hash for pdq_hash, _ in entries)), np.uint64).reshape(-1, 4)
        return Feed(at, hashes, [page for _, page in entries])
    raise RefusedError(
        f"The feed of {partner.name} {problem}.", reason="partner", hint="Contact the partner's operator."
    )


def find_near_matches(
    services: Services, feed: Feed, pictures: Iterable[Picture]
) -> tuple[list[tuple[int, str, Sighting]], int]:
    """Return the pictures whose hash is near a hash of the feed, and the number of pictures compared.

    Each match is the distance in bits, the partner's page, and the picture's first sighting; the nearest come first.
    Unreadable pictures and pictures with low-quality hashes are not compared.
    """
    results, compared_count = [], 0
    for picture in pictures:
        try:
            pdq_hash, quality = compute_pdq(services.blobs.get(picture.digest), services.limits)
        except (UnreadablePictureError, NotFoundError):  # NotFoundError: removed in the meantime
            continue
        if quality < MIN_QUALITY:
            continue
        compared_count += 1
        distances = np.bitwise_count(feed.hashes ^ np.frombuffer(bytes.fromhex(pdq_hash), np.uint64)).sum(axis=1)
        bits, page = min(zip(distances.tolist(), feed.pages, strict=True), default=(256, ""))
        if bits <= MAX_DISTANCE:
            results.append((bits, page, Sighting.objects.filter(picture=picture, private_to=None).earliest("pk")))
    return sorted(results, key=lambda result: result[0]), compared_count


def _log_change(work: Work, by: str, *, published: bool) -> None:
    opening = {"owner": work.owner.slug, "pdq_feed": published, "work": work.number}
    submit_entry(EntryType.REGISTRATION, opening, work.owner, details={"by": by})
