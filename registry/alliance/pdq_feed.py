"""Feeds of PDQ hashes in the format of ThreatExchange, signed by a log's key: published here, and read of partners.

A hash gives away the coarse shape of a picture, so each work is in the feed only while its owner wants it there. What
is near a partner's hash may be a copy, and proves nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from django.db import transaction
from numpy.typing import NDArray
from PIL import Image

from evidence.keys.ed25519 import holds
from evidence.log.notes import MAX_NOTE, parse_verifier_key, signed_note, strict_base64
from exhibit.clock import now, parse_rfc3339, rfc3339
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, NotFoundError, RefusedError, ServiceMissingError, UnreadablePictureError
from exhibit.pictures.decode import Limits, decode
from registry.alliance.models import Partner
from registry.alliance.signed_calls import MAX_APART, fetch, session_for
from registry.crawls.models import Sighting
from registry.db.rows import write
from registry.log import audit_log
from registry.log.log import submit
from registry.log.models import LogOpening
from registry.log.own_log import get_log
from registry.pictures.models import BytesState, Picture
from registry.services.services import Services
from registry.works.models import Work, WorkPicture
from registry.works.opened import public_address

FORMAT = "exhibit-pdq-feed/1"
MIN_QUALITY = 50
"""Of 100; ThreatExchange discards hashes below it, since pictures that differ share them."""
HASHED_SIDE = 512
"""Pixels to which a picture is reduced before it is hashed, as the reference does."""
MAX_FEED, MAX_HASHES = 16 << 20, 100_000
"""Bytes and hashes of a partner's feed."""
WITHIN = 31
"""Bits of 256: ThreatExchange's limit of a match. docs/accuracy.md has what it finds and how often it is wrong."""
READ = "feed of a partner read"
_HEAD = "hash,quality,page"
_LINE = re.compile(r"([0-9a-f]{64}),(?:[5-9][0-9]|100),((?:https?://[!-~]{1,400})?)")


def pdq_of(data: bytes, limits: Limits) -> tuple[str, int]:
    """PDQ hash, 64 hexadecimal digits, and quality, 0 to 100.

    Raises ``ServiceMissingError`` without the optional part ``pdq``, and ``UnreadablePictureError``.
    """
    try:
        import pdqhash  # noqa: PLC0415 - an optional part
    except ImportError as error:
        hint = "Install the optional part: python3 tools/bootstrap.py runtime pdq"
        raise ServiceMissingError("PDQ hashes need the optional part “pdq”.", hint=hint, retry=False) from error
    stored = replace(limits, profiles=False)  # as the reference hashes it
    picture = Image.fromarray(decode(data, stored, at_least=HASHED_SIDE).pixels)
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
        "feed.csv": "".join(f"{line}\n" for line in [_HEAD, *(f"{pdq},{page}" for pdq, page in told)]),
        "feed.txt": "".join(f"pdq {pdq.partition(',')[0]}\n" for pdq, _ in told),
    }
    lines = [
        FORMAT,
        get_log(services).origin,
        rfc3339(now()),
        *(f"{Digest.of(files[one].encode())} {one}" for one in files),
    ]
    signed = signed_note("".join(f"{line}\n" for line in lines), get_log(services).origin, get_log(services))
    return {**files, "feed.note": signed}


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """A partner's feed as its log's key has signed it."""

    at: datetime
    hashes: NDArray[np.uint64]  # (n, 4), 256 bits each
    pages: list[str]  # beside the hashes: of the works at the partner's, or empty


def read_feed(services: Services, partner: Partner) -> Feed:
    """Fetch a partner's feed and check it; raises ``ServiceMissingError`` when the partner doesn't answer.

    Raises ``IntegrityError`` when its log's key hasn't signed it, and ``RefusedError`` when it is too long, can't be
    read, is of the future, or older than one that was read before. The log keeps what was read.
    """
    name, key = parse_verifier_key(partner.log_key)
    with session_for(services, partner.url) as session:
        for _ in range(2):  # the feed may change between the two answers
            note, data = (
                fetch(session, f"{partner.url.rstrip('/')}/pdq/feed.{kind}", most)
                for kind, most in (("note", MAX_NOTE), ("csv", MAX_FEED))
            )
            body, _separator, tail = note.decode("utf-8", "replace").rpartition("\n\n")
            raw = [strict_base64(line.rpartition(f"— {name} ")[2]) or b"" for line in tail.splitlines()]
            form, origin, at, *named = [*body.split("\n"), "", ""]
            if not any(holds(key, one[4:], f"{body}\n".encode()) for one in raw) or (form, origin) != (FORMAT, name):
                raise IntegrityError(f"The key of {partner.name} hasn't signed its feed.")
            if f"{Digest.of(data)} feed.csv" in named:
                return _parsed(partner, at, data)
    raise IntegrityError(f"What {partner.name} shows as its feed isn't what it has signed.")


def _parsed(partner: Partner, said: str, data: bytes) -> Feed:
    earlier = LogOpening.objects.filter(submission__type=EntryType.SETTING, content__what=READ)
    last = earlier.filter(details__log=partner.log_key).order_by("-pk").values_list("details__feed", flat=True).first()
    head, *lines = data.decode("utf-8", "replace").split("\n")
    found = [match.groups() for line in lines[:MAX_HASHES] if (match := _LINE.fullmatch(line))]
    try:
        at = parse_rfc3339(said)
    except ValueError:
        at = None
    if at is None or head != _HEAD or lines[len(found) :] != [""]:
        what = f"has lines that can't be read, or more than {MAX_HASHES:,} hashes"
    elif at > now() + MAX_APART:
        what = "is of the future"
    elif last is not None and at < parse_rfc3339(last):
        what = f"is older than the one that was read before, of {last}"
    else:
        about = {"partner": partner.name, "log": partner.log_key, "feed": rfc3339(at), "hashes": len(found)}
        with transaction.atomic():
            audit_log.changed(READ, by="", about=about)
        hashes = np.frombuffer(bytes.fromhex("".join(code for code, _ in found)), np.uint64).reshape(-1, 4)
        return Feed(at, hashes, [page for _, page in found])
    raise RefusedError(f"The feed of {partner.name} {what}.", reason="partner", hint="Ask its operator.")


def near(services: Services, feed: Feed, pictures: Iterable[Picture]) -> tuple[list[tuple[int, str, Sighting]], int]:
    """Pictures whose hash is near one of a feed's: bits that differ, the partner's page, where it was seen first.

    Nearest first, and how many were compared: unreadable ones aren't, nor those too plain.
    """
    found, compared = [], 0
    for picture in pictures:
        try:
            code, quality = pdq_of(services.blobs.get(picture.digest), services.limits)
        except (UnreadablePictureError, NotFoundError):  # or gone in the meantime
            continue
        if quality < MIN_QUALITY:
            continue
        compared += 1
        between = np.bitwise_count(feed.hashes ^ np.frombuffer(bytes.fromhex(code), np.uint64)).sum(axis=1)
        bits, page = min(zip(between.tolist(), feed.pages, strict=True), default=(256, ""))
        if bits <= WITHIN:
            found.append((bits, page, Sighting.objects.filter(picture=picture, private_to=None).earliest("pk")))
    return sorted(found, key=lambda one: one[0]), compared


def _log(work: Work, by: str, *, published: bool) -> None:
    opening = {"owner": work.owner.slug, "pdq_feed": published, "work": work.number}
    submit(EntryType.REGISTRATION, opening, work.owner, details={"by": by})
