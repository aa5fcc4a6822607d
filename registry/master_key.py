"""Replacement of the operator's master key, which encrypts the private halves of keys and other secrets."""

import contextlib
import hashlib
from dataclasses import dataclass

from django.db import transaction

from evidence.keys.at_rest import reencrypt
from exhibit.config.secrets import adopt_next_master_key, master_keys, next_master_key
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError
from registry.crawls.models import SearchKey
from registry.db.locks import Lock, hold
from registry.db.rows import write
from registry.events.models import Webhook
from registry.keys.models import DocumentKey, SealingKey
from registry.log.log import submit
from registry.log.models import LogOpening
from registry.services.secret_fingerprints import store_next_fingerprint
from registry.services.services import Services

_LOST_HINT = "Put secrets/master_key back from your backup. If it is lost, use other keys: exhibit key rotate"


@dataclass(frozen=True, slots=True)
class MasterKeyChange:
    """Result of a change of the master key."""

    keys: int  # encrypted with the new master key
    lost: tuple[bytes, ...]  # public halves of unused keys that no master key decrypts; they stay as they are


def change_master_key(services: Services, *, by: str, reason: str) -> MasterKeyChange:
    """Encrypt all keys with a new master key; after an interruption, the same call resumes.

    Meanwhile keys are decrypted with either. Afterwards the old master key is gone: earlier database backups need it
    from the backup of that time.

    Raises:
        IntegrityError: An active key is decrypted by neither.
    """
    new = next_master_key(services.config)
    with transaction.atomic():
        hold(Lock.KEYS)
        _encrypt_all(services, new)
        _log_change(new, by=by, reason=reason)
        store_next_fingerprint(services.config)
    changed = 1
    while changed:  # a key was created under the old master key meanwhile
        with transaction.atomic():
            hold(Lock.KEYS)  # a process that creates a key now waits, and then reads the new master key
            changed, lost = _encrypt_all(services, new)
            if not changed:
                adopt_next_master_key(services.config)
    return MasterKeyChange(SealingKey.objects.count() + DocumentKey.objects.count() - len(lost), lost)


def _encrypt_all(services: Services, new: bytes) -> tuple[int, tuple[bytes, ...]]:
    """Encrypt what is not under the new master key yet; returns the number, and keys that neither decrypts."""
    old, changed, lost = master_keys(services.config)[0], 0, []
    rows: list[SealingKey | DocumentKey] = [*SealingKey.objects.order_by("pk"), *DocumentKey.objects.order_by("pk")]
    for row in rows:
        current = bytes(row.encrypted_private_key)
        try:
            encrypted = reencrypt(current, old, new)
        except IntegrityError as error:
            if not row.active:
                lost.append(bytes(row.public_key))
                continue
            key_prefix = bytes(row.public_key).hex()[:16]
            raise IntegrityError(f"The key {key_prefix} opens with neither master key.", hint=_LOST_HINT) from error
        if encrypted != current:
            write(row, encrypted_private_key=encrypted)
            changed += 1
    return changed + _encrypt_secrets(old, new), tuple(lost)


def _encrypt_secrets(old: bytes, new: bytes) -> int:
    """Encrypt owners' search keys and webhook secrets likewise; those that neither key decrypts are skipped."""
    changed = 0
    for model, column in ((SearchKey, "encrypted"), (Webhook, "encrypted_secret")):
        for pk, current in model._default_manager.order_by("pk").values_list("pk", column):
            with contextlib.suppress(IntegrityError):
                encrypted = reencrypt(bytes(current), old, new)
                if encrypted != bytes(current):
                    changed += model._default_manager.filter(pk=pk).update(**{column: encrypted})
    return changed


def _log_change(new: bytes, *, by: str, reason: str) -> None:
    """Record the change in the log, once, however often it was interrupted."""
    name = hashlib.sha256(b"exhibit master key\n" + new).hexdigest()[:16]
    if not LogOpening.objects.filter(submission__type=EntryType.KEY, content__master=name).exists():
        submit(EntryType.KEY, {"master": name, "what": "changed"}, details={"by": by, "reason": reason})
