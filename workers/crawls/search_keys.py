"""Owners' keys for image searches and marketplaces, and what is missing before one is asked."""

import contextlib
import hashlib
from dataclasses import asdict

from django.db import transaction

from crawler.search_mapping import Service
from evidence.keys.at_rest import SECRET, decrypt, encrypt
from exhibit.clock import now
from exhibit.config.secrets import master_keys
from exhibit.errors import IntegrityError, WrongUseError
from exhibit.sentences import Sentence
from exhibit.types import Price
from registry.crawls import inquiries
from registry.db.locks import Lock, hold
from registry.models import Owner, SearchKey
from workers.crawls.search_services import service_of
from workers.services.same_secrets import encrypting_key
from workers.services.wiring import Services

MAX_KEY = 4_000


def keep_key(services: Services, owner: Owner, service: str, key: str, *, by: str) -> None:
    """Keep an owner's key for a search, encrypted with the operator's key.

    Raises ``NotFoundError`` where there is no such search, ``WrongUseError`` for what can't be a key.
    """
    form = service_of(services.config, service).key_form
    text = key.strip()
    if not text or len(text) > MAX_KEY or not text.isascii() or not text.isprintable():
        raise WrongUseError(
            Sentence("This can't be a key."), hint=Sentence("Paste it as the service shows it, in one line.")
        )
    if form == "id:secret" and not all(text.partition(":")):
        hint = Sentence("It has two parts here: write them in one line with a colon between, id:secret.")
        raise WrongUseError(Sentence("This can't be a key."), hint=hint)
    with transaction.atomic():
        hold(Lock.KEYS)  # never between the two halves of a change of the master key
        encrypted = encrypt(SECRET, _bound_to(owner, service), text.encode("ascii"), encrypting_key(services.config))
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


def lacking(services: Services, owner: Owner, name: str, service: Service) -> str:
    """Why a search isn't asked: ``no-key``, ``no-consent`` to send it copies of works, or empty when it may be."""
    if service.key_form and key_of(services, owner, name) is None:
        return "no-key"
    if not service.takes_pictures or owner.search_consents.filter(service=name, host=service.host).exists():
        return ""
    return "no-consent"


def price_of(owner: Owner, name: str, service: Service) -> Price | None:
    """What a request to a search costs an owner: as they say themselves, or by its mapping; ``None`` if unknown."""
    own = owner.search_keys.filter(service=name).values_list("price", flat=True).first()
    return Price(**own) if own else service.price


def set_price(services: Services, owner: Owner, name: str, price: Price | None, *, by: str) -> None:
    """Keep what a search costs an owner as of today, or go by its mapping; raises ``WrongUseError`` without a key."""
    service = service_of(services.config, name)
    kept = None if price is None else asdict(price) | {"looked_up": now().date().isoformat()}
    if not inquiries.set_price(owner, name, kept, by=by):
        raise WrongUseError(
            Sentence("There is no key for %(name)s.", name=service.name), hint=Sentence("A price belongs to a key.")
        )


def consent(services: Services, owner: Owner, name: str, *, by: str) -> None:
    """Record an owner's yes that a search is sent copies of their works; raises ``WrongUseError`` for one of words."""
    service = service_of(services.config, name)
    if not service.takes_pictures:
        raise WrongUseError(Sentence("%(name)s is sent no pictures.", name=service.name))
    inquiries.consent(owner, name, service.host, by=by)


def _bound_to(owner: Owner, service: str) -> bytes:
    """What a key is kept for: moved to another owner or search, it doesn't open."""
    return hashlib.blake2b(f"search key {owner.pk} {service}".encode(), digest_size=16).digest()
