"""Blind search: check whether a partner has seen this installation's pictures, without revealing any pictures.

The searching side sends blinded elliptic-curve points for digests and parts of hashes. The partner multiplies them by
the agreement's secret key (an oblivious pseudorandom function). Only these results can decrypt the index of the
partner's pictures (docs/reference/protocols.md).
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
from exhibit.clock import format_rfc3339
from exhibit.errors import InvalidRequestError, RefusedError, ServiceMissingError
from exhibit.plain import to_one_line
from indexer.picture.spaces import PHASH, WHOLE
from indexer.vectors.bands import BAND_COUNT, list_elements
from registry.alliance import partners
from registry.alliance.models import Agreement, Partner
from registry.alliance.signed_calls import call_partner
from registry.crawls.models import Sighting
from registry.crawls.sightings import list_public_pictures
from registry.fingerprints.fingerprints import get_space_id
from registry.fingerprints.models import FingerprintRow
from registry.log.local_log import get_log
from registry.pictures.models import Picture
from registry.services.services import Services
from registry.works.models import WorkPicture

PAGE_SIZE = 100
"""Number of pictures per page of the index; a page counts as one query."""
MAX_POINTS = 1_000
"""Maximum number of points per request."""
MAX_PAGES = 10_000
SEARCH_SECONDS = 3_600.0
"""Maximum duration in seconds; a search that takes longer returns its partial results."""
_RECORD_BYTES = 1_024
"""Length of every record in bytes. All records have the same length so that it reveals nothing."""


def _derive_masks(output: bytes, salt: bytes, number: int) -> tuple[bytes, bytes]:
    """Return the tag (16 bytes) and mask (18 bytes) of an element's n-th entry in a page."""
    mac = hmac.digest(output, b"exhibit-blind/1 entry" + salt + number.to_bytes(4, "big"), "sha512")
    return mac[:16], mac[16:34]


def evaluate_points(services: Services, partner: Partner, points: Iterable[str]) -> tuple[Agreement, list[str]]:
    """Multiply a partner's points by the agreement's key; raises ``RefusedError`` if no agreement covers the query."""
    raw_points = [bytes.fromhex(point) for point in points]
    row = partners.spend_queries(partner, len(raw_points), "points")
    oprf_key = _derive_key(services, row)
    return row, [oprf_key.evaluate(point).hex() for point in raw_points]


def build_index_page(services: Services, partner: Partner, after: int) -> dict[str, Any]:
    """Return a page of the index of publicly seen pictures with primary keys above ``after``.

    Raises:
        RefusedError: No agreement covers the query.
    """
    row = partners.spend_queries(partner, 1, "index")
    oprf_key = _derive_key(services, row)
    pictures = list(list_public_pictures().filter(pk__gt=after).order_by("pk")[:PAGE_SIZE])
    hashes = _load_hashes(picture.pk for picture in pictures)
    salt, occurrences, entries, records = secrets.token_bytes(16), Counter[bytes](), [], []
    secrets.SystemRandom().shuffle(pictures)
    for position, picture in enumerate(pictures):
        key, phash = secrets.token_bytes(16), hashes.get(picture.pk)
        records.append(_encrypt_record(key, salt, _get_disclosed_values(picture, phash, row.fields)).hex())
        for element in list_elements(picture.digest.raw, phash):
            tag, mask = _derive_masks(oprf_key.compute_output(element), salt, occurrences[element])
            occurrences[element] += 1
            plain_entry = position.to_bytes(2, "big") + key
            entries.append(
                (
                    tag + bytes(plain_byte ^ mask_byte for plain_byte, mask_byte in zip(plain_entry, mask, strict=True))
                ).hex()
            )
    last_number = max((picture.pk for picture in pictures), default=0)
    next_number = last_number if len(pictures) == PAGE_SIZE else None
    return {"salt": salt.hex(), "entries": sorted(entries), "records": records, "next": next_number}


def _derive_key(services: Services, row: Agreement) -> OprfServer:
    """Return the agreement's key, which is derived from the log's key and unique to the agreement."""
    key_context = f"exhibit-blind/1 key\n{row.pk}\n{format_rfc3339(row.made_at)}\n{row.partner.log_key}"
    return OprfServer(get_log(services).sign(key_context.encode()))


def _load_hashes(pictures: Iterable[int]) -> dict[int, bytes]:
    rows = FingerprintRow.objects.filter(picture__in=list(pictures), space=get_space_id(PHASH), part=WHOLE)
    return {picture: bytes(vector) for picture, vector in rows.values_list("picture", "vector")}


def _get_disclosed_values(picture: Picture, phash: bytes | None, fields: Iterable[str]) -> dict[str, str]:
    first_sighting = Sighting.objects.filter(picture=picture, private_to=None).order_by("pk").first()
    values = {"digest": picture.digest.hex, "hash": phash.hex() if phash else ""}
    if first_sighting is not None:  # truncated to the field lengths that the searching side accepts
        values |= {"page": first_sighting.page_url[:400], "image": first_sighting.image_url[:300]}
        values["seen"] = (
            first_sighting.period if first_sighting.first_seen is None else format_rfc3339(first_sighting.first_seen)
        )
    return {name: values[name] for name in fields if name in values}


def _encrypt_record(key: bytes, salt: bytes, values: Mapping[str, str]) -> bytes:
    plaintext = json.dumps(values).encode()
    while len(plaintext) > _RECORD_BYTES:  # shorten the longest text, so that the record stays readable
        longest_name = max(values, key=lambda name: len(values[name]))
        values = {**values, longest_name: values[longest_name][:-20]}
        plaintext = json.dumps(values).encode()
    plaintext = plaintext.ljust(_RECORD_BYTES)
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, salt)


@dataclass(frozen=True, slots=True)
class BlindMatch:
    """A partner's picture that matches a registered one, as the partner describes it."""

    picture: int  # primary key of a work's picture
    is_exact: bool  # True if the bytes are the same
    bands: int  # number of matching parts of its hash
    disclosed_values: dict[str, str]


@dataclass(frozen=True, slots=True)
class BlindSearchResult:
    """The matches at a partner. ``failure`` explains an incomplete search and is empty if the search is complete."""

    matches: list[BlindMatch]
    failure: str


def search_partner_pictures(services: Services, partner: Partner) -> BlindSearchResult:
    """Search a partner's pictures for the pictures of all registered works, for up to :data:`SEARCH_SECONDS`.

    The log records the search, even if it fails.

    Raises:
        ServiceMissingError: The partner does not respond to the first request, or its response is invalid.
        RefusedError: The partner refuses, with its explanation.
    """
    counts = {"points": 0, "pages": 0, "found": 0}
    try:
        result = _search(services, partner, counts)
        counts["found"] = len(result.matches)
    except (ValueError, KeyError, TypeError, AttributeError, FormatError, InvalidRequestError) as error:
        raise ServiceMissingError(f"The partner {partner.name} sent invalid data: {type(error).__name__}.") from error
    finally:
        if counts["points"]:
            partners.log_search(partner, counts)
    return result


def _search(services: Services, partner: Partner, counts: dict[str, int]) -> BlindSearchResult:
    deadline = time.monotonic() + SEARCH_SECONDS
    live_pictures = WorkPicture.objects.filter(picture=OuterRef("pk"), work__removed_at=None)
    stated_digests = live_pictures.exclude(stated=None).values("stated")[:1]
    rows = Picture.objects.filter(Exists(live_pictures)).annotate(named=Coalesce(Subquery(stated_digests), "digest"))
    pictures = dict(rows.values_list("pk", "named"))
    hashes = _load_hashes(pictures)
    pictures_by_element = defaultdict[bytes, list[int]](list)  # shared elements are queried only once
    for picture, digest in pictures.items():
        for element in list_elements(digest.raw, hashes.get(picture)):
            pictures_by_element[element].append(picture)
    clients = [OprfClient(element) for element in pictures_by_element]
    outputs: list[tuple[list[int], bytes, bytes]] = []  # pictures, element, output
    for offset in range(0, len(clients), MAX_POINTS):
        batch = clients[offset : offset + MAX_POINTS]
        counts["points"] += len(batch)
        points = [client.blind().hex() for client in batch]
        response_points = call_partner(services, partner, "blind-points", {"points": points})["points"]
        if len(response_points) != len(batch):
            raise ValueError
        pairs = zip(batch, response_points, strict=True)
        outputs += [
            (pictures_by_element[client.element], client.element, client.compute_output(bytes.fromhex(response_point)))
            for client, response_point in pairs
        ]
    matches: dict[tuple[int, int, int], BlindMatch] = {}
    cursor: int | None = 0 if outputs else None
    failure = ""
    try:
        while cursor is not None:
            page = _fetch_page(services, partner, cursor, counts, deadline)
            _decrypt_records(page, outputs, matches, counts["pages"])
            previous_cursor, cursor = cursor, page["next"]
            if cursor is not None and int(cursor) <= previous_cursor:
                raise ValueError
    except (ServiceMissingError, RefusedError) as error:
        if not cursor:
            raise
        failure = error.message
    return BlindSearchResult(
        sorted(matches.values(), key=lambda match: (match.picture, not match.is_exact, -match.bands)), failure
    )


def _fetch_page(
    services: Services, partner: Partner, cursor: int, counts: dict[str, int], deadline: float
) -> dict[str, Any]:
    if counts["pages"] >= MAX_PAGES or time.monotonic() > deadline:
        raise ServiceMissingError(f"The search at the partner {partner.name} reached its time or page limit.")
    counts["pages"] += 1
    return call_partner(services, partner, "blind-index", {"after": cursor}, seconds=60)


def _decrypt_records(
    page: Mapping[str, Any],
    outputs: Iterable[tuple[list[int], bytes, bytes]],
    matches: dict[tuple[int, int, int], BlindMatch],
    page_number: int,
) -> None:
    """Decrypt the records of an index page that match an output, and add them to ``matches``."""
    salt, records = bytes.fromhex(page["salt"]), [bytes.fromhex(record) for record in page["records"]]
    entries = {entry[:16]: entry[16:] for entry in map(bytes.fromhex, page["entries"])}
    if len(records) > PAGE_SIZE or len(page["entries"]) > PAGE_SIZE * (1 + BAND_COUNT):
        raise ValueError
    for pictures, element, output in outputs:
        for occurrence in range(PAGE_SIZE):
            tag, mask = _derive_masks(output, salt, occurrence)
            if (masked_entry := entries.get(tag)) is None:
                break
            plain_entry = bytes(
                masked_byte ^ mask_byte for masked_byte, mask_byte in zip(masked_entry, mask, strict=True)
            )
            record = records[position] if (position := int.from_bytes(plain_entry[:2], "big")) < len(records) else b""
            try:
                record_values = parse_json(
                    AESGCM(plain_entry[2:]).decrypt(record[:12], record[12:], salt), label="the record"
                )
            except InvalidTag:
                raise ValueError from None
            is_exact = element.startswith(b"digest")
            disclosed_values = {
                name: to_one_line(str(record_values[name]))[:500]
                for name in partners.DISCLOSABLE_FIELDS
                if name in record_values
            }
            for picture in pictures:
                key = (picture, page_number, position)
                match = matches.get(key, BlindMatch(picture, is_exact=is_exact, bands=0, disclosed_values={}))
                matches[key] = BlindMatch(
                    picture, match.is_exact or is_exact, match.bands + (not is_exact), disclosed_values
                )


def list_works(picture: int) -> list[str]:
    """Return the works that contain a picture, each as ``owner-slug/number``."""
    rows = WorkPicture.objects.filter(picture=picture, work__removed_at=None).order_by("pk")
    return [f"{slug}/{number}" for slug, number in rows.values_list("work__owner__slug", "work__number")]
