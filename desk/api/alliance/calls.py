"""What other installations ask: each request is signed by a partner's log key, for this log and this call, once.

No token opens these operations; adding a partner does. Partners ask for heads of logs, for blinded points and the
index that opens with what comes back, and to visit a page as well and seal what is seen.
"""

from http import HTTPStatus
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from desk.api.common import limits
from desk.api.common.auth import Permitted
from desk.api.common.problems import Problem
from desk.schemas import log as schemas, requests
from desk.schemas.base import Answer
from evidence.formats.codec import to_plain
from exhibit.errors import RefusedError
from registry.alliance import cosigning, signed_calls
from registry.alliance.blind import MAX_POINTS, answer_points, index_page
from registry.alliance.cocaptures import visit_for
from registry.models import Partner, Scope
from workers import wiring

router = Router(tags=["alliance"])
LOG_NAME = "^[!-*,-~]{1,200}$"


class PartnerRequest(requests.Given):
    """Who asks whom for what, and when. The header `Exhibit-Signature` signs the body (docs/reference/protocols.md)."""

    sender: str = Field(alias="from", pattern=LOG_NAME, description="The log of who asks.", examples=["b.example/log"])
    to: str = Field(pattern=LOG_NAME, description="The log of who is asked.", examples=["a.example/log"])
    call: str = Field(pattern="^[a-z-]{1,40}$", description="The end of the address.", examples=["heads"])
    at: str = Field(pattern=r"^[0-9T:.-]{19,26}Z$", description="RFC 3339.", examples=["2026-11-25T04:19:00.000Z"])
    nonce: str = Field(pattern="^[0-9a-f]{32}$", description="Never used before.", examples=["9f" * 16])


class PartnerCall(HttpRequest):
    """A request of a partner."""

    auth: Partner


class Signed(Permitted):
    """Lets partners in, as often as the limit allows."""

    openapi_security_schema = {
        "type": "apiKey",
        "in": "header",
        "name": signed_calls.SIGNATURE,
        "description": "The partner's signature (Ed25519, hexadecimal), as docs/reference/protocols.md says.",
    }

    def __call__(self, request: HttpRequest) -> Any:  # noqa: ANN401 - not an actor of an owner
        """The partner; raises where it is nobody (403), too often (429), or a second time (409)."""
        call = request.path.rstrip("/").rpartition("/")[2]
        signature, services = request.headers.get(signed_calls.SIGNATURE, ""), wiring.services()
        try:
            return signed_calls.receive(
                services, request.body, signature, call, lambda ident: limits.count(request, ident)
            )
        except RefusedError as error:
            raise Problem(HTTPStatus.FORBIDDEN, error.message) from error


PARTNER = Signed(Scope.READ)


@router.post("/alliance/heads", response=schemas.Heads, auth=PARTNER)
def heads_seen(request: PartnerCall, new: PartnerRequest) -> schemas.Heads:
    """The last heads that were cosigned here, of every log, and the proofs of forks: whoever has others compares."""
    forks = [schemas.Fork(**fork) for fork in cosigning.forks_known()]
    return schemas.Heads(heads=cosigning.heads_seen(), forks=forks)


POINT = "^[0-9a-f]{64}$"


class PointsRequest(PartnerRequest):
    """Blinded elements."""

    points: list[Annotated[str, Field(pattern=POINT)]] = Field(
        min_length=1, max_length=MAX_POINTS, description="x coordinates on P-256, hexadecimal.", examples=[["6b" * 32]]
    )


class IndexRequest(PartnerRequest):
    """The page of the index that follows."""

    after: requests.Whole = Field(
        ge=0, le=2**62, description="The `next` of the page before; 0 at first.", examples=[0]
    )


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


@router.post("/alliance/blind-points", response=Points, auth=PARTNER)
def blind_points(request: PartnerCall, new: PointsRequest) -> Points:
    """Multiply blinded points by the agreement's key; each counts as a query."""
    row, points = answer_points(wiring.services(), request.auth, new.points)
    return Points(points=points, agreement=row.pk, left=row.queries - row.used)


@router.post("/alliance/blind-index", response=IndexPage, auth=PARTNER)
def blind_index(request: PartnerCall, new: IndexRequest) -> IndexPage:
    """A page of the index of pictures seen here; it counts as a query."""
    return IndexPage(**index_page(wiring.services(), request.auth, new.after))


MAX_URL = 4_000
URL = r"https?://[^\x00-\x1f\x7f]*"


class CaptureRequest(PartnerRequest):
    """What is to be visited."""

    page: str = Field(pattern=f"^{URL}$", max_length=MAX_URL, examples=["https://shop.example/sale"])
    picture: str = Field(
        pattern=f"^({URL})?$", max_length=MAX_URL, description="Empty where it lies inside the page.",
        examples=["https://shop.example/sale.jpg"],
    )  # fmt: skip
    challenge: str = Field(pattern="^[0-9a-f]{64}$", description="Random, new for each capture.", examples=["5c" * 32])


class Seen(Answer):
    """What was seen, as an entry of the log of whoever visited, with its place in a signed head."""

    statement: dict[str, Any] = Field(description="The entry's opening: its fields are in docs/reference/protocols.md.")
    sequence: int
    time: str
    salt: str
    size: int
    path: list[str]
    checkpoint: str


@router.post("/alliance/capture", response=Seen, auth=PARTNER)
def visit_with(request: PartnerCall, new: CaptureRequest) -> Seen:
    """Visit a public page and its picture now; each counts among the partner's visits of the day."""
    challenge = bytes.fromhex(new.challenge)
    return Seen(**to_plain(visit_for(wiring.services(), request.auth, new.page, new.picture, challenge)))
