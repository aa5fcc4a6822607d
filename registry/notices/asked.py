"""What the addressee of a notice is shown on its page: its cases, their pictures and places, and visits since.

Nothing but what its letter says or shows, and what was seen at the same places later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from exhibit.errors import NotFoundError
from indexer.draw.draw import View
from registry.bundles.drawings import kept_drawing
from registry.cases import recaptures
from registry.cases.models import Capture, CaseSighting
from registry.cases.recaptures import Standing
from registry.db.claimable import UNFINISHED
from registry.notices.contents import MAX_PICTURES, CasePlace, items_of
from registry.notices.models import Notice, NoticeReply
from registry.pictures import scoped
from registry.pictures.models import BytesState
from registry.services.services import Services

SIDE = 1000
"""Pixels on the longer side of the two pictures beside each other: to be recognised, and no use as originals."""


@dataclass(frozen=True, slots=True)
class AskedPlace:
    """A place that the letter is about."""

    page: str
    first_seen: datetime | None
    last_seen: datetime | None
    standing: Standing | None  # as the last visit found it; ``None`` before the first
    visited: datetime | None
    waits: bool  # whether another visit has been asked for and hasn't ended

    def seen_since(self, at: datetime) -> bool:
        """Whether a visit after a moment says how it stands, or one before has found it removed already."""
        return self.visited is not None and (self.visited >= at or self.standing is Standing.REMOVED)


@dataclass(frozen=True, slots=True)
class Asked:
    """A case of a notice, as its page shows it."""

    case: int  # its number
    title: str
    author: str
    drawn: bool  # whether both pictures can be shown
    places: tuple[AskedPlace, ...]


def asked(notice: Notice) -> list[Asked]:
    """The cases of a signed notice with the places that its letter names, those that are licensed by now left out."""
    items = items_of(notice)
    visits = Capture.objects.filter(case__notice_cases__notice=notice, state__in=UNFINISHED)
    waiting = {
        (case, bytes(page), bytes(image))
        for case, page, image in visits.filter(case__decision__in=recaptures.FOLLOWED).values_list(
            "case", "page_key", "image_key"
        )
    }
    drawn = set(_shown(notice).values_list("case__number", flat=True)[:MAX_PICTURES])
    return [
        Asked(
            item.row.case.number,
            item.row.case.work.title,
            item.row.case.work.author,
            item.row.case.number in drawn,
            tuple(
                _place(place, waits=(item.row.case_id, *recaptures.place_of(place.seen)) in waiting)
                for place in item.places
                if place.licence is None and _key(place) in item.row.places
            ),
        )
        for item in items
    ]


def _place(place: CasePlace, *, waits: bool) -> AskedPlace:
    seen = place.seen
    return AskedPlace(seen.page_url, place.first_seen, place.last_seen, place.standing, place.visited, waits)


def _key(place: CasePlace) -> list[str]:
    return [key.hex() for key in recaptures.place_of(place.seen)]


def pictures(services: Services, notice: Notice, case: int) -> bytes:
    """Both pictures of a case beside each other, small, as a JPEG.

    Raises ``NotFoundError`` for a case that isn't in the notice, or whose pictures aren't shown (any more), and
    ``UnreadablePictureError``.
    """
    row = _shown(notice).filter(case__number=case).first()
    if row is None:
        raise NotFoundError(f"The pictures of case {case} aren't shown.")
    return kept_drawing(services, row.match, View.SIDE_BY_SIDE, SIDE)


def _shown(notice: Notice) -> QuerySet[CaseSighting]:
    """The use of each case that its letter shows, whose pictures are here and not reported as illegal."""
    uses = notice.notice_cases.values("shown")
    rows = CaseSighting.objects.filter(pk__in=uses, licence=None, match__found__bytes_state=BytesState.STORED)
    rows = rows.exclude(scoped.is_hidden(notice.owner, "match__found__"))
    rows = rows.exclude(scoped.is_hidden(notice.owner, "match__registered__"))
    return rows.order_by("case__number").select_related("match__registered", "match__found")


def looked_at(reply: NoticeReply, cases: Sequence[Asked]) -> list[AskedPlace]:
    """The places of which a visit says how they stand since a reply that they were cleared, or which wait for one."""
    return [place for case in cases for place in case.places if place.seen_since(reply.at) or place.waits]
