"""Replacement of the operator's master key, which encrypts the private halves of keys and other secrets."""

import contextlib
import hashlib
from dataclasses import dataclass

from django.db import transaction

from evidence.keys.at_rest import reencrypt
from exhibit.config.secrets import adopt_next_master_key, load_master_keys, load_next_master_key
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError
from registry.crawls.models import SearchKey
from registry.db.locks import Lock, hold
from registry.db.rows import update_row
from registry.events.models import Webhook
from registry.keys.models import DocumentKey, SealingKey
from registry.log.log import submit_entry
from registry.log.models import LogOpening
from registry.services.secret_fingerprints import store_next_fingerprint
from registry.services.services import Services

_LOST_HINT = "Restore secrets/master_key from your backup. If the file is lost, create new keys: exhibit key rotate"


@dataclass(frozen=True, slots=True)
class MasterKeyChange:
    """Result of a change of the master key."""

    key_count: int  # number of keys encrypted with the new master key
    lost_public_keys: tuple[bytes, ...]  # public keys of inactive keys that no master key decrypts; they are unchanged


def change_master_key(services: Services, *, by: str, reason: str) -> MasterKeyChange:
    """Encrypt all keys with a new master key. After an interruption, call it again to resume.

    During the change, keys are decrypted with either master key. Afterwards the old master key is deleted: earlier
    database backups need the old key from a backup of the same time.

    Raises:
        IntegrityError: Neither master key decrypts an active key.
    """
    new_master_key = load_next_master_key(services.config)
    with transaction.atomic():
        hold(Lock.KEYS)
        _encrypt_all(services, new_master_key)
        _log_change(new_master_key, by=by, reason=reason)
        store_next_fingerprint(services.config)
    changed_count = 1
    while changed_count:  # repeat, because a key may have been created with the old master key in the meantime
        with transaction.atomic():
            hold(Lock.KEYS)  # a process that creates a key now waits for the lock and then reads the new master key
            changed_count, lost_public_keys = _encrypt_all(services, new_master_key)
            if not changed_count:
                adopt_next_master_key(services.config)
    return MasterKeyChange(
        SealingKey.objects.count() + DocumentKey.objects.count() - len(lost_public_keys), lost_public_keys
    )


def _encrypt_all(services: Services, new_master_key: bytes) -> tuple[int, tuple[bytes, ...]]:
    """Encrypt keys and secrets that are not yet encrypted with the new master key.

    Returns:
        The number of keys and secrets, and the public keys of inactive keys that neither master key decrypts.
    """
    old_master_key, changed_count, lost_public_keys = load_master_keys(services.config)[0], 0, []
    rows: list[SealingKey | DocumentKey] = [*SealingKey.objects.order_by("pk"), *DocumentKey.objects.order_by("pk")]
    for row in rows:
        stored_key = bytes(row.encrypted_private_key)
        try:
            encrypted = reencrypt(stored_key, old_master_key, new_master_key)
        except IntegrityError as error:
            if not row.active:
                lost_public_keys.append(bytes(row.public_key))
                continue
            key_prefix = bytes(row.public_key).hex()[:16]
            raise IntegrityError(f"The key {key_prefix} matches neither master key.", hint=_LOST_HINT) from error
        if encrypted != stored_key:
            update_row(row, encrypted_private_key=encrypted)
            changed_count += 1
    return changed_count + _encrypt_secrets(old_master_key, new_master_key), tuple(lost_public_keys)


def _encrypt_secrets(old_master_key: bytes, new_master_key: bytes) -> int:
    """Encrypt owners' search keys and webhook secrets, and return their number; undecryptable ones are skipped."""
    changed_count = 0
    for model, column in ((SearchKey, "encrypted"), (Webhook, "encrypted_secret")):
        for pk, stored_secret in model._default_manager.order_by("pk").values_list("pk", column):
            with contextlib.suppress(IntegrityError):
                encrypted = reencrypt(bytes(stored_secret), old_master_key, new_master_key)
                if encrypted != bytes(stored_secret):
                    changed_count += model._default_manager.filter(pk=pk).update(**{column: encrypted})
    return changed_count


def _log_change(new_master_key: bytes, *, by: str, reason: str) -> None:
    """Record the change in the log once, even if it was interrupted and resumed."""
    name = hashlib.sha256(b"exhibit master key\n" + new_master_key).hexdigest()[:16]
    if not LogOpening.objects.filter(submission__type=EntryType.KEY, content__master=name).exists():
        submit_entry(EntryType.KEY, {"master": name, "what": "changed"}, details={"by": by, "reason": reason})
