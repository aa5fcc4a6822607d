"""Operations that partners call. Each request is signed with the partner's log key and accepted once.

API tokens do not work here; a partner must have been added. Partners request checkpoints, blinded points and the
blind index, and visits to pages.
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
from registry.alliance.blind_search import MAX_POINTS, answer_points, index_page
from registry.alliance.cocaptures import visit_for_partner
from registry.models import Partner, Scope
from workers import wiring

router = Router(tags=["alliance"])
LOG_NAME = "^[!-*,-~]{1,200}$"


class PartnerRequest(requests.RequestBody):
    """Sender, recipient, call and time. The header `Exhibit-Signature` signs the body (docs/reference/protocols.md)."""

    sender: str = Field(
        alias="from", pattern=LOG_NAME, description="Log name of the sender.", examples=["b.example/log"]
    )
    to: str = Field(pattern=LOG_NAME, description="Log name of the recipient.", examples=["a.example/log"])
    call: str = Field(pattern="^[a-z-]{1,40}$", description="Last part of the path.", examples=["heads"])
    at: str = Field(
        pattern=r"^[0-9T:.-]{19,26}Z$",
        description="Time of the request, RFC 3339.",
        examples=["2026-11-25T04:19:00.000Z"],
    )
    nonce: str = Field(
        pattern="^[0-9a-f]{32}$", description="Random value that was never used before.", examples=["9f" * 16]
    )


class PartnerCall(HttpRequest):
    """A request of a partner."""

    auth: Partner


class Signed(Permitted):
    """Authenticate partners and apply their rate limit."""

    openapi_security_schema = {
        "type": "apiKey",
        "in": "header",
        "name": signed_calls.SIGNATURE,
        "description": "The partner's signature (Ed25519, hexadecimal); see docs/reference/protocols.md.",
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
    """List the latest cosigned checkpoint of each log, and fork proofs."""
    forks = [schemas.Fork(**fork) for fork in cosigning.list_forks()]
    return schemas.Heads(heads=cosigning.list_cosigned_checkpoints(), forks=forks)


POINT = "^[0-9a-f]{64}$"


class PointsRequest(PartnerRequest):
    """Blinded elements."""

    points: list[Annotated[str, Field(pattern=POINT)]] = Field(
        min_length=1, max_length=MAX_POINTS, description="x coordinates on P-256, hexadecimal.", examples=[["6b" * 32]]
    )


class IndexRequest(PartnerRequest):
    """A page of the blind index."""

    after: requests.Whole = Field(
        ge=0, le=2**62, description="`next` of the previous page; 0 for the first page.", examples=[0]
    )


class Points(Answer):
    """The points in the same order, multiplied by the agreement's key."""

    points: list[str]
    agreement: int = Field(description="Number of the agreement.")
    left: int = Field(description="Queries left in the agreement.")


class IndexPage(Answer):
    """Encrypted entries, which only the matching elements can find and decrypt, and their records."""

    salt: str
    entries: list[str]
    records: list[str]
    next: int | None = Field(description="Value for `after`; null at the end.")


@router.post("/alliance/blind-points", response=Points, auth=PARTNER)
def blind_points(request: PartnerCall, new: PointsRequest) -> Points:
    """Multiply blinded points by the agreement's key. Each point counts as one query."""
    row, points = answer_points(wiring.services(), request.auth, new.points)
    return Points(points=points, agreement=row.pk, left=row.queries - row.used)


@router.post("/alliance/blind-index", response=IndexPage, auth=PARTNER)
def blind_index(request: PartnerCall, new: IndexRequest) -> IndexPage:
    """Get a page of the blind index of pictures seen here. Each page counts as one query."""
    return IndexPage(**index_page(wiring.services(), request.auth, new.after))


MAX_URL = 4_000
URL = r"https?://[^\x00-\x1f\x7f]*"


class CaptureRequest(PartnerRequest):
    """A page and a picture to visit."""

    page: str = Field(
        pattern=f"^{URL}$", max_length=MAX_URL, examples=["https://shop.example/sale"], description="URL of the page."
    )
    picture: str = Field(
        pattern=f"^({URL})?$", max_length=MAX_URL, description="URL of the picture; empty if it is part of the page.",
        examples=["https://shop.example/sale.jpg"],
    )  # fmt: skip
    challenge: str = Field(
        pattern="^[0-9a-f]{64}$", description="Random value, new for each capture.", examples=["5c" * 32]
    )


class Seen(Answer):
    """Result of a visit, as a log entry of the visiting installation with its inclusion proof."""

    statement: dict[str, Any] = Field(
        description="Content of the log entry; docs/reference/protocols.md describes its fields."
    )
    sequence: int
    time: str
    salt: str
    size: int
    path: list[str]
    checkpoint: str


@router.post("/alliance/capture", response=Seen, auth=PARTNER)
def visit_with(request: PartnerCall, new: CaptureRequest) -> Seen:
    """Visit a public page and its picture now. Counts towards the partner's daily visits."""
    challenge = bytes.fromhex(new.challenge)
    return Seen(**to_plain(visit_for_partner(wiring.services(), request.auth, new.page, new.picture, challenge)))
