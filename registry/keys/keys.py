"""Rows of owners' keys: list them, select one by its digits, retire and revoke."""

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
"""Minimum number of hexadecimal digits that identify a public key."""


class Use(StrEnum):
    """Purpose of a key."""

    SEALING = "sealing"
    DOCUMENTS = "documents"
    DEVICE = "device"


_MODELS: Mapping[Use, type[AnyKey]] = {Use.SEALING: SealingKey, Use.DOCUMENTS: DocumentKey, Use.DEVICE: DeviceKey}


def rows_of(use: Use) -> QuerySet[Any]:
    """Return the rows of one kind of keys."""
    return _MODELS[use]._default_manager.all()


def use_of(key: AnyKey) -> Use:
    """Return the purpose of a key."""
    return next(use for use, model in _MODELS.items() if isinstance(key, model))


def keys_of(owner: Owner | None = None) -> list[AnyKey]:
    """Return all keys, of one owner or of all, sorted by owner and age."""
    all_keys: list[AnyKey] = []
    for rows in map(rows_of, Use):
        all_keys += rows.select_related("owner").filter(**({} if owner is None else {"owner": owner}))
    return sorted(all_keys, key=lambda key: (key.owner.slug, key.created_at, use_of(key)))


def find_key(owner: Owner, start: str) -> AnyKey:
    """Return the owner's key whose public half starts with these hexadecimal digits.

    Raises:
        NotFoundError: No key starts with them.
        WrongUseError: There are too few digits, or several keys start with them.
    """
    hint = "List them: exhibit api GET keys"
    if len(start) < MIN_DIGITS:
        raise WrongUseError(f"Give at least {MIN_DIGITS} digits of the public key.", hint=hint)
    matches = [key for key in keys_of(owner) if bytes(key.public_key).hex().startswith(start.lower())]
    if not matches:
        raise NotFoundError(f"{owner.name} has no key {start}.", hint=hint)
    if len(matches) > 1:
        raise WrongUseError(f"{len(matches)} keys begin with {start}.", hint="Give more digits.")
    return matches[0]


def retire(key: AnyKey, *, by: str, reason: str) -> None:
    """Stop using a key. Its earlier signatures stay valid. Must run inside a transaction."""
    moment = now()
    write(key, retired_at=moment)
    log_key_change(key, "retired", moment, {"by": by, "reason": reason})


def revoke(key: AnyKey, *, by: str, reason: str, details: Mapping[str, Any] | None = None) -> datetime:
    """Revoke a key: signatures that it makes from now on are invalid. The time is recorded in the log.

    Args:
        key: The key.
        by: Account recorded in the log.
        reason: Reason recorded in the log.
        details: Further details for the log's entry.

    Returns:
        The time of revocation; the earlier time if the key was revoked before.
    """
    with transaction.atomic():
        row: AnyKey = rows_of(use_of(key)).select_for_update().get(pk=key.pk)
        if row.revoked_at is not None:
            return row.revoked_at
        moment = now()
        write(row, revoked_at=moment, revoked_reason=reason)
        log_key_change(row, "revoked", moment, {"by": by, "reason": reason, **(details or {})})
        return moment


def add_device_key(owner: Owner, name: str, public_key: bytes, *, by: str) -> DeviceKey:
    """Record the public key of a device of the owner; raises ``WrongUseError`` if the key is known."""
    if any(bytes(key.public_key) == public_key for key in keys_of()):
        raise WrongUseError("This key is known already.", hint="List them: exhibit api GET keys")
    with transaction.atomic():
        row = DeviceKey.objects.create(owner=owner, name=name, public_key=public_key)
        log_key_change(row, "created", row.created_at, {"by": by, "name": name})
    return row


def log_key_change(key: AnyKey, what: str, moment: datetime, details: dict[str, Any] | None = None) -> None:
    """Record a change of a key in the log, in the transaction of the change."""
    opening = {"owner": key.owner.slug, "public": bytes(key.public_key).hex(), "use": str(use_of(key)), "what": what}
    submit(EntryType.KEY, opening, key.owner, moment, details)
