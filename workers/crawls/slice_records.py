"""Sightings as the entry of their slice commits to them."""

from evidence.log.proofs import SightingRecord
from registry.models import Sighting as SightingRow


def record_of(sighting: SightingRow) -> SightingRecord:
    """The record of a sighting as its slice's entry commits to it."""
    return SightingRecord(
        page_url=sighting.page_url,
        image_url=sighting.image_url,
        final_url=sighting.final_url,
        picture=sighting.picture.digest,
        status=sighting.status,
        headers=tuple((name, value) for name, value in sighting.response_headers),
        peer=sighting.peer,
        certificate=sighting.certificate,
        seen=sighting.last_seen,
    )
