"""Owners' API keys, consents and prices for image searches and marketplaces."""

import contextlib
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Unpack

from django.db import transaction
from django.db.models import QuerySet

from crawler.searches.mapping import SearchService
from evidence.keys.at_rest import SECRET, decrypt, encrypt
from exhibit.clock import now
from exhibit.config.secrets import load_master_keys
from exhibit.errors import IntegrityError, InvalidRequestError
from exhibit.sentences import Sentence
from exhibit.types import Money, Price
from registry.accounts.models import Owner
from registry.crawls import budgets, inquiries
from registry.crawls.models import SearchConsent, SearchKey
from registry.crawls.search_services import get_service, get_services_for
from registry.crawls.watch_settings import Subjects
from registry.db.locks import Lock, hold
from registry.log.audit_log import log_change
from registry.services.secret_fingerprints import get_encryption_key
from registry.services.services import Services

MAX_KEY_LENGTH = 4_000


def store_key(services: Services, owner: Owner, service: str, key: str, *, by: str) -> None:
    """Store an owner's key for a search service, encrypted with the operator's key.

    Raises:
        NotFoundError: The service does not exist.
        InvalidRequestError: The key is malformed.
    """
    key_form = get_service(services.config, service).key_form
    key_text = key.strip()
    if not key_text or len(key_text) > MAX_KEY_LENGTH or not key_text.isascii() or not key_text.isprintable():
        raise InvalidRequestError(
            Sentence("This is not a valid key."), hint=Sentence("Paste it on one line, as the service shows it.")
        )
    if key_form == "id:secret" and not all(key_text.partition(":")):
        hint = Sentence("This key has two parts. Enter them on one line, separated by a colon: id:secret.")
        raise InvalidRequestError(Sentence("This is not a valid key."), hint=hint)
    with transaction.atomic():
        hold(Lock.KEYS)  # prevents a concurrent change of the master key
        encrypted_key = encrypt(
            SECRET, _compute_binding(owner, service), key_text.encode("ascii"), get_encryption_key(services.config)
        )
        values = {"encrypted": encrypted_key, "added_by": by, "added_at": now()}
        SearchKey.objects.update_or_create(owner=owner, service=service, defaults=values)
        # The log never includes the key
        log_change("search key kept", by=by, owner=owner, details={"service": service})


def delete_key(owner: Owner, service: str, *, by: str) -> bool:
    """Delete an owner's key for a search service; return True if there was one."""
    return _delete(owner.search_keys.filter(service=service), "search key removed", service, owner, by=by)


def get_key(services: Services, owner: Owner, service: str) -> str | None:
    """Return an owner's key for a search service, or ``None`` if there is none or the master key cannot decrypt it."""
    row = SearchKey.objects.filter(owner=owner, service=service).first()
    if row is None:
        return None
    encrypted_key = bytes(row.encrypted)
    if encrypted_key[1:17] != _compute_binding(owner, service):
        return None
    with contextlib.suppress(IntegrityError):
        return decrypt(SECRET, encrypted_key, *load_master_keys(services.config)).decode("ascii")
    return None


def get_obstacle(services: Services, owner: Owner, name: str, service: SearchService) -> str:
    """Return the reason why a search service may not be queried, or an empty string.

    Reasons are ``no-key`` and ``no-consent`` (to send copies of works).
    """
    if service.key_form and get_key(services, owner, name) is None:
        return "no-key"
    if not service.takes_pictures or owner.search_consents.filter(service=name, host=service.host).exists():
        return ""
    return "no-consent"


def get_price(owner: Owner, name: str, service: SearchService) -> Price | None:
    """Return the price of an owner's request: the owner's setting or the mapping's price, or ``None`` if unknown."""
    own_price = owner.search_keys.filter(service=name).values_list("price", flat=True).first()
    return Price(**own_price) if own_price else service.price


def set_price(services: Services, owner: Owner, name: str, price: Price | None, *, by: str) -> None:
    """Set an owner's price as of today, or reset it to the mapping's price.

    Raises ``InvalidRequestError`` if the owner has no key.
    """
    service = get_service(services.config, name)
    stored_price = None if price is None else asdict(price) | {"looked_up": now().date().isoformat()}
    with transaction.atomic():
        if not owner.search_keys.filter(service=name).update(price=stored_price):
            hint = Sentence("A price can be set only for a stored key.")
            raise InvalidRequestError(Sentence("There is no key for %(name)s.", name=service.name), hint=hint)
        log_change("search price set", by=by, owner=owner, details={"service": name, "price": stored_price})


def record_consent(services: Services, owner: Owner, name: str, *, by: str) -> None:
    """Record an owner's consent to send copies of works to a search service, replacing an earlier one.

    The consent is valid only for the service's current host. Raises ``InvalidRequestError`` for services that search
    for words.
    """
    service = get_service(services.config, name)
    if not service.takes_pictures:
        raise InvalidRequestError(Sentence("Exhibit does not send pictures to %(name)s.", name=service.name))
    with transaction.atomic():
        values = {"host": service.host, "given_by": by, "given_at": now()}
        SearchConsent.objects.update_or_create(owner=owner, service=name, defaults=values)
        log_change("search consent given", by=by, owner=owner, details={"service": name, "host": service.host})


def withdraw_consent(owner: Owner, service: str, *, by: str) -> bool:
    """Withdraw an owner's consent to a search service; return True if there was one."""
    return _delete(owner.search_consents.filter(service=service), "search consent withdrawn", service, owner, by=by)


def _delete(rows: QuerySet[Any], entry_title: str, service: str, owner: Owner, *, by: str) -> bool:
    with transaction.atomic():
        if was_deleted := rows.delete()[0] > 0:
            log_change(entry_title, by=by, owner=owner, details={"service": service})
    return was_deleted


def _compute_binding(owner: Owner, service: str) -> bytes:
    """Return the digest that binds a key to its owner and service; a key is not decrypted for any others."""
    return hashlib.blake2b(f"search key {owner.pk} {service}".encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Estimate:
    """The maximum number of requests of a run to a search service, and their cost without free quotas or repeats."""

    search: str  # short name
    name: str  # display name
    searches: int  # number of pictures of works, or of queries
    pages: int  # number of requests per picture or query
    price: Price | None  # price of a request; ``None`` if unknown

    @property
    def cost(self) -> Money | None:
        """The cost of a run; ``None`` if unknown."""
        if self.price is None:
            return None
        return Money(self.searches * self.pages * self.price.each.millionths, self.price.each.currency)


def estimate_costs(
    services: Services,
    owner: Owner,
    names: Collection[str],
    *,
    budget: Mapping[str, Any],
    **search_subjects: Unpack[Subjects],
) -> list[Estimate]:
    """Estimate the cost of each search service; raises the errors of :func:`registry.crawls.watches.set_up_watch`."""
    names, words, works = (
        list(dict.fromkeys(names)),
        search_subjects.get("words") or (),
        search_subjects.get("works") or (),
    )
    search_services = get_services_for(services.config, names, words, works)
    check_costs(services, owner, names, budget)
    default_searches = min((service.pace.searches for service in search_services), default=0)
    pictures = (
        inquiries.list_pictures(owner.pk, works).count()
        if any(search_service.takes_pictures for search_service in search_services)
        else 1
    )
    searches = min(int(budget.get("searches", default_searches)), len(words) or pictures)
    return [
        Estimate(name, search_service.name, searches, search_service.pace.pages, get_price(owner, name, search_service))
        for name, search_service in zip(names, search_services, strict=True)
    ]


def check_costs(services: Services, owner: Owner, names: Collection[str], budget: Mapping[str, Any]) -> None:
    """Reject a money limit that would prevent every request.

    Raises:
        InvalidRequestError: A service's price is unknown or in another currency.
    """
    for limit, name in product(budgets.parse_limits(budget).values(), names):
        service = get_service(services.config, name)
        price = get_price(owner, name, service)
        if price is None:
            message = Sentence(
                "The price of %(name)s is unknown, so a spending limit cannot be applied.", name=service.name
            )
        elif price.each.currency != limit.currency:
            message = Sentence(
                "The price of %(name)s is in %(code)s, but the spending limit is in another currency.",
                name=service.name,
                code=price.each.currency,
            )
        else:
            continue
        hint = Sentence(
            "Enter the price that your account pays: exhibit api PUT searches/%(search)s/price --json "
            '\'{"amount": "3.50USD", "requests": 1000}\'',
            search=name,
        )
        raise InvalidRequestError(message, hint=hint)
