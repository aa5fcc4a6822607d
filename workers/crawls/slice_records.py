"""Sightings as the entry of their slice commits to them."""

from evidence.log.proofs import SightingRecord
from registry.models import Sighting as SightingRow


def record_of(one: SightingRow) -> SightingRecord:
    """The record of a sighting as its slice's entry commits to it."""
    return SightingRecord(
        page_url=one.page_url,
        image_url=one.image_url,
        final_url=one.final_url,
        picture=one.picture.digest,
        status=one.status,
        headers=tuple((name, value) for name, value in one.response_headers),
        peer=one.peer,
        seen=one.last_seen,
    )
