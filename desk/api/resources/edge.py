"""Operations for contributors, which lease picture URLs and return measurements.

Only contributor tokens open these operations, and they open no others.
"""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from desk.api.common import limits
from desk.api.common.auth import BEARER, Permitted
from desk.api.common.problems import unauthorized
from desk.schemas import owners as schemas, requests
from registry.edge import contributors, deliveries
from registry.edge.measurements import SIGNATURE
from registry.models import Contributor, Scope
from workers import wiring

router = Router(tags=["edge"])
Hex = Annotated[str, Field(max_length=30_000, pattern="^([0-9a-f]{2})*$")]
Row = Annotated[requests.Whole, Field(ge=1, le=2**53 - 1)]


class LeaseRequest(requests.RequestBody):
    """A request for work. The public key is stored with the first request and cannot change."""

    public_key: str = Field(
        pattern="^[0-9a-f]{64}$", description="Ed25519 public key, hexadecimal.", examples=["9f" * 32]
    )
    pipeline: str = Field(
        pattern="^[0-9A-Za-z@:., +_-]{1,200}$",
        description="Version of the measurements.",
        examples=["match-1 descriptor@1"],
    )


class EdgeResult(requests.RequestBody):
    """Result for one URL. Without a digest, no picture was fetched."""

    target: Row = Field(examples=[71], description="Number of the URL in the lease.")
    sha256: str = Field("", pattern="^([0-9a-f]{64})?$", description="Digest of the exact bytes.", examples=["9f" * 32])
    hashes: Hex = Field(
        "", description="Hashes of the picture and its parts in all orientations, 32 bytes each, hexadecimal."
    )
    vectors: Hex = Field(
        "", description="Descriptors of the picture and of pictures inside it: float32, little endian, hexadecimal."
    )


class EdgeDelivery(requests.RequestBody):
    """Results of a lease. URLs without a result are leased again."""

    lease: Row = Field(examples=[12], description="Number of the lease.")
    epoch: Row = Field(examples=[1], description="Epoch of the lease.")
    results: list[EdgeResult] = Field(max_length=50)


class Call(HttpRequest):
    """A request of a contributor."""

    auth: Contributor


class Edge(Permitted):
    """Authenticate contributors and apply their rate limit."""

    openapi_security_schema = Permitted.openapi_security_schema | {
        "description": "A contributor's token, created with `POST /operator/contributors`."
    }

    def __call__(self, request: HttpRequest) -> Any:  # noqa: ANN401 - not an actor of an owner
        """The contributor; raises where it is nobody (401), or too often (429)."""
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        row = contributors.find_by_token(secret.strip()) if kind.lower() == BEARER else None
        if row is None:
            raise unauthorized("The token is not a contributor's token, or was revoked.")
        limits.count(request, f"edge:{row.pk}")
        return row


EDGE = Edge(Scope.READ)


@router.post("/edge/leases", response=schemas.EdgeLease, auth=EDGE)
def lease_targets(request: Call, new: LeaseRequest) -> schemas.EdgeLease:
    """Lease URLs to fetch. A lease that is still held is returned again."""
    services = wiring.services()
    lease = deliveries.assign_lease(services, request.auth, bytes.fromhex(new.public_key), new.pipeline)
    if lease is None:
        return schemas.EdgeLease()
    row, urls, seconds = lease
    targets, delay = schemas.EdgeTarget.from_rows(urls), row.crawl.watch.politeness.get("delay", 1.0)
    values = {"lease": row.pk, "epoch": row.epoch, "seconds": seconds, "delay": delay, "targets": targets}
    return schemas.EdgeLease.model_validate(values | {"contact": services.config.contact})


@router.post("/edge/results", response=schemas.AcceptedPictures, auth=EDGE)
def bring_results(request: Call, new: EdgeDelivery) -> schemas.AcceptedPictures:
    """Return the results of a lease, once. The header `Exhibit-Signature` signs the body (docs/reference/edge.md)."""
    signature = request.headers.get(SIGNATURE, "")
    accepted = deliveries.receive_results(wiring.services(), request.auth, new.model_dump(), request.body, signature)
    return schemas.AcceptedPictures(pictures=accepted)
