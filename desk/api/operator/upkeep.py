"""The operator's maintenance: failed jobs, models, calibrations, deny lists and purges."""

import json
from dataclasses import asdict
from pathlib import Path as FilePath
from typing import Annotated, Any

from django.http.response import HttpResponseBase
from ninja import Path, Query, Router
from pydantic import Field

from desk.api.common.auth import OPERATOR, Call
from desk.api.common.files import build_download_response
from desk.api.common.openapi import describe_file_response
from desk.schemas import requests
from desk.schemas.base import Hex, ResponseBody, UtcTime
from evidence.keys.ed25519 import FileSigner
from exhibit.comparison.calibration import Calibration
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from exhibit.network.addresses import get_url_host
from indexer.calibration import recall
from indexer.picture.spaces import PIPELINE
from registry.crawls import denylists
from registry.fingerprints import descriptor_models, shared_models
from registry.log.local_log import get_author_signer
from registry.matches import calibrations
from registry.models import BlockedDigest, HostDenial
from registry.retention import picture_reports, purge
from workers import wiring
from workers.operations import backlog

router = Router(tags=["operator"], auth=OPERATOR)
Step = Annotated[
    str,
    Path(pattern="^[a-z_-]{1,60}$", description="Name of the processing step, as listed by `GET /operator/failures`."),
]
ModelName = Annotated[
    str,
    Path(
        max_length=120,
        pattern=requests.NONEMPTY_LINE_PATTERN,
        description="Name of the model, as NAME or NAME@VERSION.",
    ),
]
Host = Annotated[str, Path(max_length=253, pattern=requests.DOMAIN_PATTERN, description="Host name.")]
Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 digest of the file, in hexadecimal.")]
TextParameter = Annotated[
    str, Query(description="Text for this field of the model card.", max_length=1_000, pattern=requests.LINE_PATTERN)
]
KeyFile = Annotated[
    str,
    Query(
        max_length=1_000,
        pattern=requests.LINE_PATTERN,
        description="Path of a PEM file with the author's private key; by default, the author key of this "
        "installation is used.",
    ),
]


class Failure(ResponseBody):
    """Jobs of one processing step that failed for the same reason."""

    step: str = Field(description="Name of the processing step.")
    error: str = Field(description="Reason for the failure.")
    count: int = Field(description="Number of failed jobs.")
    since: UtcTime = Field(description="Time of the first failure.")
    dismissed: bool = Field(description="Whether the failure was dismissed and is no longer reported.")


class Failures(ResponseBody):
    """A list of failed jobs by processing step and reason."""

    items: list[Failure] = Field(description="Failed jobs, by processing step and reason.")


class ChangedRows(ResponseBody):
    """Number of affected jobs or reports."""

    rows: int = Field(description="Number of affected jobs or reports.")


class Model(ResponseBody):
    """A neural-network model that computes descriptors of pictures."""

    name: str = Field(description="Name of the model.")
    version: str = Field(description="Version of the model.")
    state: str = Field(
        description="State of the model: `serving` (in use), `building` (descriptors are being computed), `failed` "
        "(descriptors "
        "cannot be computed), `measured` (recall was measured), `shipped` (included with Exhibit, not measured) or "
        "`added` (not measured)."
    )
    width: int = Field(description="Number of components of a descriptor.")
    size: int = Field(description="Size of the file in bytes.")
    licence: str = Field(description="Licence of the model.")
    source: str = Field(description="Source of the model.")
    described: int = Field(description="Number of pictures that have descriptors.")
    waiting: int = Field(description="Number of pictures that are waiting for descriptors.")
    beyond_reach: int = Field(description="Number of pictures without descriptors whose files are no longer stored.")
    failed: int = Field(description="Number of pictures for which the model failed.")
    error: str = Field(description="Reason why descriptors cannot be computed; empty if they can.")
    measured_at: UtcTime | None = Field(
        description="Time at which the recall was measured; null if it was not measured."
    )
    recall: dict[str, Any] | None = Field(description="Measured recall; null if the recall was not measured.")
    author: str = Field(description="Author named in the card of an added model; empty for the included model.")
    key: str = Field(description="Public key for the signature of the model card, in hexadecimal.")
    terms: str = Field(description="Terms of use stated in the model card.")
    price: str = Field(description="Price stated in the model card.")
    compared: dict[str, Any] | None = Field(
        description="Recall claimed in the model card and recall measured in this installation; null if one of them "
        "is missing."
    )

    @staticmethod
    def resolve_recall(row: descriptor_models.ModelState) -> dict[str, Any] | None:
        """Convert the measured recall to a dictionary."""
        return None if row.recall is None else asdict(row.recall)

    @staticmethod
    def resolve_compared(row: descriptor_models.ModelState) -> dict[str, Any] | None:
        """Convert the comparison of the card's claims with the measurements to a dictionary."""
        return None if row.compared is None else asdict(row.compared)


class Models(ResponseBody):
    """A list of models that compute descriptors of pictures."""

    items: list[Model] = Field(description="Models that compute descriptors of pictures.")


class ModelUse(requests.RequestBody):
    """Options for switching to a model."""

    force: requests.Flag = Field(
        default=False,
        description="Whether to use the model even if its measured recall is below the recall claimed on its card.",
    )


class MeasurementRequest(requests.RequestBody):
    """Settings of a measurement."""

    photos: str = Field(
        "",
        max_length=1_000,
        pattern=requests.LINE_PATTERN,
        description="Path of a folder with photographs on this machine; by default, the registered works are used.",
    )
    works: Annotated[requests.StrictInteger, Field(ge=4, le=500)] = Field(
        60, description="Number of works to search for."
    )


class MeasurementResult(ResponseBody):
    """Recall of the measured model and of the model in use."""

    name: str = Field(description="Name of the measured model.")
    recall: dict[str, Any] = Field(description="Recall of the measured model.")
    serving: str = Field(description="Name of the model in use.")
    beside: dict[str, Any] = Field(description="Recall of the model in use.")


class Calibrations(ResponseBody):
    """A list of calibrations, with the one that new matches use."""

    in_use: str | None = Field(
        description="Digest of the calibration in use; null if no calibration fits the model in use."
    )
    items: list[dict[str, Any]] = Field(description="Calibrations with their digests.")


class DeniedHost(ResponseBody):
    """A host that Exhibit never visits."""

    host: str = Field(description="Host name; its subdomains are included.")
    since: UtcTime = Field(alias="created_at", description="Time at which the host was added to the deny list.")
    reason: str = Field(description="Reason why the host is denied.")


class DeniedHosts(ResponseBody):
    """The deny list of hosts."""

    items: list[DeniedHost] = Field(description="Hosts that Exhibit never visits.")


class BlockedFile(ResponseBody):
    """A digest of a file that Exhibit never stores."""

    digest: Hex
    since: UtcTime = Field(alias="created_at", description="Time at which the digest was blocked.")
    reason: str = Field(description="Reason for blocking the digest.")


class BlockedFiles(ResponseBody):
    """The block list of files."""

    items: list[BlockedFile] = Field(description="Digests of files that Exhibit never stores.")


class AffectedFile(ResponseBody):
    """A file that is affected when a picture is purged."""

    digest: Hex
    owner: str = Field(description="Short name of the owner.")
    what: str = Field(description="Object to which the file belongs, such as `case 3`.")
    kept: bool = Field(
        description="Whether the file is hidden instead of removed, because it shows the picture "
        "but does not contain the bytes of the picture's file."
    )


class AffectedFiles(ResponseBody):
    """A list of files that are affected when a picture is purged."""

    items: list[AffectedFile] = Field(description="Files that are removed or hidden.")


class PurgeResult(ResponseBody):
    """Result of a purge."""

    removed: bool = Field(description="Whether the file of the picture was stored in this installation.")


@router.get("/operator/failures", response=Failures)
def list_failures(request: Call) -> Failures:
    """List failed jobs by processing step and reason."""
    return Failures(items=Failure.from_rows(backlog.list_failures()))


@router.post("/operator/failures/{step}/retry", response=ChangedRows)
def retry_failures(request: Call, step: Step) -> ChangedRows:
    """Retry all failed jobs of a processing step."""
    return ChangedRows(rows=backlog.retry_failed(wiring.services().enqueue, step))


@router.post("/operator/failures/{step}/dismiss", response=ChangedRows)
def dismiss_failures(request: Call, step: Step) -> ChangedRows:
    """Dismiss the failed jobs of a processing step. They are not reported again until they are retried."""
    return ChangedRows(rows=backlog.dismiss_failures(step, by=request.auth.by))


@router.get("/operator/models", response=Models)
def list_models(request: Call) -> Models:
    """List the models that compute descriptors, with their states and measurements."""
    return Models(items=Model.from_rows(descriptor_models.list_model_states(wiring.services())))


@router.post("/operator/models/{name}/measure", response=MeasurementResult)
def measure_model(request: Call, name: ModelName, new: MeasurementRequest) -> MeasurementResult:
    """Measure the recall of a model, and compare it with the model in use.

    This takes several minutes and requires at least 20 photographs.
    """
    descriptor_models.get_model(wiring.services(), name)
    photos = FilePath(new.photos) if new.photos else None
    measurement = descriptor_models.measure_model(
        wiring.services(), name, photos, new.works, lambda _done, _total: None
    )
    recalls = recall.recall_to_dict(measurement.recall), recall.recall_to_dict(measurement.serving_recall)
    return MeasurementResult(
        name=measurement.name, recall=recalls[0], serving=measurement.serving_name, beside=recalls[1]
    )


@router.post("/operator/models/{name}/use", response=Model)
def use_model(request: Call, name: ModelName, new: ModelUse) -> Model:
    """Switch to a measured model once it has processed all pictures.

    Call this operation with the model in use to cancel a pending switch.
    """
    row = descriptor_models.use_model(wiring.services(), name, allow_worse=new.force, by=request.auth.by)
    states = descriptor_models.list_model_states(wiring.services())
    return Model.from_row(
        next(
            model_state for model_state in states if (model_state.name, model_state.version) == (row.name, row.version)
        )
    )


@router.delete("/operator/models/{name}", response={204: None})
def delete_model(request: Call, name: ModelName) -> None:
    """Delete a model that is not in use, and all its descriptors."""
    descriptor_models.drop_model(wiring.services(), name, by=request.auth.by)


@router.get("/operator/models/{name}/file", openapi_extra=describe_file_response("application/zip"))
def export_model(
    request: Call,
    name: ModelName,
    author: TextParameter = "",
    terms: TextParameter = "",
    price: TextParameter = "",
    key: KeyFile = "",
) -> HttpResponseBase:
    """Download a measured model with its signed card, to add it to another installation with `exhibit model add`.

    Without `key`, the card is signed with the author key of this installation, which is created if necessary.
    """
    signer = FileSigner(FilePath(key)) if key else get_author_signer(wiring.services())
    row, chunks = shared_models.export_model(wiring.services(), name, author, terms, price, signer, by=request.auth.by)
    return build_download_response(b"".join(chunks), f"{row.name}-{row.version}.zip", "application/zip")


@router.get("/operator/calibrations", response=Calibrations)
def list_calibrations(request: Call) -> Calibrations:
    """List all calibrations."""
    active = calibrations.get_active_calibration(PIPELINE)
    rows = [(row.shipped, Calibration.from_json(row.content.encode())) for row in calibrations.list_calibrations()]
    items = [
        {**json.loads(calibration.to_json()), "digest": calibration.digest.hex, "shipped": is_shipped}
        for is_shipped, calibration in rows
    ]
    return Calibrations(in_use=None if active is None else active.digest.hex, items=items)


@router.post("/operator/calibrations/reset", response=Calibrations)
def reset_calibrations(request: Call) -> Calibrations:
    """Use the calibration included with Exhibit for new matches."""
    calibrations.activate_shipped_calibration(by=request.auth.by)
    return list_calibrations(request)


@router.get("/operator/denied-hosts", response=DeniedHosts)
def list_denied_hosts(request: Call) -> DeniedHosts:
    """List the hosts that Exhibit never visits."""
    return DeniedHosts(items=DeniedHost.from_rows(HostDenial.objects.order_by("host")))


@router.put("/operator/denied-hosts/{host}", response={204: None})
def deny_host(request: Call, host: Host, new: requests.Reason) -> None:
    """Add a host to the deny list, including its subdomains."""
    name = get_url_host(f"http://{host}/")
    if not name:
        raise InvalidRequestError(f"{host!r} is not a host name.", hint="Enter a host name such as shop.example.")
    denylists.deny_host(name, by=request.auth.by, reason=new.reason)


@router.delete("/operator/denied-hosts/{host}", response={204: None})
def allow_host(request: Call, host: Host) -> None:
    """Remove a host from the deny list."""
    denylists.allow_host(get_url_host(f"http://{host}/") or host, by=request.auth.by)


@router.get("/operator/blocked-bytes", response=BlockedFiles)
def list_blocked_digests(request: Call) -> BlockedFiles:
    """List the digests that Exhibit never stores."""
    return BlockedFiles(items=BlockedFile.from_rows(BlockedDigest.objects.order_by("created_at")))


@router.put("/operator/blocked-bytes/{digest}", response={204: None})
def block_digest(request: Call, digest: Sha256, new: requests.Reason) -> None:
    """Block a digest: files with it are never stored again. To delete stored files, purge the picture instead."""
    denylists.block_digest(Digest.from_hex(digest), by=request.auth.by, reason=new.reason)


@router.post("/operator/pictures/{digest}/keep", response=ChangedRows)
def dismiss_picture_reports(request: Call, digest: Sha256, new: requests.Reason) -> ChangedRows:
    """Dismiss reports that a picture is illegal content. The picture is visible again to the owners who reported it."""
    return ChangedRows(
        rows=picture_reports.dismiss_reports(Digest.from_hex(digest), by=request.auth.by, reason=new.reason)
    )


@router.get("/operator/pictures/{digest}/files", response=AffectedFiles)
def list_affected_files(request: Call, digest: Sha256) -> AffectedFiles:
    """List the files that are removed or hidden when a picture is purged."""
    return AffectedFiles(
        items=AffectedFile.from_rows(purge.find_affected_files(wiring.services(), Digest.from_hex(digest)))
    )


@router.post("/operator/pictures/{digest}/purge", response=PurgeResult)
def purge_picture(request: Call, digest: Sha256, new: requests.Reason) -> PurgeResult:
    """Permanently delete all files of a picture, and block its digest. The digest remains in the log."""
    picture_digest = Digest.from_hex(digest)
    return PurgeResult(
        removed=purge.purge_picture(wiring.services(), picture_digest, by=request.auth.by, reason=new.reason)
    )
