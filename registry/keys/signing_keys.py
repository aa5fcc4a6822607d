"""Owners' signing keys: create when first needed, unlock with the master key, rotate and revoke."""

import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.db import transaction
from django.db.models import QuerySet

from evidence.keys.documents import DocumentKey as UnlockedDocumentKey, generate_document_key, unlock_document_key
from evidence.keys.ed25519 import KeySigner, generate_sealing_key, unlock_sealing_key
from exhibit.clock import now
from exhibit.config.secrets import MASTER_KEY, get_secret_path, load_master_keys
from exhibit.errors import ConfigError, IntegrityError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.db.locks import Lock, hold
from registry.db.rows import lock_and_reload, lock_row
from registry.keys import keys, passkeys
from registry.keys.keys import AnyKey, KeyUse, log_key_change, retire_key
from registry.keys.models import DocumentKey, SealingKey
from registry.keys.passkeys import PasskeyAction, PasskeyResponse
from registry.services.secret_fingerprints import get_encryption_key
from registry.services.services import Services

KEY_HOLDER = "operator"  # controls the keys: the operator has the master key that unlocks them

T = TypeVar("T")
HeldKey = TypeVar("HeldKey", SealingKey, DocumentKey)


def get_sealing_key(services: Services, owner: Owner) -> SealingKey:
    """Return the owner's current sealing key. If there is none, create it and record its public key in the log."""
    with lock_row(owner):
        return _get_current_key(owner.sealing_keys.all()) or _create_sealing_key(services, owner)


def unlock_signer(services: Services, key: SealingKey) -> KeySigner:
    """Unlock a sealing key; raises ``IntegrityError`` if no master key decrypts it."""
    return _unlock_with_master_keys(
        services, key, lambda row, master: unlock_sealing_key(bytes(row.encrypted_private_key), master)
    )


def get_document_key(services: Services, owner: Owner) -> UnlockedDocumentKey:
    """Return the owner's current key for PDF signatures, unlocked, with its certificate; created if needed."""
    with lock_row(owner):
        key = _get_current_key(owner.document_keys.all()) or _create_document_key(services, owner)

    def unlock_row(row: DocumentKey, master: bytes) -> UnlockedDocumentKey:
        return unlock_document_key(bytes(row.encrypted_private_key), bytes(row.certificate), master)

    return _unlock_with_master_keys(services, key, unlock_row)


def describe_locked_keys(services: Services) -> str:
    """Return the reason why active sealing keys cannot be unlocked here; empty if they can. Creates no secret.

    The newest and the oldest key are tried: after a loss of the master key, only newer keys can be unlocked.
    """
    active_keys = SealingKey.objects.filter(revoked_at=None, retired_at=None)
    for key in active_keys.order_by("pk")[:1].union(active_keys.order_by("-pk")[:1]):
        if not get_secret_path(services.config, MASTER_KEY).exists():
            return Sentence("The master key is missing.")
        try:
            unlock_signer(services, key)
        except (IntegrityError, ConfigError) as error:
            return error.message
    return ""


def check_not_revoked(key: SealingKey) -> None:
    """Lock a key's row until the transaction ends, so that it is not revoked while a seal is stored.

    Raises:
        IntegrityError: The key was revoked after the seal was made.
    """
    if lock_and_reload(key).revoked_at is not None:
        raise IntegrityError(
            Sentence("The sealing key was revoked in the meantime. Exhibit will use another key to seal."), retry=True
        )


def revoke_key(key: AnyKey, *, by: str, reason: str, passkey: PasskeyResponse | None = None) -> datetime:
    """Revoke a key, with a passkey signature if the owner requires one. Returns the time of revocation.

    Raises:
        InvalidRequestError: The owner requires a passkey and ``passkey`` is not a valid response.
    """
    with transaction.atomic():
        assertion = passkeys.consume_response(
            key.owner, PasskeyAction.REVOKE, passkeys.build_key_subject(key.public_key), passkey
        )
        return keys.revoke_owner_key(key, by=by, reason=reason, details=passkeys.build_log_details(assertion))


def rotate_key(services: Services, owner: Owner, use: KeyUse, *, by: str, reason: str) -> AnyKey:
    """Replace the sealing or document key with a new one and return it. Earlier signatures stay valid."""
    with lock_row(owner):
        hold(Lock.KEYS)  # before the rows are locked, as in a change of the master key, to avoid deadlocks
        rows = owner.sealing_keys.all() if use is KeyUse.SEALING else owner.document_keys.all()
        for key in rows.select_for_update():
            if key.active:
                retire_key(key, by=by, reason=reason)
        return (_create_sealing_key if use is KeyUse.SEALING else _create_document_key)(services, owner)


def _get_current_key(keys: QuerySet[HeldKey]) -> HeldKey | None:
    return keys.filter(revoked_at=None, retired_at=None).order_by("-pk").first()


def _create_sealing_key(services: Services, owner: Owner) -> SealingKey:
    hold(Lock.KEYS)
    public, encrypted = generate_sealing_key(get_encryption_key(services.config))
    key = SealingKey.objects.create(owner=owner, public_key=public, encrypted_private_key=encrypted)
    log_key_change(key, "created", key.created_at)
    return key


def _create_document_key(services: Services, owner: Owner) -> DocumentKey:
    hold(Lock.KEYS)
    generated_key = generate_document_key(owner.name, KEY_HOLDER, get_encryption_key(services.config), now())
    key = DocumentKey.objects.create(
        owner=owner,
        public_key=generated_key.public_key,
        encrypted_private_key=generated_key.encrypted,
        certificate=generated_key.certificate,
    )
    log_key_change(key, "created", key.created_at)
    return key


def _unlock_with_master_keys(services: Services, key: HeldKey, unlock_with: Callable[[HeldKey, bytes], T]) -> T:
    """Unlock a key with any master key: during a change of the master key, the row and the key file may differ."""
    for master in load_master_keys(services.config):
        with contextlib.suppress(IntegrityError):
            return unlock_with(key, master)
    key.refresh_from_db()
    return unlock_with(key, load_master_keys(services.config)[-1])
