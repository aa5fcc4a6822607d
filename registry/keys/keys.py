"""List, find, retire and revoke owners' keys."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from exhibit.clock import now
from exhibit.entries import EntryType
from exhibit.errors import InvalidRequestError, NotFoundError
from registry.accounts.models import Owner
from registry.db.rows import update_row
from registry.keys.models import DeviceKey, DocumentKey, SealingKey
from registry.log.log import submit_entry

AnyKey = SealingKey | DocumentKey | DeviceKey
MIN_DIGITS = 8
"""Minimum number of hexadecimal digits that identify a public key."""


class KeyUse(StrEnum):
    """Purpose of a key."""

    SEALING = "sealing"
    DOCUMENTS = "documents"
    DEVICE = "device"


_MODELS: Mapping[KeyUse, type[AnyKey]] = {
    KeyUse.SEALING: SealingKey,
    KeyUse.DOCUMENTS: DocumentKey,
    KeyUse.DEVICE: DeviceKey,
}


def get_key_rows(use: KeyUse) -> QuerySet[Any]:
    """Return all rows of the keys with one purpose."""
    return _MODELS[use]._default_manager.all()


def get_key_use(key: AnyKey) -> KeyUse:
    """Return the purpose of a key."""
    return next(use for use, model in _MODELS.items() if isinstance(key, model))


def list_keys(owner: Owner | None = None) -> list[AnyKey]:
    """Return all keys of one owner, or of all owners, sorted by owner and age."""
    all_keys: list[AnyKey] = []
    for rows in map(get_key_rows, KeyUse):
        all_keys += rows.select_related("owner").filter(**({} if owner is None else {"owner": owner}))
    return sorted(all_keys, key=lambda key: (key.owner.slug, key.created_at, get_key_use(key)))


def find_key(owner: Owner, prefix: str) -> AnyKey:
    """Return the owner's key whose public key starts with ``prefix`` (hexadecimal digits).

    Raises:
        NotFoundError: No key has this prefix.
        InvalidRequestError: The prefix is too short, or several keys have it.
    """
    hint = "List them: exhibit api GET keys"
    if len(prefix) < MIN_DIGITS:
        raise InvalidRequestError(f"Enter at least {MIN_DIGITS} digits of the public key.", hint=hint)
    matches = [key for key in list_keys(owner) if bytes(key.public_key).hex().startswith(prefix.lower())]
    if not matches:
        raise NotFoundError(f"{owner.name} has no key {prefix}.", hint=hint)
    if len(matches) > 1:
        raise InvalidRequestError(f"{len(matches)} keys start with {prefix}.", hint="Enter more digits.")
    return matches[0]


def retire_key(key: AnyKey, *, by: str, reason: str) -> None:
    """Stop using a key. Its earlier signatures stay valid. Call this inside a transaction."""
    retired_at = now()
    update_row(key, retired_at=retired_at)
    log_key_change(key, "retired", retired_at, {"by": by, "reason": reason})


def revoke_owner_key(key: AnyKey, *, by: str, reason: str, details: Mapping[str, Any] | None = None) -> datetime:
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
        row: AnyKey = get_key_rows(get_key_use(key)).select_for_update().get(pk=key.pk)
        if row.revoked_at is not None:
            return row.revoked_at
        revoked_at = now()
        update_row(row, revoked_at=revoked_at, revoked_reason=reason)
        log_key_change(row, "revoked", revoked_at, {"by": by, "reason": reason, **(details or {})})
        return revoked_at


def add_device_key(owner: Owner, name: str, public_key: bytes, *, by: str) -> DeviceKey:
    """Record the public key of a device of the owner; raises ``InvalidRequestError`` if the key is known."""
    if any(bytes(key.public_key) == public_key for key in list_keys()):
        raise InvalidRequestError("This key was already added.", hint="List them: exhibit api GET keys")
    with transaction.atomic():
        row = DeviceKey.objects.create(owner=owner, name=name, public_key=public_key)
        log_key_change(row, "created", row.created_at, {"by": by, "name": name})
    return row


def log_key_change(key: AnyKey, event: str, time: datetime, details: dict[str, Any] | None = None) -> None:
    """Record a change of a key in the log, in the transaction of the change."""
    opening = {
        "owner": key.owner.slug,
        "public": bytes(key.public_key).hex(),
        "use": str(get_key_use(key)),
        "what": event,
    }
    submit_entry(EntryType.KEY, opening, key.owner, time, details)
