"""Operations that partners call. Each request is signed with the partner's log key and accepted once.

These operations accept no API tokens; the caller must have been added as a partner. Partners request checkpoints,
blinded points, the blind index, and visits to pages.
"""

from http import HTTPStatus
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from desk.api.common import limits
from desk.api.common.auth import ScopeAuth
from desk.api.common.problems import Problem
from desk.schemas import log as schemas, requests
from desk.schemas.base import ResponseBody
from evidence.formats.codec import to_plain
from exhibit.errors import RefusedError
from registry.alliance import cosigning, signed_calls
from registry.alliance.blind_search import MAX_POINTS, build_index_page, evaluate_points
from registry.alliance.cocaptures import visit_for_partner
from registry.models import Partner, Scope
from workers import wiring

router = Router(tags=["alliance"])
LOG_NAME_PATTERN = "^[!-*,-~]{1,200}$"


class PartnerRequest(requests.RequestBody):
    """A signed request.

    The header `Exhibit-Signature` contains a signature of the body (see docs/reference/protocols.md).
    """

    sender: str = Field(
        alias="from", pattern=LOG_NAME_PATTERN, description="Log name of the sender.", examples=["b.example/log"]
    )
    to: str = Field(pattern=LOG_NAME_PATTERN, description="Log name of the recipient.", examples=["a.example/log"])
    call: str = Field(pattern="^[a-z-]{1,40}$", description="Last segment of the request path.", examples=["heads"])
    at: str = Field(
        pattern=r"^[0-9T:.-]{19,26}Z$",
        description="Time of the request (RFC 3339, UTC).",
        examples=["2026-11-25T04:19:00.000Z"],
    )
    nonce: str = Field(
        pattern="^[0-9a-f]{32}$", description="Random value that has not been used before.", examples=["9f" * 16]
    )


class PartnerCall(HttpRequest):
    """A request from a partner."""

    auth: Partner


class PartnerAuth(ScopeAuth):
    """Authenticate partners and apply their rate limit."""

    openapi_security_schema = {
        "type": "apiKey",
        "in": "header",
        "name": signed_calls.SIGNATURE_HEADER,
        "description": "Signature of the partner (Ed25519, hexadecimal); see docs/reference/protocols.md.",
    }

    def __call__(self, request: HttpRequest) -> Any:  # noqa: ANN401 - returns a Partner, not an Actor
        """Return the partner that signed the request.

        Raises:
            Problem: The request is invalid (403), or the partner exceeds its rate limit (429).
            ConflictError: The request was received before (409).
        """
        call = request.path.rstrip("/").rpartition("/")[2]
        signature, services = request.headers.get(signed_calls.SIGNATURE_HEADER, ""), wiring.services()
        try:
            return signed_calls.receive_request(
                services, request.body, signature, call, lambda ident: limits.count_request(request, ident)
            )
        except RefusedError as error:
            raise Problem(HTTPStatus.FORBIDDEN, error.message) from error


PARTNER = PartnerAuth(Scope.READ)


@router.post("/alliance/heads", response=schemas.LogCheckpoints, auth=PARTNER)
def list_cosigned_checkpoints(request: PartnerCall, new: PartnerRequest) -> schemas.LogCheckpoints:
    """List the latest checkpoint of each log that this installation has cosigned, and proofs of forks."""
    forks = [schemas.LogFork(**fork) for fork in cosigning.list_forks()]
    return schemas.LogCheckpoints(heads=cosigning.list_cosigned_checkpoints(), forks=forks)


POINT_PATTERN = "^[0-9a-f]{64}$"


class PointsRequest(PartnerRequest):
    """Blinded points to multiply."""

    points: list[Annotated[str, Field(pattern=POINT_PATTERN)]] = Field(
        min_length=1,
        max_length=MAX_POINTS,
        description="x-coordinates of the blinded points on the curve P-256, in hexadecimal.",
        examples=[["6b" * 32]],
    )


class IndexRequest(PartnerRequest):
    """A request for a page of the blind index."""

    after: requests.StrictInteger = Field(
        ge=0, le=2**62, description="Value of `next` in the previous response; 0 for the first page.", examples=[0]
    )


class Points(ResponseBody):
    """Points multiplied by the key of the agreement."""

    points: list[str] = Field(description="Multiplied points, in the same order as in the request.")
    agreement: int = Field(description="Agreement number.")
    left: int = Field(description="Number of queries that the agreement still allows.")


class IndexPage(ResponseBody):
    """A page of the blind index. Its entries can be found and decrypted only with matching elements."""

    salt: str = Field(description="Salt of this page, in hexadecimal.")
    entries: list[str] = Field(description="Encrypted index entries, in hexadecimal.")
    records: list[str] = Field(description="Encrypted records of pictures, in hexadecimal.")
    next: int | None = Field(description="Value of `after` for the next request; null on the last page.")


@router.post("/alliance/blind-points", response=Points, auth=PARTNER)
def multiply_points(request: PartnerCall, new: PointsRequest) -> Points:
    """Multiply blinded points by the key of the agreement. Each point counts as one query."""
    row, points = evaluate_points(wiring.services(), request.auth, new.points)
    return Points(points=points, agreement=row.pk, left=row.queries - row.used)


@router.post("/alliance/blind-index", response=IndexPage, auth=PARTNER)
def get_blind_index_page(request: PartnerCall, new: IndexRequest) -> IndexPage:
    """Get a page of the blind index of pictures that this installation crawled. Each page counts as one query."""
    return IndexPage(**build_index_page(wiring.services(), request.auth, new.after))


MAX_URL = 4_000
URL_PATTERN = r"https?://[^\x00-\x1f\x7f]*"


class CaptureRequest(PartnerRequest):
    """A page to visit, with a picture that appears on the page."""

    page: str = Field(
        pattern=f"^{URL_PATTERN}$",
        max_length=MAX_URL,
        examples=["https://shop.example/sale"],
        description="URL of the page.",
    )
    picture: str = Field(
        pattern=f"^({URL_PATTERN})?$", max_length=MAX_URL,
            description="URL of the picture; empty if the picture is "
        "embedded in the page.",
        examples=["https://shop.example/sale.jpg"],
    )  # fmt: skip
    challenge: str = Field(
        pattern="^[0-9a-f]{64}$", description="Random value, generated for each capture.", examples=["5c" * 32]
    )


class SealedVisit(ResponseBody):
    """Result of a visit, as a log entry of the visiting installation, with the inclusion proof of the entry."""

    statement: dict[str, Any] = Field(
        description="Content of the log entry; see docs/reference/protocols.md for its fields."
    )
    sequence: int = Field(description="Log entry number.")
    time: str = Field(description="Time at which the log entry was written.")
    salt: str = Field(description="Salt of the commitment in the log entry, in hexadecimal.")
    size: int = Field(description="Number of log entries in the checkpoint.")
    path: list[str] = Field(description="Hashes of the inclusion proof, in hexadecimal.")
    checkpoint: str = Field(description="Checkpoint as a C2SP signed note.")


@router.post("/alliance/capture", response=SealedVisit, auth=PARTNER)
def visit_page_for_partner(request: PartnerCall, new: CaptureRequest) -> SealedVisit:
    """Visit a public page and its picture now. The visit counts towards the partner's daily limit."""
    challenge = bytes.fromhex(new.challenge)
    return SealedVisit(**to_plain(visit_for_partner(wiring.services(), request.auth, new.page, new.picture, challenge)))
