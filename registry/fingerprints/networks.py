"""Add, measure, use and remove networks, of the user's own or from others, and report their state."""

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
from exhibit.clock import now, rfc3339
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, WrongUseError
from indexer.calibration.recall import Progress, Recall, as_dict, measure, recall_from_dict
from indexer.edits import EDITS
from indexer.picture.card import read_card
from indexer.picture.descriptor import MAX_FILE_BYTES, examine
from indexer.search.folders import list_files
from registry.db.rows import columns
from registry.fingerprints import descriptors
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.indexes import index_folder, index_of
from registry.fingerprints.model_files import CARD, Comparison, SignedCard, compare_claim
from registry.fingerprints.models import DescriptorModel
from registry.fingerprints.ports import get_descriptors, get_features_of
from registry.log import audit_log
from registry.pictures.models import Picture
from registry.services.services import Services

MAX_REFERENCES = 1000
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
MAX_CARD = 1 << 16


@dataclass(frozen=True, slots=True)
class ModelState:
    """State of a network; its counts are numbers of pictures."""

    name: str
    version: str
    state: str  # ``serving``, ``building``, ``failed``, ``measured``, ``shipped`` or ``added``
    width: int  # components of its vectors
    size: int  # bytes of its file
    licence: str
    source: str
    described: int
    waiting: int  # their bytes are stored, and the network must describe them before it serves
    beyond_reach: int  # it cannot describe them, because their bytes are no longer stored
    failed: int
    error: str  # why it is not making progress
    measured_at: datetime | None
    recall: Recall | None
    author: str  # if another author's: the name on its card
    key: str  # public key of the card's signature, hexadecimal
    terms: str
    price: str
    compared: Comparison | None  # the card's claim and the measurement made here


@dataclass(frozen=True, slots=True)
class RecallComparison:
    """Recall of a network and of the serving one, on the same pictures."""

    name: str
    recall: Recall
    serving: str
    beside: Recall


def add_model(services: Services, file: Path, card: Path, *, by: str = "") -> DescriptorModel:
    """Add a user's own network after testing that it runs; raises ``WrongUseError`` if it cannot be used."""
    description = read_card(_read_limited(card, MAX_CARD).decode("utf-8", "replace"))
    data = _read_limited(file, MAX_FILE_BYTES)
    descriptor = examine(description, data)
    get_descriptors(services).refresh()
    digest = services.blobs.put(data)
    new = DescriptorModel(
        name=description.name, version=description.version, digest=digest, size=len(data), card=asdict(description)
    )
    with transaction.atomic():
        model = descriptors.store_model(new, descriptor.space)
        if model is new:
            audit_log.log_change("network added", by=by, about={"network": str(model), "digest": digest.hex})
    return model


def measure_model(
    services: Services,
    model_name: str,
    photos: Path | None,
    max_photos: int,
    progress: Progress,
    edits: Sequence[str] = tuple(EDITS),
) -> RecallComparison:
    """Measure a network and the serving one on the same pictures, and store the result.

    Args:
        services: Services of the installation.
        model_name: Name of the network, optionally with ``@`` and version.
        photos: Folder with photographs; the registered works if ``None``.
        max_photos: Maximum number of photographs to search for.
        progress: Called with the number of finished queries and their total.
        edits: Names of the edits to apply.

    Returns:
        The recall of both networks.

    Raises:
        WrongUseError: There are too few photographs.
    """
    row = get_model(services, model_name)
    seed = 0 if row.shared is None else secrets.randbelow(1 << 31)  # nobody can train a network for these edits
    if photos:
        paths = [photos / name for name in list_files(photos) if Path(name).suffix.lower() in SUFFIXES]
        loaders: Sequence[Callable[[], bytes]] = [path.read_bytes for path in paths]
    else:
        registered = Q(work_pictures__isnull=False, work_pictures__work__removed_at=None, work_pictures__stated=None)
        pictures = Picture.objects.filter(registered).order_by("work_pictures__pk")
        digests = dict.fromkeys(pictures.values_list("digest", flat=True))
        loaders = [partial(services.blobs.get, digest) for digest in digests if digest is not None]
    loaders = loaders[:MAX_REFERENCES]
    serving = get_descriptors(services).serving_row
    rows = [row] if row.pk == serving.pk else [row, serving]
    networks = [get_descriptors(services).of(row) for row in rows]
    recalls = measure(networks, loaders, max_photos, seed, progress=progress, edits=edits)
    moment = now()
    measurement = {
        **as_dict(recalls[0]),
        "measured_at": rfc3339(moment),
        "on": photos.name if photos else "registered works",
        "set": Digest.of(b"".join(sorted(Digest.of(load()).raw for load in loaders))).hex,
        "command": f"{_id(row)} measured with --works {max_photos}" + (" --photos DIR" if photos else ""),
        "seed": seed,
        "beside": {"name": str(serving), **as_dict(recalls[-1])},
    }
    DescriptorModel.objects.filter(pk=row.pk).update(measurement=measurement, measured_at=moment)
    return RecallComparison(str(row), recalls[0], str(serving), recalls[-1])


def use_model(services: Services, model_name: str, *, anyway: bool = False, by: str = "") -> DescriptorModel:
    """Start to build a measured network; it serves once it has described all pictures that it can.

    If the network serves already, the one being built in its place is stopped instead.

    Args:
        services: Services of the installation.
        model_name: Name of the network, optionally with ``@`` and version.
        anyway: Use another author's network although it found less here than its card claims.
        by: Account recorded in the audit log.

    Raises:
        WrongUseError: The network is in use, was not measured, or found less than its card claims.
    """
    row = get_model(services, model_name)
    if row.pk == get_descriptors(services).serving_row.pk:
        building = get_descriptors(services).building_row
        if building is None:
            raise WrongUseError(f"{row} is in use already.")
        with transaction.atomic():
            descriptors.stop_building(building)
            audit_log.log_change("network kept", by=by, about={"network": str(row)})
        return row
    if row.measurement is None and not row.shipped:
        hint = f"Measure it: exhibit api POST /operator/models/{_id(row)}/measure"
        raise WrongUseError(f"{row} hasn't been measured, so nobody knows what it finds.", hint=hint)
    comparison = compare_with_claim(row)
    falls_short = comparison is not None and comparison.falls_short
    if falls_short and not anyway:
        raise WrongUseError(f"{row} found less here than its card claims.", hint="To use it all the same: --force")
    about = {"network": str(row), "digest": row.digest.hex, **({"falls_short": True} if falls_short else {})}
    with transaction.atomic():
        descriptors.start_building(row)
        audit_log.log_change("network brought into use", by=by, about=about)
    get_descriptors(services).refresh()
    services.enqueue(DescriptorModel, [row.pk])
    return row


def drop_model(services: Services, model_name: str, *, by: str = "") -> DescriptorModel:
    """Remove a network with all its vectors; raises ``WrongUseError`` for one that serves or is built in."""
    row = get_model(services, model_name)
    if row.pk == get_descriptors(services).serving_row.pk:
        raise WrongUseError(
            f"{row} is in use.", hint="Use another one first: exhibit api POST /operator/models/NAME/use"
        )
    if get_descriptors(services).is_built_in(row):
        raise WrongUseError(f"{row} comes with this version of Exhibit.")
    descriptor, digest = get_descriptors(services).of(row), row.digest
    with transaction.atomic():
        descriptors.remove_model(row)
        audit_log.log_change("network removed", by=by, about={"network": str(row), "digest": digest.hex})
    shared = DescriptorModel.objects.filter(digest=digest).exists() or Picture.objects.filter(digest=digest).exists()
    if not shared:
        services.blobs.remove(digest)
    for collection in Collection:
        shutil.rmtree(index_folder(services.config, collection, descriptor.space), ignore_errors=True)
        index_of(services.config, collection, descriptor.space).clear()
    get_features_of(services, descriptor).clear()
    return row


def model_states(services: Services) -> list[ModelState]:
    """Return the state of every network."""
    get_descriptors(services).refresh()
    return [_state(services, row) for row in DescriptorModel.objects.all()]


def get_model(services: Services, model_name: str) -> DescriptorModel:
    """Return the network with a name, or name and version as in ``sscd@1``.

    Raises:
        NotFoundError: There is none.
        WrongUseError: Several versions match.
    """
    get_descriptors(services).refresh()
    name, _, version = model_name.partition("@")
    rows = DescriptorModel.objects.select_related("space").filter(name=name)
    matches = list(rows.filter(version=version) if version else rows)
    if not matches:
        raise NotFoundError(f"There is no model {model_name}.", hint="All models: exhibit api GET /operator/models")
    if len(matches) > 1:
        names = ", ".join(_id(row) for row in matches)
        raise WrongUseError(f"There are several versions of {name}.", hint=f"Name one: {names}")
    return matches[0]


def _state(services: Services, row: DescriptorModel) -> ModelState:
    serves, building = get_descriptors(services).serving_row.pk == row.pk, get_descriptors(services).building_row
    idle = "measured" if row.measurement else "shipped" if row.shipped else "added"
    state = "serving" if serves else idle
    if building is not None and building.pk == row.pk:
        state = "failed" if row.error else "building"
    is_building = state in {"building", "failed"}
    card = ("author", "key", "terms", "price")
    card_texts: dict[str, Any] = {name: "" if row.shared is None else str(row.shared[name]) for name in card}
    return ModelState(
        **columns(row, "name", "version", "size", "error", "measured_at"),
        state=state,
        width=int(row.card["width"]),
        licence=str(row.card["licence"]),
        source=str(row.card["source"]),
        **descriptors.count_pictures(row, is_building=is_building, serves=serves),
        recall=None if row.measurement is None else recall_from_measurement(row.measurement),
        **card_texts,
        compared=compare_with_claim(row),
    )


def compare_with_claim(row: DescriptorModel) -> Comparison | None:
    """Compare the claim of another author's network with the measurement made here; ``None`` if there is none."""
    if row.shared is None or not row.measurement:
        return None
    claim = from_plain(SignedCard, row.shared, where=CARD).measured  # its signature was verified on import
    return compare_claim(claim, recall_from_measurement(row.measurement))


def recall_from_measurement(measurement: dict[str, Any]) -> Recall:
    """Return the recall from a row's stored measurement."""
    names = {"overall", "by_edit", "milliseconds", "photos", "references", "pairs"}
    return recall_from_dict({key: value for key, value in measurement.items() if key in names})


def _id(row: DescriptorModel) -> str:
    return f"{row.name}@{row.version}"


def _read_limited(path: Path, max_bytes: int) -> bytes:
    try:
        if path.stat().st_size > max_bytes:
            raise WrongUseError(f"{path} has more than {max_bytes} bytes.")
        return path.read_bytes()
    except OSError as error:
        raise WrongUseError(f"{path} can't be read: {error.strerror}.") from error
