"""Owners' keys for image searches and marketplaces."""

import contextlib
import hashlib

from django.db import transaction

from evidence.keys.at_rest import SECRET, decrypt, encrypt
from exhibit.config.secrets import master_key, master_keys
from exhibit.errors import IntegrityError, WrongUseError
from exhibit.sentences import Sentence
from registry.crawls import inquiries
from registry.db.locks import Lock, hold
from registry.models import Owner, SearchKey
from workers.crawls.search_services import service_of
from workers.services.wiring import Services

MAX_KEY = 4_000


def keep_key(services: Services, owner: Owner, service: str, key: str, *, by: str) -> None:
    """Keep an owner's key for a search, encrypted with the operator's key.

    Raises ``NotFoundError`` where there is no such search, ``WrongUseError`` for what can't be a key.
    """
    service_of(services.config, service)
    text = key.strip()
    if not text or len(text) > MAX_KEY or not text.isascii() or not text.isprintable():
        raise WrongUseError(
            Sentence("This can't be a key."), hint=Sentence("Paste it as the service shows it, in one line.")
        )
    with transaction.atomic():
        hold(Lock.KEYS)  # never between the two halves of a change of the master key
        encrypted = encrypt(SECRET, _bound_to(owner, service), text.encode("ascii"), master_key(services.config))
        inquiries.keep_key(owner, service, encrypted, by=by)


def key_of(services: Services, owner: Owner, service: str) -> str | None:
    """An owner's key for a search; ``None`` when there is none, or the operator's key no longer opens it."""
    row = SearchKey.objects.filter(owner=owner, service=service).first()
    if row is None:
        return None
    encrypted = bytes(row.encrypted)
    if encrypted[1:17] != _bound_to(owner, service):
        return None
    for master in master_keys(services.config):
        with contextlib.suppress(IntegrityError):
            return decrypt(SECRET, encrypted, master).decode("ascii")
    return None


def _bound_to(owner: Owner, service: str) -> bytes:
    """What a key is kept for: moved to another owner or search, it doesn't open."""
    return hashlib.blake2b(f"search key {owner.pk} {service}".encode(), digest_size=16).digest()
