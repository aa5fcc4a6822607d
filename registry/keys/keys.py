"""Owners' keys as rows: the active ones, selection by digits, retirement and revocation."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from exhibit.clock import now
from exhibit.entries import EntryType
from exhibit.errors import NotFoundError, WrongUseError
from registry.accounts.models import Owner
from registry.db.rows import write
from registry.keys.models import DeviceKey, DocumentKey, SealingKey
from registry.log.log import submit

AnyKey = SealingKey | DocumentKey | DeviceKey
MIN_DIGITS = 8
"""Hexadecimal digits of a public key that may stand for it."""


class Use(StrEnum):
    """What a key signs."""

    SEALING = "sealing"
    DOCUMENTS = "documents"
    DEVICE = "device"


_MODELS: Mapping[Use, type[AnyKey]] = {Use.SEALING: SealingKey, Use.DOCUMENTS: DocumentKey, Use.DEVICE: DeviceKey}


def rows_of(use: Use) -> QuerySet[Any]:
    """The rows of one kind of keys."""
    return _MODELS[use]._default_manager.all()


def use_of(key: AnyKey) -> Use:
    """What a key signs."""
    return next(use for use, model in _MODELS.items() if isinstance(key, model))


def keys_of(owner: Owner | None = None) -> list[AnyKey]:
    """All keys, of one owner or of all, by owner and age."""
    found: list[AnyKey] = []
    for rows in map(rows_of, Use):
        found += rows.select_related("owner").filter(**({} if owner is None else {"owner": owner}))
    return sorted(found, key=lambda key: (key.owner.slug, key.created_at, use_of(key)))


def key_named(owner: Owner, start: str) -> AnyKey:
    """The owner's key whose public half begins with these hexadecimal digits.

    Raises ``NotFoundError`` when none does, ``WrongUseError`` for too few digits, or when several keys begin so.
    """
    hint = "List them: exhibit api GET keys"
    if len(start) < MIN_DIGITS:
        raise WrongUseError(f"Give at least {MIN_DIGITS} digits of the public key.", hint=hint)
    found = [key for key in keys_of(owner) if bytes(key.public_key).hex().startswith(start.lower())]
    if not found:
        raise NotFoundError(f"{owner.name} has no key {start}.", hint=hint)
    if len(found) > 1:
        raise WrongUseError(f"{len(found)} keys begin with {start}.", hint="Give more digits.")
    return found[0]


def retire(key: AnyKey, *, by: str, reason: str) -> None:
    """Use a key no more. What it signed, and what it signs of before, stands. Inside a transaction."""
    moment = now()
    write(key, retired_at=moment)
    witness(key, "retired", moment, {"by": by, "reason": reason})


def revoke(key: AnyKey, *, by: str, reason: str, details: Mapping[str, Any] | None = None) -> datetime:
    """Take back the trust in a key: nothing that it signs from now on counts. The time stands in the log.

    Returns since when; the earlier time if it was revoked before. ``details`` are more that the log's entry keeps.
    """
    with transaction.atomic():
        row: AnyKey = rows_of(use_of(key)).select_for_update().get(pk=key.pk)
        if row.revoked_at is not None:
            return row.revoked_at
        moment = now()
        write(row, revoked_at=moment, revoked_reason=reason)
        witness(row, "revoked", moment, {"by": by, "reason": reason, **(details or {})})
        return moment


def add_device_key(owner: Owner, name: str, public_key: bytes, *, by: str) -> DeviceKey:
    """Note the public half of a key on a device of the owner's own; raises ``WrongUseError`` for a known one."""
    if any(bytes(key.public_key) == public_key for key in keys_of()):
        raise WrongUseError("This key is known already.", hint="List them: exhibit api GET keys")
    with transaction.atomic():
        row = DeviceKey.objects.create(owner=owner, name=name, public_key=public_key)
        witness(row, "created", row.created_at, {"by": by, "name": name})
    return row


def witness(key: AnyKey, what: str, moment: datetime, details: dict[str, Any] | None = None) -> None:
    """Put what became of a key into the log. Inside the transaction of the deed."""
    opening = {"owner": key.owner.slug, "public": bytes(key.public_key).hex(), "use": str(use_of(key)), "what": what}
    submit(EntryType.KEY, opening, key.owner, moment, details)
