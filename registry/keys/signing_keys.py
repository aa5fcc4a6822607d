"""Owners' signing keys: create when first needed, unlock with the master key, rotate and revoke."""

import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.db import transaction
from django.db.models import QuerySet

from evidence.keys.documents import DocumentKey as UnlockedDocumentKey, generate_document_key, unlock_document_key
from evidence.keys.ed25519 import KeySigner, generate_sealing_key, unlock
from exhibit.clock import now
from exhibit.config.secrets import MASTER_KEY, master_keys, secret_path
from exhibit.errors import ConfigError, IntegrityError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.db.locks import Lock, hold
from registry.db.rows import lock_and_reload, lock_row
from registry.keys import keys, passkeys
from registry.keys.keys import AnyKey, Use, log_key_change, retire
from registry.keys.models import DocumentKey, SealingKey
from registry.keys.passkeys import Act, Answer
from registry.services.secret_fingerprints import encrypting_key
from registry.services.services import Services

HOLDER = "operator"  # who controls the keys: the operator holds the master key that unlocks them

T = TypeVar("T")
HeldKey = TypeVar("HeldKey", SealingKey, DocumentKey)


def sealing_key(services: Services, owner: Owner) -> SealingKey:
    """Return the owner's current sealing key, created at the first seal; the log records its public half."""
    with lock_row(owner):
        return _current_key(owner.sealing_keys.all()) or _new_sealing_key(services, owner)


def signer_of(services: Services, key: SealingKey) -> KeySigner:
    """Return an unlocked sealing key; raises ``IntegrityError`` if the master key does not fit."""
    return _unlock_with_master_keys(services, key, lambda row, master: unlock(bytes(row.encrypted_private_key), master))


def document_key(services: Services, owner: Owner) -> UnlockedDocumentKey:
    """Return the owner's current key for PDF signatures, unlocked, with its certificate; created if needed."""
    with lock_row(owner):
        key = _current_key(owner.document_keys.all()) or _new_document_key(services, owner)

    def unlock_row(row: DocumentKey, master: bytes) -> UnlockedDocumentKey:
        return unlock_document_key(bytes(row.encrypted_private_key), bytes(row.certificate), master)

    return _unlock_with_master_keys(services, key, unlock_row)


def locked_keys_fault(services: Services) -> str:
    """Return why active sealing keys cannot be unlocked here; empty if they can. Creates no secret.

    The newest and the oldest key are tried: after a loss of the master key, only newer keys can be unlocked.
    """
    active_keys = SealingKey.objects.filter(revoked_at=None, retired_at=None)
    for key in active_keys.order_by("pk")[:1].union(active_keys.order_by("-pk")[:1]):
        if not secret_path(services.config, MASTER_KEY).exists():
            return Sentence("The master key is missing.")
        try:
            signer_of(services, key)
        except (IntegrityError, ConfigError) as error:
            return error.message
    return ""


def check_not_revoked(key: SealingKey) -> None:
    """Lock a key's row until the transaction ends, so that a revocation comes either before or after the seal.

    Raises:
        IntegrityError: The key was revoked after the seal was made.
    """
    if lock_and_reload(key).revoked_at is not None:
        raise IntegrityError(
            Sentence("The sealing key was revoked in the meantime. Another key will be used to seal."), retry=True
        )


def revoke(key: AnyKey, *, by: str, reason: str, passkey: Answer | None = None) -> datetime:
    """Revoke a key, signed with a passkey if the owner requires it. Returns the time of revocation.

    Raises:
        WrongUseError: The owner requires a passkey and ``passkey`` is not a valid answer.
    """
    with transaction.atomic():
        signed = passkeys.consume_answer(key.owner, Act.REVOKE, passkeys.key_subject(key.public_key), passkey)
        return keys.revoke(key, by=by, reason=reason, details=passkeys.log_details(signed))


def rotate(services: Services, owner: Owner, use: Use, *, by: str, reason: str) -> AnyKey:
    """Replace the sealing or document key with a new one and return it. Earlier signatures stay valid."""
    with lock_row(owner):
        hold(Lock.KEYS)  # before the rows, in the same order as a change of the master key
        rows = owner.sealing_keys.all() if use is Use.SEALING else owner.document_keys.all()
        for key in rows.select_for_update():
            if key.active:
                retire(key, by=by, reason=reason)
        return (_new_sealing_key if use is Use.SEALING else _new_document_key)(services, owner)


def _current_key(keys: QuerySet[HeldKey]) -> HeldKey | None:
    return keys.filter(revoked_at=None, retired_at=None).order_by("-pk").first()


def _new_sealing_key(services: Services, owner: Owner) -> SealingKey:
    hold(Lock.KEYS)
    public, encrypted = generate_sealing_key(encrypting_key(services.config))
    key = SealingKey.objects.create(owner=owner, public_key=public, encrypted_private_key=encrypted)
    log_key_change(key, "created", key.created_at)
    return key


def _new_document_key(services: Services, owner: Owner) -> DocumentKey:
    hold(Lock.KEYS)
    new_key = generate_document_key(owner.name, HOLDER, encrypting_key(services.config), now())
    key = DocumentKey.objects.create(
        owner=owner,
        public_key=new_key.public_key,
        encrypted_private_key=new_key.encrypted,
        certificate=new_key.certificate,
    )
    log_key_change(key, "created", key.created_at)
    return key


def _unlock_with_master_keys(services: Services, key: HeldKey, open_with: Callable[[HeldKey, bytes], T]) -> T:
    """Unlock a key; while the master key is being changed, its row may be older or newer than the key file."""
    for master in master_keys(services.config):
        with contextlib.suppress(IntegrityError):
            return open_with(key, master)
    key.refresh_from_db()
    return open_with(key, master_keys(services.config)[-1])
