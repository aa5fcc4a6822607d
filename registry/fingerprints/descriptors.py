"""Networks that compute descriptors: which one serves, which is being built, and which pictures they lack."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from exhibit.errors import WrongUseError
from exhibit.types import Space
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.locks import Lock, hold
from registry.db.rows import write
from registry.fingerprints.fingerprints import Collection, space_id
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
"""Reason of a gap that is not a fault: icons, for example, have no vectors."""


def get_choice(shipped: DescriptorModel | None = None) -> DescriptorChoice | None:
    """Return the row with the serving network; created with the shipped network if there is none."""
    choice = DescriptorChoice.objects.select_related("serving__space", "building__space").filter(pk=1).first()
    if choice is None and shipped is not None:
        DescriptorChoice.objects.get_or_create(pk=1, defaults={"serving": shipped})
        return get_choice()
    return choice


def store_model(model: DescriptorModel, space: Space) -> DescriptorModel:
    """Store a network; an existing one with the same name, version and bytes is returned instead.

    Raises:
        WrongUseError: The name and version are used with another file or card.
    """
    with transaction.atomic():
        model.space, model.state = SpaceRow.objects.select_for_update().get(pk=_space_of(model, space)), StepState.DONE
        existing_model = DescriptorModel.objects.filter(name=model.name, version=model.version).first()
        if existing_model is None:
            model.save()
        return existing_model or model


def _space_of(model: DescriptorModel, space: Space) -> int:
    try:
        return space_id(space)
    except WrongUseError as error:
        if model.shipped:
            raise
        message = f"{space.id} is another file, or the same file with another card."
        raise WrongUseError(message, hint="Give the card another version.") from error


def is_serving(model: int) -> bool:
    """Return True if the network serves; this cannot change until the transaction ends."""
    return _read_choice(_SELECT_CHOICE + "FOR SHARE")[0] == model


def is_built(model: int) -> bool:
    """Return True if the network is being built; this cannot change until the transaction ends."""
    return _read_choice(_SELECT_CHOICE + "FOR SHARE")[1] == model


def has_changed(choice: DescriptorChoice) -> bool:
    """Return True if the serving network, or the one being built, has changed since the row was read."""
    return _read_choice(_SELECT_CHOICE) != (choice.serving_id, choice.building_id)


_SELECT_CHOICE = "SELECT serving_id, building_id FROM registry_descriptorchoice WHERE id = 1 "


def _read_choice(statement: str) -> tuple[int | None, int | None]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() or (None, None)


def start_building(model: DescriptorModel) -> None:
    """Start to build a network in place of one that may be being built, whose vectors and state are kept."""
    with transaction.atomic():
        choice = DescriptorChoice.objects.select_for_update().get(pk=1)
        write(choice, building=model)
        DescriptorGap.objects.filter(model=model).delete()
        DescriptorModel.objects.filter(pk=model.pk).update(cursor=0, **steps.reset_columns())


def stop_building(model: DescriptorModel) -> None:
    """Stop building a network."""
    DescriptorChoice.objects.filter(building=model).update(building=None)
    DescriptorModel.objects.filter(pk=model.pk).update(state=StepState.DONE)


def find_undescribed(model: DescriptorModel, limit: int) -> tuple[list[int], int]:
    """Return primary keys of pictures that a network has not described: those of works first, then from its cursor on.

    The second value is the cursor's new position once these pictures are described.
    """
    missing = _missing(model)
    registered = Q(work_pictures__isnull=False, work_pictures__work__removed_at=None)
    live_pictures = Picture.objects.filter(registered, pk=OuterRef("pk"))
    works = list(missing.filter(Exists(live_pictures)).order_by("pk").values_list("pk", flat=True)[:limit])
    if works:
        return works, model.cursor
    rest = list(missing.filter(pk__gt=model.cursor).order_by("pk").values_list("pk", flat=True)[:limit])
    return rest, max(rest, default=model.cursor)


def count_pictures(model: DescriptorModel, *, is_building: bool, serves: bool) -> dict[str, Any]:
    """Return numbers of pictures: ``described``, ``failed``, ``waiting`` (while the network is being built).

    For a network that serves or is being built, also ``beyond_reach``: measured pictures whose bytes are no longer
    stored.
    """
    missing_pictures = Picture.objects.exclude(bytes_state__in=(BytesState.STORED, BytesState.PURGED))
    lost = missing_pictures.filter(~_has_vector(model), width__isnull=False, refusal="")
    return {
        "described": FingerprintRow.objects.filter(space=model.space_id, part="whole").count(),
        "waiting": _missing(model).count() if is_building else 0,
        "beyond_reach": lost.count() if is_building or serves else 0,
        "failed": model.gaps.exclude(reason=NOTHING_TO_DESCRIBE).count(),
    }


def find_members(collection: Collection, pictures: Iterable[int]) -> list[int]:
    """Return those of the pictures that are in a collection, in any space."""
    changes = IndexChange.objects.filter(collection=collection)
    same = {"space": OuterRef("space"), "fingerprint": OuterRef("fingerprint")}
    is_reverted = Exists(changes.filter(**same, removes=OuterRef("number")))
    added = changes.filter(~is_reverted, operation=IndexChange.Operation.ADD, fingerprint__picture__in=list(pictures))
    return sorted(added.values_list("fingerprint__picture_id", flat=True).distinct())


def record_gaps(model: DescriptorModel, gaps: Sequence[tuple[int, str]]) -> None:
    """Record pictures that have no vector of a network, with the reasons."""
    rows = [DescriptorGap(model=model, picture_id=picture, reason=reason[:300]) for picture, reason in gaps]
    DescriptorGap.objects.bulk_create(rows, ignore_conflicts=True)


def try_switch(model: DescriptorModel) -> bool:
    """Let a network serve if it has described all pictures; otherwise restart it to find the missing ones.

    Measuring holds the choice until the vectors are stored (:func:`is_serving`), so no picture is overlooked. Returns
    True if the network now serves.
    """
    with transaction.atomic():
        choice = DescriptorChoice.objects.select_for_update().get(pk=1)
        if choice.building_id != model.pk:
            return False
        if _missing(model).exists():
            move_cursor(model, 0)
            return False
        write(choice, serving=model, building=None)
        audit_log.log_change("network serves", by="", about={"network": str(model), "digest": model.digest.hex})
    return True


def move_cursor(model: DescriptorModel, picture: int) -> None:
    """Store the position that a network has reached."""
    model.cursor = picture
    DescriptorModel.objects.filter(pk=model.pk).update(cursor=model.cursor)


def remove_model(model: DescriptorModel) -> None:
    """Delete a network and all its vectors. Its space stays, so that its name and version are never reused.

    This is one transaction: if the network serves by now, the database refuses, and the vectors stay.
    """
    with transaction.atomic():
        stop_building(model)  # lock the choice before the index, as measuring does
        hold(Lock.INDEX)
        hold(Lock.PICTURES)
        IndexChange.objects.filter(space=model.space_id).delete()
        FingerprintRow.objects.filter(space=model.space_id).delete()
        model.delete()


def _has_vector(model: DescriptorModel) -> Exists:
    return Exists(FingerprintRow.objects.filter(picture=OuterRef("pk"), space=model.space_id))


def _missing(model: DescriptorModel) -> "QuerySet[Picture]":
    """Return measured pictures with stored bytes that lack a vector of the network, except those it failed on."""
    has_gap = Exists(DescriptorGap.objects.filter(picture=OuterRef("pk"), model=model))
    measured_pictures = Picture.objects.filter(bytes_state=BytesState.STORED, width__isnull=False, refusal="")
    return measured_pictures.filter(~_has_vector(model), ~has_gap)
