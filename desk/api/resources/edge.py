"""Operations for contributors, which lease picture URLs and return measurements.

These operations accept only contributor tokens, and contributor tokens work for no other operations.
"""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from desk.api.common import limits
from desk.api.common.auth import BEARER, ScopeAuth
from desk.api.common.problems import build_unauthorized_problem
from desk.schemas import owners as schemas, requests
from registry.edge import contributors, deliveries
from registry.edge.measurements import SIGNATURE
from registry.models import Contributor, Scope
from workers import wiring

router = Router(tags=["contributors"])
Hex = Annotated[str, Field(max_length=30_000, pattern="^([0-9a-f]{2})*$")]
RowNumber = Annotated[requests.StrictInteger, Field(ge=1, le=2**53 - 1)]


class LeaseRequest(requests.RequestBody):
    """A request for URLs to fetch. The public key is stored with the first request and cannot be changed."""

    public_key: str = Field(
        pattern="^[0-9a-f]{64}$", description="Ed25519 public key, in hexadecimal.", examples=["9f" * 32]
    )
    pipeline: str = Field(
        pattern="^[0-9A-Za-z@:., +_-]{1,200}$",
        description="Version of the measurement pipeline.",
        examples=["match-1 descriptor@1"],
    )


class ContributorResult(requests.RequestBody):
    """Result for one URL. If the digest is empty, no picture was fetched."""

    target: RowNumber = Field(examples=[71], description="Number that identifies the URL in the lease.")
    sha256: str = Field(
        "",
        pattern="^([0-9a-f]{64})?$",
        description="SHA-256 digest of the bytes of the picture file, in hexadecimal.",
        examples=["9f" * 32],
    )
    hashes: Hex = Field(
        "", description="Hashes of the picture and its parts in all orientations, 32 bytes each, in hexadecimal."
    )
    vectors: Hex = Field(
        "", description="Descriptors of the picture and of pictures inside it: float32, little-endian, in hexadecimal."
    )


class ContributorDelivery(requests.RequestBody):
    """Results of a lease. URLs without a result are included in a later lease."""

    lease: RowNumber = Field(examples=[12], description="Lease number.")
    epoch: RowNumber = Field(examples=[1], description="Epoch of the lease.")
    results: list[ContributorResult] = Field(max_length=50, description="One result for each URL.")


class Call(HttpRequest):
    """A request from a contributor."""

    auth: Contributor


class ContributorAuth(ScopeAuth):
    """Authenticate contributors and apply their rate limit."""

    openapi_security_schema = ScopeAuth.openapi_security_schema | {
        "description": "Token of a contributor, created with `POST /operator/contributors`."
    }

    def __call__(self, request: HttpRequest) -> Any:  # noqa: ANN401 - returns a Contributor, not an Actor
        """Return the contributor.

        Raises:
            Problem: The token is invalid (401), or the contributor exceeds the rate limit (429).
        """
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        row = contributors.find_contributor_by_token(secret.strip()) if kind.lower() == BEARER else None
        if row is None:
            raise build_unauthorized_problem("The token does not belong to a contributor, or it was revoked.")
        limits.count_request(request, f"edge:{row.pk}")
        return row


EDGE = ContributorAuth(Scope.READ)


@router.post("/edge/leases", response=schemas.ContributorLease, auth=EDGE)
def lease_targets(request: Call, new: LeaseRequest) -> schemas.ContributorLease:
    """Lease URLs to fetch. If the contributor still holds a lease, that lease is returned again."""
    services = wiring.services()
    lease = deliveries.assign_lease(services, request.auth, bytes.fromhex(new.public_key), new.pipeline)
    if lease is None:
        return schemas.ContributorLease()
    row, urls, seconds = lease
    targets, delay = schemas.LeaseTarget.from_rows(urls), row.crawl.watch.politeness.get("delay", 1.0)
    values = {"lease": row.pk, "epoch": row.epoch, "seconds": seconds, "delay": delay, "targets": targets}
    return schemas.ContributorLease.model_validate(values | {"contact": services.config.contact})


@router.post("/edge/results", response=schemas.AcceptedPictures, auth=EDGE)
def deliver_results(request: Call, new: ContributorDelivery) -> schemas.AcceptedPictures:
    """Submit the results of a lease. They can be submitted only once.

    The header `Exhibit-Signature` contains a signature of the body (see docs/reference/edge.md).
    """
    signature = request.headers.get(SIGNATURE, "")
    accepted_count = deliveries.receive_results(
        wiring.services(), request.auth, new.model_dump(), request.body, signature
    )
    return schemas.AcceptedPictures(pictures=accepted_count)
