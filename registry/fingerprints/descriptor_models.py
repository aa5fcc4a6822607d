"""Add, measure, activate and remove descriptor models, own or imported, and report their state."""

import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Q

from evidence.formats.codec import from_plain
from exhibit.clock import format_rfc3339, now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, NotFoundError
from indexer.calibration.recall import Progress, Recall, measure, recall_from_dict, recall_to_dict
from indexer.edits import EDITS
from indexer.picture.card import read_card
from indexer.picture.descriptor import MAX_FILE_BYTES, examine_model
from indexer.search.folders import list_files
from registry.db.rows import copy_columns
from registry.fingerprints import descriptors
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.indexes import get_index_folder, open_index
from registry.fingerprints.model_files import CARD_NAME, ClaimComparison, SignedCard, compare_claim
from registry.fingerprints.models import DescriptorModel
from registry.fingerprints.ports import get_descriptor_features, get_descriptors
from registry.log import audit_log
from registry.pictures.models import Picture
from registry.services.services import Services

MAX_REFERENCES = 1000
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
MAX_CARD_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class ModelState:
    """State of a model. Its counts are numbers of pictures."""

    name: str
    version: str
    state: str  # ``serving``, ``building``, ``failed``, ``measured``, ``shipped`` or ``added``
    width: int  # components of its vectors
    size: int  # bytes of its file
    licence: str
    source: str
    described: int
    waiting: int  # stored pictures whose descriptors must be computed before the model is activated
    beyond_reach: int  # pictures without descriptors, because their bytes are no longer stored
    failed: int
    error: str  # why it is not making progress
    measured_at: datetime | None
    recall: Recall | None
    author: str  # the name on the card of an imported model; otherwise empty
    key: str  # public key of the card's signature, hexadecimal
    terms: str
    price: str
    compared: ClaimComparison | None  # the card's claim and this installation's measurement


@dataclass(frozen=True, slots=True)
class RecallComparison:
    """Recall of a model and of the active model on the same pictures."""

    name: str
    recall: Recall
    serving_name: str
    serving_recall: Recall


def add_model(services: Services, file: Path, card: Path, *, by: str = "") -> DescriptorModel:
    """Add the operator's own model after a test run; raises ``InvalidRequestError`` if the model cannot be used."""
    description = read_card(_read_limited(card, MAX_CARD_BYTES).decode("utf-8", "replace"))
    data = _read_limited(file, MAX_FILE_BYTES)
    descriptor = examine_model(description, data)
    get_descriptors(services).refresh()
    digest = services.blobs.put(data)
    new_row = DescriptorModel(
        name=description.name, version=description.version, digest=digest, size=len(data), card=asdict(description)
    )
    with transaction.atomic():
        model = descriptors.store_model(new_row, descriptor.space)
        if model is new_row:
            audit_log.log_change("network added", by=by, details={"network": str(model), "digest": digest.hex})
    return model


def measure_model(
    services: Services,
    model_name: str,
    photo_folder: Path | None,
    max_photos: int,
    progress: Progress,
    edits: Sequence[str] = tuple(EDITS),
) -> RecallComparison:
    """Measure a model and the active model on the same pictures, and store the result.

    Args:
        services: Services of the installation.
        model_name: Name of the model, optionally with ``@`` and version.
        photo_folder: Folder with photographs; the registered works if ``None``.
        max_photos: Maximum number of photographs to search for.
        progress: Called with the number of finished queries and their total.
        edits: Names of the edits to apply.

    Returns:
        The recall of both models.

    Raises:
        InvalidRequestError: There are too few photographs.
    """
    row = get_model(services, model_name)
    seed = 0 if row.shared is None else secrets.randbelow(1 << 31)  # no model can be trained for random edits
    if photo_folder:
        paths = [
            photo_folder / name for name in list_files(photo_folder) if Path(name).suffix.lower() in PHOTO_SUFFIXES
        ]
        photo_loaders: Sequence[Callable[[], bytes]] = [path.read_bytes for path in paths]
    else:
        is_registered = Q(work_pictures__isnull=False, work_pictures__work__removed_at=None, work_pictures__stated=None)
        pictures = Picture.objects.filter(is_registered).order_by("work_pictures__pk")
        digests = dict.fromkeys(pictures.values_list("digest", flat=True))
        photo_loaders = [partial(services.blobs.get, digest) for digest in digests if digest is not None]
    photo_loaders = photo_loaders[:MAX_REFERENCES]
    serving = get_descriptors(services).serving_row
    rows = [row] if row.pk == serving.pk else [row, serving]
    model_descriptors = [get_descriptors(services).get_descriptor(row) for row in rows]
    recalls = measure(model_descriptors, photo_loaders, max_photos, seed, progress=progress, edits=edits)
    measured_at = now()
    measurement = {
        **recall_to_dict(recalls[0]),
        "measured_at": format_rfc3339(measured_at),
        "on": photo_folder.name if photo_folder else "registered works",
        "set": Digest.from_bytes(b"".join(sorted(Digest.from_bytes(load()).raw for load in photo_loaders))).hex,
        "command": f"{_format_id(row)} measured with --works {max_photos}" + (" --photos DIR" if photo_folder else ""),
        "seed": seed,
        "beside": {"name": str(serving), **recall_to_dict(recalls[-1])},
    }
    DescriptorModel.objects.filter(pk=row.pk).update(measurement=measurement, measured_at=measured_at)
    return RecallComparison(str(row), recalls[0], str(serving), recalls[-1])


def use_model(services: Services, model_name: str, *, allow_worse: bool = False, by: str = "") -> DescriptorModel:
    """Start activating a measured model; it becomes active once the descriptors of all stored pictures are computed.

    If the model is already active, the activation of its replacement is stopped instead.

    Args:
        services: Services of the installation.
        model_name: Name of the model, optionally with ``@`` and version.
        allow_worse: Activate an imported model even if its recall here is lower than its card claims.
        by: Account recorded in the audit log.

    Raises:
        InvalidRequestError: The model is active, was not measured, or has a lower recall than its card claims.
    """
    row = get_model(services, model_name)
    if row.pk == get_descriptors(services).serving_row.pk:
        building_row = get_descriptors(services).building_row
        if building_row is None:
            raise InvalidRequestError(f"{row} is already in use.")
        with transaction.atomic():
            descriptors.stop_building(building_row)
            audit_log.log_change("network kept", by=by, details={"network": str(row)})
        return row
    if row.measurement is None and not row.shipped:
        hint = f"Measure the model: exhibit api POST /operator/models/{_format_id(row)}/measure"
        raise InvalidRequestError(f"{row} has not been measured, so its recall is unknown.", hint=hint)
    comparison = compare_with_claim(row)
    falls_short = comparison is not None and comparison.falls_short
    if falls_short and not allow_worse:
        raise InvalidRequestError(
            f"{row} has a lower recall than its card claims.", hint="To use it anyway, set `force`."
        )
    log_details = {"network": str(row), "digest": row.digest.hex, **({"falls_short": True} if falls_short else {})}
    with transaction.atomic():
        descriptors.start_building(row)
        audit_log.log_change("network brought into use", by=by, details=log_details)
    get_descriptors(services).refresh()
    services.enqueue(DescriptorModel, [row.pk])
    return row


def drop_model(services: Services, model_name: str, *, by: str = "") -> DescriptorModel:
    """Remove a model and all its vectors; raises ``InvalidRequestError`` if it is active or built in."""
    row = get_model(services, model_name)
    if row.pk == get_descriptors(services).serving_row.pk:
        raise InvalidRequestError(
            f"{row} is in use.", hint="Activate another model first: exhibit api POST /operator/models/NAME/use"
        )
    if get_descriptors(services).is_built_in(row):
        raise InvalidRequestError(f"{row} is included in this version of Exhibit, so it cannot be deleted.")
    descriptor, digest = get_descriptors(services).get_descriptor(row), row.digest
    with transaction.atomic():
        descriptors.remove_model(row)
        audit_log.log_change("network removed", by=by, details={"network": str(row), "digest": digest.hex})
    is_still_used = (
        DescriptorModel.objects.filter(digest=digest).exists() or Picture.objects.filter(digest=digest).exists()
    )
    if not is_still_used:
        services.blobs.remove(digest)
    for collection in Collection:
        shutil.rmtree(get_index_folder(services.config, collection, descriptor.space), ignore_errors=True)
        open_index(services.config, collection, descriptor.space).clear()
    get_descriptor_features(services, descriptor).clear()
    return row


def list_model_states(services: Services) -> list[ModelState]:
    """Return the state of every model."""
    get_descriptors(services).refresh()
    return [_build_model_state(services, row) for row in DescriptorModel.objects.all()]


def get_model(services: Services, model_name: str) -> DescriptorModel:
    """Return the model with a name, or with a name and version as in ``sscd@1``.

    Raises:
        NotFoundError: No model has this name and version.
        InvalidRequestError: Several versions match.
    """
    get_descriptors(services).refresh()
    name, _, version = model_name.partition("@")
    rows = DescriptorModel.objects.select_related("space").filter(name=name)
    matches = list(rows.filter(version=version) if version else rows)
    if not matches:
        raise NotFoundError(f"There is no model {model_name}.", hint="List models: exhibit api GET /operator/models")
    if len(matches) > 1:
        names = ", ".join(_format_id(row) for row in matches)
        raise InvalidRequestError(f"There are several versions of {name}.", hint=f"Choose one: {names}")
    return matches[0]


def _build_model_state(services: Services, row: DescriptorModel) -> ModelState:
    is_serving, building_row = (
        get_descriptors(services).serving_row.pk == row.pk,
        get_descriptors(services).building_row,
    )
    inactive_state = "measured" if row.measurement else "shipped" if row.shipped else "added"
    state = "serving" if is_serving else inactive_state
    if building_row is not None and building_row.pk == row.pk:
        state = "failed" if row.error else "building"
    is_building = state in {"building", "failed"}
    card_fields = ("author", "key", "terms", "price")
    card_values: dict[str, Any] = {name: "" if row.shared is None else str(row.shared[name]) for name in card_fields}
    return ModelState(
        **copy_columns(row, "name", "version", "size", "error", "measured_at"),
        state=state,
        width=int(row.card["width"]),
        licence=str(row.card["licence"]),
        source=str(row.card["source"]),
        **descriptors.count_pictures(row, is_building=is_building, is_serving_model=is_serving),
        recall=None if row.measurement is None else parse_recall(row.measurement),
        **card_values,
        compared=compare_with_claim(row),
    )


def compare_with_claim(row: DescriptorModel) -> ClaimComparison | None:
    """Compare the claim on an imported model's card with the measurement made here; ``None`` if either is missing."""
    if row.shared is None or not row.measurement:
        return None
    claim = from_plain(SignedCard, row.shared, location=CARD_NAME).measured  # its signature was verified on import
    return compare_claim(claim, parse_recall(row.measurement))


def parse_recall(measurement: dict[str, Any]) -> Recall:
    """Return the recall from a row's stored measurement."""
    recall_keys = {"overall", "by_edit", "milliseconds", "photos", "references", "pairs"}
    return recall_from_dict({key: value for key, value in measurement.items() if key in recall_keys})


def _format_id(row: DescriptorModel) -> str:
    return f"{row.name}@{row.version}"


def _read_limited(path: Path, max_bytes: int) -> bytes:
    try:
        if path.stat().st_size > max_bytes:
            raise InvalidRequestError(f"{path} has more than {max_bytes} bytes.")
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be read: {error.strerror}.") from error
