"""The reply page of a notice: its cases, their images and pages, and later visits.

It shows only the content of the letter and later observations of the same pages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from exhibit.errors import NotFoundError
from indexer.draw.draw import View
from registry.bundles.drawings import load_drawing
from registry.cases import recaptures
from registry.cases.models import Capture, CaseSighting
from registry.cases.recaptures import PlaceState
from registry.db.claimable import UNFINISHED
from registry.notices.contents import MAX_PICTURES, CasePage, build_items
from registry.notices.models import Notice, NoticeReply
from registry.pictures import scoped
from registry.pictures.models import BytesState
from registry.services.services import Services

MAX_SIDE = 1000
"""Longer side of the side-by-side images in pixels: large enough to recognise, too small to use as originals."""


@dataclass(frozen=True, slots=True)
class ListedPage:
    """A page that the letter lists."""

    page: str
    first_seen: datetime | None
    last_seen: datetime | None
    standing: PlaceState | None  # Outcome of the last visit; None if there was none.
    visited: datetime | None
    has_pending_visit: bool  # True if another visit is pending.

    def was_rechecked_since(self, since: datetime) -> bool:
        """Return True if the last visit was after ``since``, or an earlier visit found the image removed."""
        return self.visited is not None and (self.visited >= since or self.standing is PlaceState.REMOVED)


@dataclass(frozen=True, slots=True)
class ReplyPageCase:
    """A case of a notice on its reply page."""

    case: int  # Case number.
    title: str
    author: str
    has_pictures: bool  # True if both images can be shown.
    places: tuple[ListedPage, ...]


def load_reply_page_cases(notice: Notice) -> list[ReplyPageCase]:
    """Return the cases of a signed notice with the pages listed in its letter, except pages licensed since then."""
    items = build_items(notice)
    visits = Capture.objects.filter(case__notice_cases__notice=notice, state__in=UNFINISHED)
    pending_visits = {
        (case, bytes(page), bytes(image))
        for case, page, image in visits.filter(case__decision__in=recaptures.REVISITED_DECISIONS).values_list(
            "case", "page_key", "image_key"
        )
    }
    cases_with_pictures = set(_list_shown_matches(notice).values_list("case__number", flat=True)[:MAX_PICTURES])
    return [
        ReplyPageCase(
            item.row.case.number,
            item.row.case.work.title,
            item.row.case.work.author,
            item.row.case.number in cases_with_pictures,
            tuple(
                _to_listed_page(
                    place, is_pending=(item.row.case_id, *recaptures.get_place_key(place.sighting)) in pending_visits
                )
                for place in item.places
                if place.licence is None and _list_keys(place) in item.row.places
            ),
        )
        for item in items
    ]


def _to_listed_page(place: CasePage, *, is_pending: bool) -> ListedPage:
    sighting = place.sighting
    return ListedPage(sighting.page_url, place.first_seen, place.last_seen, place.standing, place.visited, is_pending)


def _list_keys(place: CasePage) -> list[str]:
    return [key.hex() for key in recaptures.get_place_key(place.sighting)]


def draw_pictures(services: Services, notice: Notice, case: int) -> bytes:
    """Return both images of a case side by side, reduced, as JPEG.

    Raises:
        NotFoundError: The case is not in the notice, or its images may not be shown.
        UnreadablePictureError: An image cannot be decoded.
    """
    row = _list_shown_matches(notice).filter(case__number=case).first()
    if row is None:
        raise NotFoundError(f"The pictures of case {case} are not shown.")
    return load_drawing(services, row.match, View.SIDE_BY_SIDE, MAX_SIDE)


def _list_shown_matches(notice: Notice) -> QuerySet[CaseSighting]:
    """Return the match of each case that the letter shows, if its images are stored and not reported as illegal."""
    uses = notice.notice_cases.values("shown")
    rows = CaseSighting.objects.filter(pk__in=uses, licence=None, match__found__bytes_state=BytesState.STORED)
    rows = rows.exclude(scoped.build_hidden_filter(notice.owner, "match__found__"))
    rows = rows.exclude(scoped.build_hidden_filter(notice.owner, "match__registered__"))
    return rows.order_by("case__number").select_related("match__registered", "match__found")


def list_rechecked_pages(reply: NoticeReply, cases: Sequence[ReplyPageCase]) -> list[ListedPage]:
    """Return the pages that were visited after a takedown reply, or have a pending visit."""
    return [
        place
        for case in cases
        for place in case.places
        if place.was_rechecked_since(reply.at) or place.has_pending_visit
    ]
