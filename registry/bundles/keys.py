"""Owners' keys: made when they are first needed, unlocked with the operator's master key, and changed."""

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db import transaction
from django.db.models import QuerySet

from evidence.keys.at_rest import encrypt_again
from evidence.keys.documents import DocumentKey as UnlockedDocumentKey, generate_document_key, unlock_document_key
from evidence.keys.ed25519 import KeySigner, generate_sealing_key, unlock
from exhibit.clock import now
from exhibit.config.secrets import MASTER_KEY, adopt_next_master_key, master_keys, next_master_key, secret_path
from exhibit.entries import EntryType
from exhibit.errors import ConfigError, IntegrityError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.bundles import passkeys
from registry.bundles.models import DocumentKey, SealingKey
from registry.bundles.passkeys import Act, Answer
from registry.crawls.models import SearchKey
from registry.db.locks import Lock, hold
from registry.db.rows import alone_with, locked, write
from registry.log import keys
from registry.log.keys import AnyKey, Use, retire, witness
from registry.log.log import submit
from registry.log.models import LogOpening
from registry.notifications.models import Webhook
from registry.services.same_secrets import encrypting_key, keep_next_mark
from registry.services.services import Services

HOLDER = "operator"  # who controls the keys made here: the operator holds the master key that unlocks them
_LOST = "Put secrets/master_key back from your backup. If it is lost, use other keys: exhibit key rotate"

T = TypeVar("T")
HeldKey = TypeVar("HeldKey", SealingKey, DocumentKey)


def sealing_key(services: Services, owner: Owner) -> SealingKey:
    """The owner's present sealing key, made at the first seal; an entry of the log names its public half."""
    with alone_with(owner):
        return _present(owner.sealing_keys.all()) or _new_sealing_key(services, owner)


def signer_of(services: Services, key: SealingKey) -> KeySigner:
    """An unlocked sealing key; raises ``IntegrityError`` when the master key doesn't fit."""
    return _with_master_keys(services, key, lambda row, master: unlock(bytes(row.encrypted_private_key), master))


def document_key(services: Services, owner: Owner) -> UnlockedDocumentKey:
    """The owner's present key for PDF signatures with its certificate, unlocked; made when there is none."""
    with alone_with(owner):
        key = _present(owner.document_keys.all()) or _new_document_key(services, owner)

    def unlocked(row: DocumentKey, master: bytes) -> UnlockedDocumentKey:
        return unlock_document_key(bytes(row.encrypted_private_key), bytes(row.certificate), master)

    return _with_master_keys(services, key, unlocked)


def closed_keys(services: Services) -> str:
    """Why owners' sealing keys in use can't be opened here; empty when they can. Makes no secret.

    After a loss those that were changed since open, and the others don't: the newest and the oldest are tried.
    """
    used = SealingKey.objects.filter(revoked_at=None, retired_at=None)
    for key in used.order_by("pk")[:1].union(used.order_by("-pk")[:1]):
        if not secret_path(services.config, MASTER_KEY).exists():
            return Sentence("The master key isn't here.")
        try:
            signer_of(services, key)
        except (IntegrityError, ConfigError) as error:
            return error.message
    return ""


def still_counts(key: SealingKey) -> None:
    """Hold a key's row until the transaction ends, so that its revocation comes before the seal or after it.

    Raises ``IntegrityError`` if it was revoked since the seal was made.
    """
    if locked(key).revoked_at is not None:
        raise IntegrityError(Sentence("The sealing key was revoked meanwhile; another one seals."), retry=True)


def revoke(key: AnyKey, *, by: str, reason: str, passkey: Answer | None = None) -> datetime:
    """Take back the trust in a key, signed with a passkey where the owner wants it. Returns since when.

    Raises ``WrongUseError`` where it does and this answer isn't one to that.
    """
    with transaction.atomic():
        signed = passkeys.take(key.owner, Act.REVOKE, passkeys.of_key(key.public_key), passkey)
        return keys.revoke(key, by=by, reason=reason, details=passkeys.details(signed))


def rotate(services: Services, owner: Owner, use: Use, *, by: str, reason: str) -> AnyKey:
    """Use another sealing key or document key from now on, and return it. What the earlier one signed stands."""
    with alone_with(owner):
        hold(Lock.KEYS)  # before the rows, as whoever changes the master key does
        held = owner.sealing_keys.all() if use is Use.SEALING else owner.document_keys.all()
        for key in held.select_for_update():
            if key.active:
                retire(key, by=by, reason=reason)
        return (_new_sealing_key if use is Use.SEALING else _new_document_key)(services, owner)


@dataclass(frozen=True, slots=True)
class MasterKeyChange:
    """What a change of the master key came to."""

    keys: int  # under the new master key
    lost: tuple[bytes, ...]  # public halves of keys no longer used that no master key opens; they stay as they are


def change_master_key(services: Services, *, by: str, reason: str) -> MasterKeyChange:
    """Encrypt all keys under a new master key; after an interruption the same call goes on where it was.

    While it goes on, keys are opened with either. The old master key is gone afterwards: backups of the database made
    before need it from the backup of that time. Raises ``IntegrityError`` for a key in use that opens with neither.
    """
    new = next_master_key(services.config)
    with transaction.atomic():
        hold(Lock.KEYS)
        _encrypt_all(services, new)
        _witness_change(new, by=by, reason=reason)
        keep_next_mark(services.config)
    changed = 1
    while changed:  # a key was made under the old master key meanwhile
        with transaction.atomic():
            hold(Lock.KEYS)  # whoever makes a key now waits, and reads the master key afterwards
            changed, lost = _encrypt_all(services, new)
            if not changed:
                adopt_next_master_key(services.config)
    return MasterKeyChange(SealingKey.objects.count() + DocumentKey.objects.count() - len(lost), lost)


def _encrypt_all(services: Services, new: bytes) -> tuple[int, tuple[bytes, ...]]:
    """Encrypt what isn't under the new master key yet; how many keys that were, and which neither opens."""
    old, changed, lost = master_keys(services.config)[0], 0, []
    rows: list[SealingKey | DocumentKey] = [*SealingKey.objects.order_by("pk"), *DocumentKey.objects.order_by("pk")]
    for row in rows:
        present = bytes(row.encrypted_private_key)
        try:
            again = encrypt_again(present, old, new)
        except IntegrityError as error:
            if not row.active:
                lost.append(bytes(row.public_key))
                continue
            named = bytes(row.public_key).hex()[:16]
            raise IntegrityError(f"The key {named} opens with neither master key.", hint=_LOST) from error
        if again != present:
            write(row, encrypted_private_key=again)
            changed += 1
    return changed + _encrypt_secrets(old, new), tuple(lost)


def _encrypt_secrets(old: bytes, new: bytes) -> int:
    """The same for owners' keys for searches and the secrets of webhooks; what neither opens is as if it weren't."""
    changed = 0
    for model, column in ((SearchKey, "encrypted"), (Webhook, "encrypted_secret")):
        for pk, present in model._default_manager.order_by("pk").values_list("pk", column):
            with contextlib.suppress(IntegrityError):
                again = encrypt_again(bytes(present), old, new)
                if again != bytes(present):
                    changed += model._default_manager.filter(pk=pk).update(**{column: again})
    return changed


def _witness_change(new: bytes, *, by: str, reason: str) -> None:
    """Put the change into the log, once, however often it was interrupted."""
    name = hashlib.sha256(b"exhibit master key\n" + new).hexdigest()[:16]
    if not LogOpening.objects.filter(submission__type=EntryType.KEY, content__master=name).exists():
        submit(EntryType.KEY, {"master": name, "what": "changed"}, details={"by": by, "reason": reason})


def _present(keys: QuerySet[HeldKey]) -> HeldKey | None:
    return keys.filter(revoked_at=None, retired_at=None).order_by("-pk").first()


def _new_sealing_key(services: Services, owner: Owner) -> SealingKey:
    hold(Lock.KEYS)
    public, encrypted = generate_sealing_key(encrypting_key(services.config))
    key = SealingKey.objects.create(owner=owner, public_key=public, encrypted_private_key=encrypted)
    witness(key, "created", key.created_at)
    return key


def _new_document_key(services: Services, owner: Owner) -> DocumentKey:
    hold(Lock.KEYS)
    made = generate_document_key(owner.name, HOLDER, encrypting_key(services.config), now())
    key = DocumentKey.objects.create(
        owner=owner, public_key=made.public_key, encrypted_private_key=made.encrypted, certificate=made.certificate
    )
    witness(key, "created", key.created_at)
    return key


def _with_master_keys(services: Services, key: HeldKey, open_with: Callable[[HeldKey, bytes], T]) -> T:
    """Open a key; while the master key is being changed, its row may be older than the file, or the other way round."""
    for master in master_keys(services.config):
        with contextlib.suppress(IntegrityError):
            return open_with(key, master)
    key.refresh_from_db()
    return open_with(key, master_keys(services.config)[-1])
