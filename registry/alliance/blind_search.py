"""Blind search: find out if a partner has seen one's pictures, without either side revealing its pictures.

The searching side sends points that hide digests and parts of hashes; the other side multiplies them by a key of the
agreement. The results are the only means to open an index of the partner's pictures (docs/reference/protocols.md).
"""

import hmac
import json
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db.models import Exists, OuterRef, Subquery
from django.db.models.functions import Coalesce

from evidence.formats.codec import FormatError, parse_json
from evidence.keys.oprf import OprfClient, OprfServer
from exhibit.clock import rfc3339
from exhibit.errors import RefusedError, ServiceMissingError, WrongUseError
from exhibit.plain import one_line
from indexer.picture.spaces import PHASH, WHOLE
from indexer.vectors.bands import BANDS, list_elements
from registry.alliance import partners
from registry.alliance.models import Agreement, Partner
from registry.alliance.signed_calls import call_partner
from registry.crawls.models import Sighting
from registry.crawls.sightings import list_public_pictures
from registry.fingerprints.fingerprints import space_id
from registry.fingerprints.models import FingerprintRow
from registry.log.local_log import get_log
from registry.pictures.models import Picture
from registry.services.services import Services
from registry.works.models import WorkPicture

PAGE = 100
"""Number of pictures per page of the index; a page counts as one query."""
MAX_POINTS = 1_000
"""Maximum number of points per request."""
MAX_PAGES = 10_000
SEARCH_SECONDS = 3_600.0
"""Maximum duration in seconds; a search that takes longer ends with its results so far."""
_RECORD = 1_024
"""Length of every record in bytes, so that the length reveals nothing."""


def _derive_masks(output: bytes, salt: bytes, number: int) -> tuple[bytes, bytes]:
    """Return the tag (16 bytes) and mask (18 bytes) of an element's n-th entry in a page."""
    mac = hmac.digest(output, b"exhibit-blind/1 entry" + salt + number.to_bytes(4, "big"), "sha512")
    return mac[:16], mac[16:34]


def answer_points(services: Services, partner: Partner, points: Iterable[str]) -> tuple[Agreement, list[str]]:
    """Multiply a partner's points; raises ``RefusedError`` if no agreement covers them."""
    raw_points = [bytes.fromhex(point) for point in points]
    row = partners.spend_queries(partner, len(raw_points), "points")
    oprf_key = _derive_key(services, row)
    return row, [oprf_key.evaluate(point).hex() for point in raw_points]


def index_page(services: Services, partner: Partner, after: int) -> dict[str, Any]:
    """Return a page of the index of publicly seen pictures, starting after a number; raises ``RefusedError``."""
    row = partners.spend_queries(partner, 1, "index")
    oprf_key = _derive_key(services, row)
    pictures = list(list_public_pictures().filter(pk__gt=after).order_by("pk")[:PAGE])
    hashes = _load_hashes(picture.pk for picture in pictures)
    salt, times, entries, records = secrets.token_bytes(16), Counter[bytes](), [], []
    secrets.SystemRandom().shuffle(pictures)
    for position, picture in enumerate(pictures):
        key, phash = secrets.token_bytes(16), hashes.get(picture.pk)
        records.append(_encrypt_record(key, salt, _disclosed_values(picture, phash, row.fields)).hex())
        for element in list_elements(picture.digest.raw, phash):
            tag, mask = _derive_masks(oprf_key.output(element), salt, times[element])
            times[element] += 1
            inner = position.to_bytes(2, "big") + key
            entries.append(
                (tag + bytes(plain_byte ^ mask_byte for plain_byte, mask_byte in zip(inner, mask, strict=True))).hex()
            )
    last = max((picture.pk for picture in pictures), default=0)
    next_number = last if len(pictures) == PAGE else None
    return {"salt": salt.hex(), "entries": sorted(entries), "records": records, "next": next_number}


def _derive_key(services: Services, row: Agreement) -> OprfServer:
    """Return the agreement's key, which is derived from the log's key and unique to the agreement."""
    about = f"exhibit-blind/1 key\n{row.pk}\n{rfc3339(row.made_at)}\n{row.partner.log_key}"
    return OprfServer(get_log(services).sign(about.encode()))


def _load_hashes(pictures: Iterable[int]) -> dict[int, bytes]:
    rows = FingerprintRow.objects.filter(picture__in=list(pictures), space=space_id(PHASH), part=WHOLE)
    return {picture: bytes(vector) for picture, vector in rows.values_list("picture", "vector")}


def _disclosed_values(picture: Picture, phash: bytes | None, fields: Iterable[str]) -> dict[str, str]:
    first = Sighting.objects.filter(picture=picture, private_to=None).order_by("pk").first()
    values = {"digest": picture.digest.hex, "hash": phash.hex() if phash else ""}
    if first is not None:  # in a form that the search accepts
        values |= {"page": first.page_url[:400], "image": first.image_url[:300]}
        values["seen"] = first.period if first.first_seen is None else rfc3339(first.first_seen)
    return {name: values[name] for name in fields if name in values}


def _encrypt_record(key: bytes, salt: bytes, values: Mapping[str, str]) -> bytes:
    plain = json.dumps(values).encode()
    while len(plain) > _RECORD:  # shorten the longest text, so that the record stays readable
        longest = max(values, key=lambda name: len(values[name]))
        values = {**values, longest: values[longest][:-20]}
        plain = json.dumps(values).encode()
    plain = plain.ljust(_RECORD)
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(key).encrypt(nonce, plain, salt)


@dataclass(frozen=True, slots=True)
class BlindMatch:
    """A partner's picture that matches a registered one, as the partner describes it."""

    picture: int  # primary key of a work's picture
    exact: bool  # True if the bytes are the same
    bands: int  # number of matching parts of its hash
    disclosed_values: dict[str, str]


@dataclass(frozen=True, slots=True)
class BlindSearchResult:
    """The matches at a partner, and why not all of its pictures were searched; empty if they were."""

    matches: list[BlindMatch]
    missing: str


def search(services: Services, partner: Partner) -> BlindSearchResult:
    """Search a partner's pictures for those of all works here, for up to one hour.

    The log records the search, even if it fails.

    Raises:
        ServiceMissingError: The partner does not respond at first, or its response is invalid.
        RefusedError: The partner refuses, with its explanation.
    """
    count = {"points": 0, "pages": 0, "found": 0}
    try:
        result = _search(services, partner, count)
        count["found"] = len(result.matches)
    except (ValueError, KeyError, TypeError, AttributeError, FormatError, WrongUseError) as error:
        raise ServiceMissingError(f"The partner {partner.name} answers nonsense: {type(error).__name__}.") from error
    finally:
        if count["points"]:
            partners.log_search(partner, count)
    return result


def _search(services: Services, partner: Partner, count: dict[str, int]) -> BlindSearchResult:
    until = time.monotonic() + SEARCH_SECONDS
    live_pictures = WorkPicture.objects.filter(picture=OuterRef("pk"), work__removed_at=None)
    stated_digests = live_pictures.exclude(stated=None).values("stated")[:1]
    rows = Picture.objects.filter(Exists(live_pictures)).annotate(named=Coalesce(Subquery(stated_digests), "digest"))
    pictures = dict(rows.values_list("pk", "named"))
    hashes = _load_hashes(pictures)
    pictures_by_element = defaultdict[bytes, list[int]](
        list
    )  # pictures by element, so that shared elements are queried once
    for picture, digest in pictures.items():
        for element in list_elements(digest.raw, hashes.get(picture)):
            pictures_by_element[element].append(picture)
    blinded = [OprfClient(element) for element in pictures_by_element]
    outputs: list[tuple[list[int], bytes, bytes]] = []  # pictures, element, output
    for start in range(0, len(blinded), MAX_POINTS):
        batch = blinded[start : start + MAX_POINTS]
        count["points"] += len(batch)
        points = [item.blind().hex() for item in batch]
        response_points = call_partner(services, partner, "blind-points", {"points": points})["points"]
        if len(response_points) != len(batch):
            raise ValueError
        pairs = zip(batch, response_points, strict=True)
        outputs += [
            (pictures_by_element[item.element], item.element, item.output(bytes.fromhex(response_point)))
            for item, response_point in pairs
        ]
    matches: dict[tuple[int, int, int], BlindMatch] = {}
    after: int | None = 0 if outputs else None
    missing = ""
    try:
        while after is not None:
            page = _fetch_page(services, partner, after, count, until)
            _open_records(page, outputs, matches, count["pages"])
            before, after = after, page["next"]
            if after is not None and int(after) <= before:
                raise ValueError
    except (ServiceMissingError, RefusedError) as error:
        if not after:
            raise
        missing = error.message
    return BlindSearchResult(
        sorted(matches.values(), key=lambda item: (item.picture, not item.exact, -item.bands)), missing
    )


def _fetch_page(
    services: Services, partner: Partner, after: int, count: dict[str, int], until: float
) -> dict[str, Any]:
    if count["pages"] >= MAX_PAGES or time.monotonic() > until:
        raise ServiceMissingError(f"The partner {partner.name} takes too long.")
    count["pages"] += 1
    return call_partner(services, partner, "blind-index", {"after": after}, seconds=60)


def _open_records(
    page: Mapping[str, Any],
    outputs: Iterable[tuple[list[int], bytes, bytes]],
    matches: dict[tuple[int, int, int], BlindMatch],
    number: int,
) -> None:
    """Open the records of a page that match an output."""
    salt, records = bytes.fromhex(page["salt"]), [bytes.fromhex(record) for record in page["records"]]
    entries = {entry[:16]: entry[16:] for entry in map(bytes.fromhex, page["entries"])}
    if len(records) > PAGE or len(page["entries"]) > PAGE * (1 + BANDS):
        raise ValueError
    for pictures, element, output in outputs:
        for times in range(PAGE):
            tag, mask = _derive_masks(output, salt, times)
            if (masked := entries.get(tag)) is None:
                break
            inner = bytes(masked_byte ^ mask_byte for masked_byte, mask_byte in zip(masked, mask, strict=True))
            record = records[position] if (position := int.from_bytes(inner[:2], "big")) < len(records) else b""
            try:
                record_values = parse_json(AESGCM(inner[2:]).decrypt(record[:12], record[12:], salt), what="the record")
            except InvalidTag:
                raise ValueError from None
            exact = element.startswith(b"digest")
            plain = {
                name: one_line(str(record_values[name]))[:500] for name in partners.FIELDS if name in record_values
            }
            for picture in pictures:
                key = (picture, number, position)
                match = matches.get(key, BlindMatch(picture, exact=exact, bands=0, disclosed_values={}))
                matches[key] = BlindMatch(picture, match.exact or exact, match.bands + (not exact), plain)


def works_of(picture: int) -> list[str]:
    """Return the works that contain a picture, each as owner and number."""
    rows = WorkPicture.objects.filter(picture=picture, work__removed_at=None).order_by("pk")
    return [f"{slug}/{number}" for slug, number in rows.values_list("work__owner__slug", "work__number")]
