"""The operator's maintenance: failed jobs, networks, calibrations, deny lists and purges."""

import json
from dataclasses import asdict
from pathlib import Path as FilePath
from typing import Annotated, Any

from django.http.response import HttpResponseBase
from ninja import Path, Query, Router
from pydantic import Field

from desk.api.common.auth import OPERATOR, Call
from desk.api.common.files import download
from desk.api.common.openapi import file_of
from desk.schemas import requests
from desk.schemas.base import Answer, Hex, Moment
from evidence.keys.ed25519 import FileSigner
from exhibit.comparison.calibration import Calibration
from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from exhibit.network.addresses import host_of
from indexer.calibration import recall
from indexer.picture.spaces import PIPELINE
from registry.crawls import denylists
from registry.fingerprints import networks, shared_models
from registry.log.local_log import get_author_signer
from registry.matches import calibrations
from registry.models import BlockedDigest, HostDenial
from registry.retention import picture_reports, purge
from workers import wiring
from workers.operations import backlog

router = Router(tags=["operator"], auth=OPERATOR)
Step = Annotated[str, Path(pattern="^[a-z_-]{1,60}$", description="Name of the step, as listed.")]
Network = Annotated[str, Path(max_length=120, pattern=requests.IN_LINE_SOMETHING, description="NAME or NAME@VERSION.")]
Host = Annotated[str, Path(max_length=253, pattern=requests.DOMAIN, description="Host name.")]
Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 digest of the file, hexadecimal.")]
Text = Annotated[str, Query(max_length=1_000, pattern=requests.IN_LINE)]
KeyFile = Annotated[
    str,
    Query(
        max_length=1_000,
        pattern=requests.IN_LINE,
        description="PEM file with the author's private key; by default this installation's key.",
    ),
]


class Failure(Answer):
    """Jobs of one step that failed for the same reason."""

    step: str = Field(description="Name of the step.")
    error: str
    count: int
    since: Moment = Field(description="Time of the first failure.")
    dismissed: bool = Field(description="Whether the failure is no longer reported.")


class Failures(Answer):
    """Failed jobs, by step and reason."""

    items: list[Failure]


class ChangedRows(Answer):
    """Number of changed rows."""

    rows: int = Field(description="Number of changed rows.")


class Model(Answer):
    """A network that computes descriptors of pictures."""

    name: str
    version: str
    state: str = Field(description="`serving` (in use), `building`, `failed`, `measured`, `shipped` or `added`.")
    width: int = Field(description="Components of a descriptor.")
    size: int = Field(description="Size of the file in bytes.")
    licence: str
    source: str
    described: int = Field(description="Pictures that have descriptors.")
    waiting: int = Field(description="Pictures that are waiting for descriptors.")
    beyond_reach: int = Field(description="Pictures whose files are no longer stored.")
    failed: int = Field(description="Pictures for which the network failed.")
    error: str
    measured_at: Moment | None
    recall: dict[str, Any] | None = Field(description="Measured recall; null if it was not measured.")
    author: str
    key: str
    terms: str
    price: str
    compared: dict[str, Any] | None = Field(description="Recall claimed by the card, and as measured here.")

    @staticmethod
    def resolve_recall(row: networks.ModelState) -> dict[str, Any] | None:
        """What was measured, as plain data."""
        return None if row.recall is None else asdict(row.recall)

    @staticmethod
    def resolve_compared(row: networks.ModelState) -> dict[str, Any] | None:
        """What the card claims beside what was measured, as plain data."""
        return None if row.compared is None else asdict(row.compared)


class Models(Answer):
    """Networks that compute descriptors of pictures."""

    items: list[Model]


class ModelUse(requests.RequestBody):
    """Options for using a network."""

    force: requests.Flag = Field(
        default=False, description="Use the network even if its measured recall is below the claim of its card."
    )


class Measurement(requests.RequestBody):
    """Settings of a measurement."""

    photos: str = Field(
        "",
        max_length=1_000,
        pattern=requests.IN_LINE,
        description="Folder of photographs on this machine; by default the registered works.",
    )
    works: Annotated[requests.Whole, Field(ge=4, le=500)] = Field(60, description="Number of searches.")


class Measured(Answer):
    """Recall of a network and of the one in use."""

    name: str
    recall: dict[str, Any] = Field(description="Recall of the measured network.")
    serving: str = Field(description="Network in use.")
    beside: dict[str, Any] = Field(description="Recall of the network in use.")


class Calibrations(Answer):
    """Calibrations, and the one that new matches use."""

    in_use: str | None = Field(description="Digest of the calibration in use; null if none fits the network in use.")
    items: list[dict[str, Any]]


class DeniedHost(Answer):
    """A host that Exhibit never visits."""

    host: str
    since: Moment = Field(alias="created_at")
    reason: str


class DeniedHosts(Answer):
    """Hosts that Exhibit never visits."""

    items: list[DeniedHost]


class BlockedFile(Answer):
    """A digest that Exhibit never stores."""

    digest: Hex
    since: Moment = Field(alias="created_at")
    reason: str


class BlockedFiles(Answer):
    """Digests that Exhibit never stores."""

    items: list[BlockedFile]


class AffectedFile(Answer):
    """A file that is affected when a picture is purged."""

    digest: Hex
    owner: str
    what: str = Field(description="Type of record to which the file belongs.")
    kept: bool = Field(description="Whether the file is withheld from view instead of removed.")


class AffectedFiles(Answer):
    """Files that are affected when a picture is purged."""

    items: list[AffectedFile]


class PurgeResult(Answer):
    """Result of a purge."""

    removed: bool = Field(description="Whether a file was stored here.")


@router.get("/operator/failures", response=Failures)
def list_failures(request: Call) -> Failures:
    """List failed jobs, by step and reason."""
    return Failures(items=Failure.from_rows(backlog.failures()))


@router.post("/operator/failures/{step}/retry", response=ChangedRows)
def retry_failures(request: Call, step: Step) -> ChangedRows:
    """Retry all failed jobs of a step."""
    return ChangedRows(rows=backlog.try_again(wiring.services().enqueue, step))


@router.post("/operator/failures/{step}/dismiss", response=ChangedRows)
def dismiss_failures(request: Call, step: Step) -> ChangedRows:
    """Dismiss the failed jobs of a step: they are not reported until they are retried."""
    return ChangedRows(rows=backlog.dismiss(step, by=request.auth.by))


@router.get("/operator/models", response=Models)
def list_models(request: Call) -> Models:
    """List the networks that compute descriptors, with their state and measurements."""
    return Models(items=Model.from_rows(networks.model_states(wiring.services())))


@router.post("/operator/models/{name}/measure", response=Measured)
def measure_model(request: Call, name: Network, new: Measurement) -> Measured:
    """Measure a network and the one in use. This takes minutes and needs at least 20 photographs."""
    networks.get_model(wiring.services(), name)
    photos = FilePath(new.photos) if new.photos else None
    measurement = networks.measure_model(wiring.services(), name, photos, new.works, lambda _done, _total: None)
    plain = recall.as_dict(measurement.recall), recall.as_dict(measurement.beside)
    return Measured(name=measurement.name, recall=plain[0], serving=measurement.serving, beside=plain[1])


@router.post("/operator/models/{name}/use", response=Model)
def use_model(request: Call, name: Network, new: ModelUse) -> Model:
    """Switch to a measured network once it has processed all pictures. Name the one in use to cancel a switch."""
    row = networks.use_model(wiring.services(), name, anyway=new.force, by=request.auth.by)
    states = networks.model_states(wiring.services())
    return Model.from_row(
        next(
            model_state for model_state in states if (model_state.name, model_state.version) == (row.name, row.version)
        )
    )


@router.delete("/operator/models/{name}", response={204: None})
def delete_model(request: Call, name: Network) -> None:
    """Delete a network that is not in use, with all its descriptors."""
    networks.drop_model(wiring.services(), name, by=request.auth.by)


@router.get("/operator/models/{name}/file", openapi_extra=file_of("application/zip"))
def export_model(
    request: Call, name: Network, author: Text = "", terms: Text = "", price: Text = "", key: KeyFile = ""
) -> HttpResponseBase:
    """Download a measured network with its signed card, for `exhibit model add` elsewhere.

    Without `key`, the card is signed with this installation's author key, which is created if it is missing.
    """
    signer = FileSigner(FilePath(key)) if key else get_author_signer(wiring.services())
    row, chunks = shared_models.export_model(wiring.services(), name, author, terms, price, signer, by=request.auth.by)
    return download(b"".join(chunks), f"{row.name}-{row.version}.zip", "application/zip")


@router.get("/operator/calibrations", response=Calibrations)
def list_calibrations(request: Call) -> Calibrations:
    """List all calibrations."""
    active = calibrations.get_active(PIPELINE)
    rows = [(row.shipped, Calibration.from_json(row.content.encode())) for row in calibrations.list_calibrations()]
    items = [
        {**json.loads(calibration.to_json()), "digest": calibration.digest.hex, "shipped": shipped}
        for shipped, calibration in rows
    ]
    return Calibrations(in_use=None if active is None else active.digest.hex, items=items)


@router.post("/operator/calibrations/reset", response=Calibrations)
def reset_calibrations(request: Call) -> Calibrations:
    """Reset new matches to the calibration that Exhibit includes."""
    calibrations.activate_shipped(by=request.auth.by)
    return list_calibrations(request)


@router.get("/operator/denied-hosts", response=DeniedHosts)
def list_denied_hosts(request: Call) -> DeniedHosts:
    """List the hosts that Exhibit never visits."""
    return DeniedHosts(items=DeniedHost.from_rows(HostDenial.objects.order_by("host")))


@router.put("/operator/denied-hosts/{host}", response={204: None})
def deny_host(request: Call, host: Host, new: requests.Reason) -> None:
    """Add a host to the deny list, including its subdomains."""
    name = host_of(f"http://{host}/")
    if not name:
        raise WrongUseError(f"{host!r} is not a host.", hint="Write shop.example.")
    denylists.deny(name, by=request.auth.by, reason=new.reason)


@router.delete("/operator/denied-hosts/{host}", response={204: None})
def allow_host(request: Call, host: Host) -> None:
    """Remove a host from the deny list."""
    denylists.allow(host_of(f"http://{host}/") or host, by=request.auth.by)


@router.get("/operator/blocked-bytes", response=BlockedFiles)
def list_blocked_bytes(request: Call) -> BlockedFiles:
    """List the digests that Exhibit never stores."""
    return BlockedFiles(items=BlockedFile.from_rows(BlockedDigest.objects.order_by("created_at")))


@router.put("/operator/blocked-bytes/{digest}", response={204: None})
def block_bytes(request: Call, digest: Sha256, new: requests.Reason) -> None:
    """Block a digest: matching files are never stored again. Stored files remain; purge them instead."""
    denylists.block(Digest.from_hex(digest), by=request.auth.by, reason=new.reason)


@router.post("/operator/pictures/{digest}/keep", response=ChangedRows)
def dismiss_picture_reports(request: Call, digest: Sha256, new: requests.Reason) -> ChangedRows:
    """Dismiss reports of a picture as illegal content. The owners who reported it can see it again."""
    return ChangedRows(
        rows=picture_reports.dismiss_reports(Digest.from_hex(digest), by=request.auth.by, reason=new.reason)
    )


@router.get("/operator/pictures/{digest}/files", response=AffectedFiles)
def list_files_of_picture(request: Call, digest: Sha256) -> AffectedFiles:
    """List the files that are removed or withheld when a picture is purged."""
    return AffectedFiles(
        items=AffectedFile.from_rows(purge.find_affected_files(wiring.services(), Digest.from_hex(digest)))
    )


@router.post("/operator/pictures/{digest}/purge", response=PurgeResult)
def purge_picture(request: Call, digest: Sha256, new: requests.Reason) -> PurgeResult:
    """Delete a picture's files everywhere, permanently, and block its digest. The digest remains in the log."""
    picture_digest = Digest.from_hex(digest)
    return PurgeResult(removed=purge.purge(wiring.services(), picture_digest, by=request.auth.by, reason=new.reason))
