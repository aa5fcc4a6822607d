"""Places of a case. A place is one picture at one image URL on one page, across all crawls."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from exhibit.periods import get_earliest_time, get_latest_time
from registry.cases.models import Case, CaseSighting
from registry.crawls.models import Sighting
from registry.pictures.models import BytesState


@dataclass(frozen=True, slots=True)
class Place:
    """The sightings of one picture at one image URL on one page, across all crawls, oldest first."""

    rows: tuple[Sighting, ...]

    @property
    def first(self) -> Sighting:
        """The oldest sighting."""
        return self.rows[0]

    @property
    def first_seen(self) -> datetime | None:
        """Time of the first sighting; ``None`` if no time is known."""
        return get_earliest_time(row.first_seen for row in self.rows)

    @property
    def last_seen(self) -> datetime | None:
        """Time of the last sighting; ``None`` if no time is known."""
        return get_latest_time(row.last_seen for row in self.rows)

    @property
    def period(self) -> str:
        """The period that an archive states instead of a time, or an empty string."""
        return self.first.period


def list_case_sightings(case: Case, *, for_sealing: bool) -> list[CaseSighting]:
    """Return the relevant sightings of a case: those without a licence, or all if every sighting has one.

    With ``for_sealing``, sightings matched by fingerprints only are left out, because verifiers of a bundle repeat the
    comparison.
    """
    rows = case.case_sightings.select_related(
        "match__registered",
        "match__found",
        "sighting__picture",
        "sighting__slice__submission",
        "sighting__crawl__watch",
    ).order_by("sighting__first_seen", "sighting__page_key", "sighting__image_key", "match_id")
    if for_sealing:
        rows = rows.exclude(match__registered__bytes_state=BytesState.NEVER)
    unlicensed_rows = [row for row in rows if row.licence_id is None]
    return unlicensed_rows or list(rows)


def get_grouping_key(sighting: Sighting) -> tuple[bytes, bytes, int, str | None]:
    """Return the key that groups sightings into places: page, image, picture, and the period if no time is known."""
    period = None if sighting.last_seen is not None else sighting.period
    return bytes(sighting.page_key), bytes(sighting.image_key), sighting.picture_id, period


def group_by_place(rows: Sequence[CaseSighting]) -> list[Place]:
    """Group a case's sightings into places by page, image and picture, across all crawls, in the order of the rows.

    Sightings without a time (from archives that state only a period) form separate places.
    """
    sightings_by_place: dict[tuple[object, ...], dict[int, Sighting]] = {}
    for sighting in (row.sighting for row in rows):
        sightings_by_place.setdefault(get_grouping_key(sighting), {})[sighting.pk] = sighting
    return [
        Place(tuple(sorted(group.values(), key=lambda row: (row.last_seen or row.crawl.started_at, row.pk))))
        for group in sightings_by_place.values()
    ]


def get_archive_query_key(sighting: Sighting) -> tuple[bytes, bytes, int]:
    """Return the key of an archive query: page, image and picture. A URL may show another picture later."""
    return bytes(sighting.page_key), bytes(sighting.image_key), sighting.picture_id
