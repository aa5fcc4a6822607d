"""Failed jobs, networks, calibrations, and what the operator refuses to visit, to store or to keep."""

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
from registry.log.own_log import get_author_signer
from registry.matches import calibrations
from registry.models import BlockedDigest, HostDenial
from registry.retention import purge, reported
from workers import wiring
from workers.operations import backlog

router = Router(tags=["operator"], auth=OPERATOR)
Step = Annotated[str, Path(pattern="^[a-z_-]{1,60}$")]
Network = Annotated[str, Path(max_length=120, pattern=requests.IN_LINE_SOMETHING, description="NAME or NAME@VERSION.")]
Host = Annotated[str, Path(max_length=253, pattern=requests.DOMAIN)]
Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
Text = Annotated[str, Query(max_length=1_000, pattern=requests.IN_LINE)]
KeyFile = Annotated[str, Query(max_length=1_000, pattern=requests.IN_LINE, description="PEM file of the author's key.")]


class Failure(Answer):
    """Jobs of one step that failed for the same reason."""

    step: str
    error: str
    count: int
    since: Moment
    dismissed: bool


class Failures(Answer):
    """Failed jobs, by step and reason."""

    items: list[Failure]


class Affected(Answer):
    """A number of rows."""

    rows: int


class Model(Answer):
    """A network that describes pictures."""

    name: str
    version: str
    state: str = Field(description="`serving`, `building`, `failed`, `measured`, `shipped` or `added`.")
    width: int
    size: int
    licence: str
    source: str
    described: int
    waiting: int
    beyond_reach: int = Field(description="Pictures whose bytes are no longer stored.")
    failed: int
    error: str
    measured_at: Moment | None
    recall: dict[str, Any] | None
    author: str
    key: str
    terms: str
    price: str
    compared: dict[str, Any] | None

    @staticmethod
    def resolve_recall(row: networks.ModelState) -> dict[str, Any] | None:
        """What was measured, as plain data."""
        return None if row.recall is None else asdict(row.recall)

    @staticmethod
    def resolve_compared(row: networks.ModelState) -> dict[str, Any] | None:
        """What the card claims beside what was measured, as plain data."""
        return None if row.compared is None else asdict(row.compared)


class Models(Answer):
    """Networks."""

    items: list[Model]


class ModelUse(requests.Given):
    """How a network is brought into use."""

    anyway: requests.Flag = Field(default=False, description="Although it finds less here than its card claims.")


class Measurement(requests.Given):
    """What a network is measured with."""

    photos: str = Field(
        "",
        max_length=1_000,
        pattern=requests.IN_LINE,
        description="Folder of photographs; the registered works if empty.",
    )
    works: Annotated[requests.Whole, Field(ge=4, le=500)] = 60


class Measured(Answer):
    """What a network finds, beside the one in use."""

    name: str
    recall: dict[str, Any]
    serving: str
    beside: dict[str, Any]


class Calibrations(Answer):
    """Calibrations, and which one new matches use."""

    in_use: str | None = Field(description="Digest; null if none fits the network in use.")
    items: list[dict[str, Any]]


class Denial(Answer):
    """A host that is never visited."""

    host: str
    since: Moment = Field(alias="created_at")
    reason: str


class Denials(Answer):
    """Hosts that are never visited."""

    items: list[Denial]


class Blocked(Answer):
    """Bytes that are never stored."""

    digest: Hex
    since: Moment = Field(alias="created_at")
    reason: str


class Blocks(Answer):
    """Bytes that are never stored."""

    items: list[Blocked]


class Touched(Answer):
    """A file that goes with a picture when it is purged."""

    digest: Hex
    owner: str
    what: str = Field(description="What the file belongs to.")
    kept: bool = Field(description="Withheld from view instead of removed: it only shows the picture.")


class TouchedFiles(Answer):
    """Files that go with a picture when it is purged."""

    items: list[Touched]


class Purged(Answer):
    """The result of a purge."""

    removed: bool = Field(description="Whether the bytes were stored here.")


@router.get("/operator/failures", response=Failures)
def list_failures(request: Call) -> Failures:
    """Failed jobs, by step and reason."""
    return Failures(items=Failure.from_rows(backlog.failures()))


@router.post("/operator/failures/{step}/retry", response=Affected)
def retry_failures(request: Call, step: Step) -> Affected:
    """Retry the failed jobs of a step, from the first attempt."""
    return Affected(rows=backlog.try_again(wiring.services().enqueue, step))


@router.post("/operator/failures/{step}/dismiss", response=Affected)
def dismiss_failures(request: Call, step: Step) -> Affected:
    """Stop reporting the failed jobs of a step until they are retried."""
    return Affected(rows=backlog.dismiss(step, by=request.auth.by))


@router.get("/operator/models", response=Models)
def list_models(request: Call) -> Models:
    """Networks that describe pictures: state, progress and measurements."""
    return Models(items=Model.from_rows(networks.model_states(wiring.services())))


@router.post("/operator/models/{name}/measure", response=Measured)
def measure_model(request: Call, name: Network, new: Measurement) -> Measured:
    """Measure a network beside the one in use, which takes minutes and at least 20 photographs."""
    networks.model_named(wiring.services(), name)
    photos = FilePath(new.photos) if new.photos else None
    found = networks.measure_model(wiring.services(), name, photos, new.works, lambda _done, _total: None)
    plain = recall.as_plain(found.recall), recall.as_plain(found.beside)
    return Measured(name=found.name, recall=plain[0], serving=found.serving, beside=plain[1])


@router.post("/operator/models/{name}/use", response=Model)
def use_model(request: Call, name: Network, new: ModelUse) -> Model:
    """Switch to a measured network after it has described all pictures; naming the one in use cancels a switch."""
    row = networks.use_model(wiring.services(), name, anyway=new.anyway, by=request.auth.by)
    states = networks.model_states(wiring.services())
    return Model.from_row(next(one for one in states if (one.name, one.version) == (row.name, row.version)))


@router.delete("/operator/models/{name}", response={204: None})
def drop_model(request: Call, name: Network) -> None:
    """Remove a network that is not in use, with all its descriptions."""
    networks.drop_model(wiring.services(), name, by=request.auth.by)


@router.get("/operator/models/{name}/file", openapi_extra=file_of("application/zip"))
def export_model(
    request: Call, name: Network, author: Text = "", terms: Text = "", price: Text = "", key: KeyFile = ""
) -> HttpResponseBase:
    """A measured network with its signed card, for `exhibit model add` elsewhere.

    Without `key` the card is signed with this installation's key for authors; a missing file is created.
    """
    signer = FileSigner(FilePath(key)) if key else get_author_signer(wiring.services())
    row, chunks = shared_models.export_model(wiring.services(), name, author, terms, price, signer, by=request.auth.by)
    return download(b"".join(chunks), f"{row.name}-{row.version}.zip", "application/zip")


@router.get("/operator/calibrations", response=Calibrations)
def list_calibrations(request: Call) -> Calibrations:
    """All calibrations, and which one new matches use."""
    active = calibrations.active(PIPELINE)
    rows = [(row.shipped, Calibration.from_json(row.content.encode())) for row in calibrations.every()]
    items = [{**json.loads(one.to_json()), "digest": one.digest.hex, "shipped": shipped} for shipped, one in rows]
    return Calibrations(in_use=None if active is None else active.digest.hex, items=items)


@router.post("/operator/calibrations/reset", response=Calibrations)
def reset_calibrations(request: Call) -> Calibrations:
    """Use the calibration that is included in Exhibit for new matches, instead of your own."""
    calibrations.use_shipped(by=request.auth.by)
    return list_calibrations(request)


@router.get("/operator/denied-hosts", response=Denials)
def list_denied_hosts(request: Call) -> Denials:
    """Hosts that are never visited."""
    return Denials(items=Denial.from_rows(HostDenial.objects.order_by("host")))


@router.put("/operator/denied-hosts/{host}", response={204: None})
def deny_host(request: Call, host: Host, new: requests.Reason) -> None:
    """Never visit a host and the hosts below it."""
    name = host_of(f"http://{host}/")
    if not name:
        raise WrongUseError(f"{host!r} is not a host.", hint="Write shop.example.")
    denylists.deny(name, by=request.auth.by, reason=new.reason)


@router.delete("/operator/denied-hosts/{host}", response={204: None})
def allow_host(request: Call, host: Host) -> None:
    """Visit a denied host again."""
    denylists.allow(host_of(f"http://{host}/") or host, by=request.auth.by)


@router.get("/operator/blocked-bytes", response=Blocks)
def list_blocked_bytes(request: Call) -> Blocks:
    """SHA-256 digests of bytes that are never stored."""
    return Blocks(items=Blocked.from_rows(BlockedDigest.objects.order_by("created_at")))


@router.put("/operator/blocked-bytes/{digest}", response={204: None})
def block_bytes(request: Call, digest: Sha256, new: requests.Reason) -> None:
    """Never store these bytes again. Stored ones stay; purge them to remove them."""
    denylists.block(Digest.from_hex(digest), by=request.auth.by, reason=new.reason)


@router.post("/operator/pictures/{digest}/keep", response=Affected)
def keep_reported_picture(request: Call, digest: Sha256, new: requests.Reason) -> Affected:
    """Dismiss reports of a picture as illegal; the owners who reported it see it again."""
    return Affected(rows=reported.let_stay(Digest.from_hex(digest), by=request.auth.by, reason=new.reason))


@router.get("/operator/pictures/{digest}/files", response=TouchedFiles)
def list_files_of_picture(request: Call, digest: Sha256) -> TouchedFiles:
    """Files that are removed or withheld when a picture is purged."""
    return TouchedFiles(items=Touched.from_rows(purge.touched(wiring.services(), Digest.from_hex(digest))))


@router.post("/operator/pictures/{digest}/purge", response=Purged)
def purge_picture(request: Call, digest: Sha256, new: requests.Reason) -> Purged:
    """Remove a picture's bytes everywhere, permanently, and never store them again. The digest stays in the log."""
    known = Digest.from_hex(digest)
    return Purged(removed=purge.purge(wiring.services(), known, by=request.auth.by, reason=new.reason))
