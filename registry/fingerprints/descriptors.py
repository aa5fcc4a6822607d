"""Models that compute descriptors: the serving model, the model being built, and pictures without descriptors."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from exhibit.errors import InvalidRequestError
from exhibit.types import Space
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.locks import Lock, hold
from registry.db.rows import update_row
from registry.fingerprints.fingerprints import Collection, get_space_id
from registry.fingerprints.models import (
    DescriptorChoice,
    DescriptorGap,
    DescriptorModel,
    FingerprintRow,
    IndexChange,
    SpaceRow,
)
from registry.log import audit_log
from registry.pictures.models import BytesState, Picture

NOTHING_TO_DESCRIBE = ""
"""Reason for a gap that is not a fault; for example, icons have no vectors."""


def get_descriptor_choice(built_in: DescriptorModel | None = None) -> DescriptorChoice | None:
    """Return the row with the serving model; create it with the model ``built_in`` if it is missing."""
    choice = DescriptorChoice.objects.select_related("serving__space", "building__space").filter(pk=1).first()
    if choice is None and built_in is not None:
        DescriptorChoice.objects.get_or_create(pk=1, defaults={"serving": built_in})
        return get_descriptor_choice()
    return choice


def store_model(model: DescriptorModel, space: Space) -> DescriptorModel:
    """Store a model; an existing model with the same name, version and bytes is returned instead.

    Raises:
        InvalidRequestError: The name and version belong to another file or card.
    """
    with transaction.atomic():
        model.space, model.state = (
            SpaceRow.objects.select_for_update().get(pk=_get_space_id(model, space)),
            StepState.DONE,
        )
        existing_model = DescriptorModel.objects.filter(name=model.name, version=model.version).first()
        if existing_model is None:
            model.save()
        return existing_model or model


def _get_space_id(model: DescriptorModel, space: Space) -> int:
    try:
        return get_space_id(space)
    except InvalidRequestError as error:
        if model.shipped:
            raise
        message = f"{space.id} already exists with another file or another card."
        raise InvalidRequestError(message, hint="Enter another version in the card.") from error


def is_serving(model: int) -> bool:
    """Return True if the model is the serving model; this cannot change until the transaction ends."""
    return _read_choice(_SELECT_CHOICE + "FOR SHARE")[0] == model


def is_being_built(model: int) -> bool:
    """Return True if the model is being built; this cannot change until the transaction ends."""
    return _read_choice(_SELECT_CHOICE + "FOR SHARE")[1] == model


def has_changed(choice: DescriptorChoice) -> bool:
    """Return True if the serving model, or the one being built, has changed since the row was read."""
    return _read_choice(_SELECT_CHOICE) != (choice.serving_id, choice.building_id)


_SELECT_CHOICE = "SELECT serving_id, building_id FROM registry_descriptorchoice WHERE id = 1 "


def _read_choice(statement: str) -> tuple[int | None, int | None]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() or (None, None)


def start_building(model: DescriptorModel) -> None:
    """Start building a model; a model that is being built is replaced, but its vectors and state are kept."""
    with transaction.atomic():
        choice = DescriptorChoice.objects.select_for_update().get(pk=1)
        update_row(choice, building=model)
        DescriptorGap.objects.filter(model=model).delete()
        DescriptorModel.objects.filter(pk=model.pk).update(cursor=0, **steps.build_reset_columns())


def stop_building(model: DescriptorModel) -> None:
    """Stop building a model."""
    DescriptorChoice.objects.filter(building=model).update(building=None)
    DescriptorModel.objects.filter(pk=model.pk).update(state=StepState.DONE)


def find_undescribed(model: DescriptorModel, limit: int) -> tuple[list[int], int]:
    """Return primary keys of pictures that a model has not described: first pictures of works, then from its cursor on.

    The second value is the cursor's new position once these pictures are described.
    """
    undescribed_pictures = _filter_undescribed(model)
    is_registered = Q(work_pictures__isnull=False, work_pictures__work__removed_at=None)
    live_pictures = Picture.objects.filter(is_registered, pk=OuterRef("pk"))
    work_picture_ids = list(
        undescribed_pictures.filter(Exists(live_pictures)).order_by("pk").values_list("pk", flat=True)[:limit]
    )
    if work_picture_ids:
        return work_picture_ids, model.cursor
    other_picture_ids = list(
        undescribed_pictures.filter(pk__gt=model.cursor).order_by("pk").values_list("pk", flat=True)[:limit]
    )
    return other_picture_ids, max(other_picture_ids, default=model.cursor)


def count_pictures(model: DescriptorModel, *, is_building: bool, is_serving_model: bool) -> dict[str, Any]:
    """Count pictures: ``described``, ``failed``, ``waiting`` (while the model is being built).

    For the serving model and the model being built, ``beyond_reach`` counts measured pictures whose bytes are no longer
    stored; otherwise it is 0.
    """
    missing_pictures = Picture.objects.exclude(bytes_state__in=(BytesState.STORED, BytesState.PURGED))
    lost_pictures = missing_pictures.filter(~_has_vector(model), width__isnull=False, refusal="")
    return {
        "described": FingerprintRow.objects.filter(space=model.space_id, part="whole").count(),
        "waiting": _filter_undescribed(model).count() if is_building else 0,
        "beyond_reach": lost_pictures.count() if is_building or is_serving_model else 0,
        "failed": model.gaps.exclude(reason=NOTHING_TO_DESCRIBE).count(),
    }


def find_members(collection: Collection, pictures: Iterable[int]) -> list[int]:
    """Return the given pictures that are in a collection, in any space."""
    changes = IndexChange.objects.filter(collection=collection)
    same_fingerprint = {"space": OuterRef("space"), "fingerprint": OuterRef("fingerprint")}
    is_reverted = Exists(changes.filter(**same_fingerprint, removes=OuterRef("number")))
    additions = changes.filter(
        ~is_reverted, operation=IndexChange.Operation.ADD, fingerprint__picture__in=list(pictures)
    )
    return sorted(additions.values_list("fingerprint__picture_id", flat=True).distinct())


def record_gaps(model: DescriptorModel, gaps: Sequence[tuple[int, str]]) -> None:
    """Record pictures for which a model computed no vector, with the reasons."""
    rows = [DescriptorGap(model=model, picture_id=picture, reason=reason[:300]) for picture, reason in gaps]
    DescriptorGap.objects.bulk_create(rows, ignore_conflicts=True)


def activate_if_complete(model: DescriptorModel) -> bool:
    """Make a model the serving model if it has described all pictures; otherwise restart it to find the missing ones.

    Measuring locks the choice until the vectors are stored (:func:`is_serving`), so no picture is overlooked. Returns
    True if the model is now the serving model.
    """
    with transaction.atomic():
        choice = DescriptorChoice.objects.select_for_update().get(pk=1)
        if choice.building_id != model.pk:
            return False
        if _filter_undescribed(model).exists():
            move_cursor(model, 0)
            return False
        update_row(choice, serving=model, building=None)
        audit_log.log_change("network serves", by="", details={"network": str(model), "digest": model.digest.hex})
    return True


def move_cursor(model: DescriptorModel, picture: int) -> None:
    """Store the position that a model has reached."""
    model.cursor = picture
    DescriptorModel.objects.filter(pk=model.pk).update(cursor=model.cursor)


def remove_model(model: DescriptorModel) -> None:
    """Delete a model and all its vectors. Its space stays, so that its name and version are never reused.

    This is one transaction: if the model has become the serving model, the database rejects it, and the vectors stay.
    """
    with transaction.atomic():
        stop_building(model)  # lock the choice before the index, in the same order as measuring
        hold(Lock.INDEX)
        hold(Lock.PICTURES)
        IndexChange.objects.filter(space=model.space_id).delete()
        FingerprintRow.objects.filter(space=model.space_id).delete()
        model.delete()


def _has_vector(model: DescriptorModel) -> Exists:
    return Exists(FingerprintRow.objects.filter(picture=OuterRef("pk"), space=model.space_id))


def _filter_undescribed(model: DescriptorModel) -> "QuerySet[Picture]":
    """Return measured pictures with stored bytes that lack a vector of the model, except those it failed on."""
    has_gap = Exists(DescriptorGap.objects.filter(picture=OuterRef("pk"), model=model))
    measured_pictures = Picture.objects.filter(bytes_state=BytesState.STORED, width__isnull=False, refusal="")
    return measured_pictures.filter(~_has_vector(model), ~has_gap)
