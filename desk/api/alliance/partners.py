"""What other installations ask: each request is signed by a partner's log key, for this log and this call, once.

No token opens these operations; `exhibit partner add` does.
"""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest
from pydantic import Field

from desk.api.common import limits
from desk.api.common.auth import Permitted
from desk.api.common.problems import Problem
from desk.api.common.resource import Resource
from desk.schemas import log as schemas, requests
from exhibit.errors import RefusedError
from registry.models import Partner, Scope
from workers.alliance import calls, witnessing
from workers.services import wiring

router = Resource("alliance")
LOG_NAME = "^[!-*,-~]{1,200}$"


class PartnerRequest(requests.Given):
    """Who asks whom for what, and when. The header `Exhibit-Signature` signs the body (docs/protocols.md)."""

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
        "name": calls.SIGNATURE,
        "description": "The partner's signature (Ed25519, hexadecimal), as docs/protocols.md says.",
    }

    def __call__(self, request: HttpRequest) -> Any:  # noqa: ANN401 - not an actor of an owner
        """The partner; raises where it is nobody (403), too often (429), or a second time (409)."""
        call = request.path.rstrip("/").rpartition("/")[2]
        signature, services = request.headers.get(calls.SIGNATURE, ""), wiring.services()
        try:
            return calls.receive(services, request.body, signature, call, lambda ident: limits.count(request, ident))
        except RefusedError as error:
            raise Problem(HTTPStatus.FORBIDDEN, error.message) from error


PARTNER = Signed(Scope.READ)


@router.post("/alliance/heads", PARTNER, keyed=False)
def heads_seen(request: PartnerCall, new: PartnerRequest) -> schemas.Heads:
    """The last heads that were cosigned here, of every log: whoever has others of them compares."""
    return schemas.Heads(heads=witnessing.heads_seen())
