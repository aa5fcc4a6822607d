"""What partners ask under an agreement: blinded points, and the index that opens with what comes back."""

from typing import Annotated

from pydantic import Field

from desk.api.alliance.partners import PARTNER, PartnerCall, PartnerRequest
from desk.api.common.resource import Resource
from desk.schemas.base import Answer
from workers.alliance.blind import MAX_POINTS, answer_points, index_page
from workers.services import wiring

router = Resource("alliance")
POINT = "^[0-9a-f]{64}$"


class PointsRequest(PartnerRequest):
    """Blinded elements."""

    points: list[Annotated[str, Field(pattern=POINT)]] = Field(
        min_length=1, max_length=MAX_POINTS, description="x coordinates on P-256, hexadecimal.", examples=[["6b" * 32]]
    )


class IndexRequest(PartnerRequest):
    """The page of the index that follows."""

    after: int = Field(ge=0, le=2**62, description="The `next` of the page before; 0 at first.", examples=[0])


class Points(Answer):
    """The same points, in order, times the agreement's key."""

    points: list[str]
    agreement: int
    left: int = Field(description="Queries that the agreement still allows.")


class IndexPage(Answer):
    """Entries that only the outputs of their elements find and uncover, and the records they open."""

    salt: str
    entries: list[str]
    records: list[str]
    next: int | None


@router.post("/alliance/blind-points", PARTNER, keyed=False)
def blind_points(request: PartnerCall, new: PointsRequest) -> Points:
    """Multiply blinded points by the agreement's key; each counts as a query."""
    row, points = answer_points(wiring.services(), request.auth, new.points)
    return Points(points=points, agreement=row.pk, left=row.queries - row.used)


@router.post("/alliance/blind-index", PARTNER, keyed=False)
def blind_index(request: PartnerCall, new: IndexRequest) -> IndexPage:
    """A page of the index of pictures seen here; it counts as a query."""
    return IndexPage(**index_page(wiring.services(), request.auth, new.after))
