"""Places of a case: one picture at one image URL on one page, over all crawls."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from exhibit.periods import earliest, latest
from registry.cases.models import Case, CaseSighting
from registry.crawls.models import Sighting
from registry.pictures.models import BytesState


@dataclass(frozen=True, slots=True)
class Place:
    """The sightings of one picture at one image URL on one page, over all crawls, oldest first."""

    rows: tuple[Sighting, ...]

    @property
    def first(self) -> Sighting:
        """The first of them."""
        return self.rows[0]

    @property
    def first_seen(self) -> datetime | None:
        """When it was seen there first; ``None`` where no moment is known."""
        return earliest(row.first_seen for row in self.rows)

    @property
    def last_seen(self) -> datetime | None:
        """When it was seen there last; ``None`` where no moment is known."""
        return latest(row.last_seen for row in self.rows)

    @property
    def period(self) -> str:
        """The period that an archive states in place of a moment, or empty."""
        return self.first.period


def rows_of(case: Case, *, sealed: bool) -> list[CaseSighting]:
    """What the case is about: its sightings without a licence, or all when each has one.

    What only fingerprints name isn't sealed: whoever checks a bundle compares the pictures again.
    """
    every = case.case_sightings.select_related(
        "match__registered",
        "match__found",
        "sighting__picture",
        "sighting__slice__submission",
        "sighting__crawl__watch",
    ).order_by("sighting__first_seen", "sighting__page_key", "sighting__image_key", "match_id")
    if sealed:
        every = every.exclude(match__registered__bytes_state=BytesState.NEVER)
    unlicensed = [row for row in every if row.licence_id is None]
    return unlicensed or list(every)


def place_key(sighting: Sighting) -> tuple[bytes, bytes, int, str | None]:
    """What the sightings of one place have in common: page, image, picture, and the period where no moment is known."""
    without = None if sighting.last_seen is not None else sighting.period
    return bytes(sighting.page_key), bytes(sighting.image_key), sighting.picture_id, without


def places_of(rows: Sequence[CaseSighting]) -> list[Place]:
    """The different places of a case, in the order of the rows: page, image and picture, over all crawls.

    What an archive states without a moment stands apart: it is neither the first nor the last sighting.
    """
    grouped: dict[tuple[object, ...], dict[int, Sighting]] = {}
    for sighting in (row.sighting for row in rows):
        grouped.setdefault(place_key(sighting), {})[sighting.pk] = sighting
    return [
        Place(tuple(sorted(group.values(), key=lambda row: (row.last_seen or row.crawl.started_at, row.pk))))
        for group in grouped.values()
    ]


def asked_place(sighting: Sighting) -> tuple[bytes, bytes, int]:
    """What an archive is asked about once: an address may show another picture later, and the answer is about one."""
    return bytes(sighting.page_key), bytes(sighting.image_key), sighting.picture_id
