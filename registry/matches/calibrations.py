"""Calibrations of this installation, and selection of the active calibration."""

from functools import lru_cache

from django.db import transaction
from django.db.models import F

from exhibit.clock import now
from exhibit.comparison.calibration import SHIPPED_MODEL, Calibration
from exhibit.digests import Digest
from registry.db.rows import require
from registry.fingerprints.descriptors import get_descriptor_choice
from registry.log import audit_log
from registry.matches.models import CalibrationRow

_PRECEDENCE = ("shipped", F("used_from").desc(nulls_last=True), "-pk")


def activate_calibration(calibration: Calibration, *, by: str = "") -> None:
    """Activate one of this installation's own calibrations for new matches; earlier matches keep their calibration."""
    with transaction.atomic():
        values = _to_columns(calibration, shipped=False)
        CalibrationRow.objects.update_or_create(digest=calibration.digest, defaults=values)
        audit_log.log_change("calibration used", by=by, details={"calibration": calibration.digest.hex})


def store_shipped(calibration: Calibration) -> None:
    """Store the built-in calibration if it is not stored yet."""
    CalibrationRow.objects.get_or_create(digest=calibration.digest, defaults=_to_columns(calibration, shipped=True))


def activate_shipped_calibration(*, by: str = "") -> None:
    """Activate the built-in calibration. Own calibrations stay stored for matches that refer to them."""
    with transaction.atomic():
        CalibrationRow.objects.filter(shipped=False).update(used_from=None)
        audit_log.log_change("calibration reset", by=by, details={})


def get_active_calibration(pipeline: str) -> Calibration | None:
    """Return the active calibration for a comparison pipeline and the active model, or ``None``.

    The own calibration that was activated last takes precedence, then the newest built-in calibration.
    """
    descriptor_choice = get_descriptor_choice()
    model_name = (
        SHIPPED_MODEL
        if descriptor_choice is None
        else f"{descriptor_choice.serving.name}@{descriptor_choice.serving.version}"
    )
    rows = CalibrationRow.objects.filter(pipeline=pipeline).exclude(used_from=None).order_by(*_PRECEDENCE)
    candidates = (_parse_calibration(content) for content in rows.values_list("content", flat=True))
    return next((calibration for calibration in candidates if calibration.network == model_name), None)


def list_calibrations() -> list[CalibrationRow]:
    """Return all calibrations ever used: own ones first, the most recently activated first, then built-in ones."""
    return list(CalibrationRow.objects.order_by(*_PRECEDENCE))


@lru_cache(maxsize=64)
def load_calibration(digest: Digest) -> Calibration:
    """Return the calibration with this digest; raises ``NotFoundError``."""
    row = CalibrationRow.objects.filter(digest=digest).first()
    return _parse_calibration(require(row, f"There is no calibration {digest}.").content)


@lru_cache(maxsize=64)
def _parse_calibration(content: str) -> Calibration:
    return Calibration.from_json(content.encode())


def _to_columns(calibration: Calibration, *, shipped: bool) -> dict[str, object]:
    columns = {"name": calibration.name, "pipeline": calibration.pipeline, "shipped": shipped}
    return columns | {"content": calibration.to_json().decode(), "used_from": now()}
