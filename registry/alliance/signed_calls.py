"""Requests between partners: JSON that the asking installation signs with its log's key, for one receiver, once.

A request states who asks whom for what, when, and a nonce. The header ``Exhibit-Signature`` holds the signature
(Ed25519, hexadecimal) of :data:`HEAD` and the bytes of the body (docs/protocols.md). Cards tell two installations the
address and the keys by which they know each other.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import requests

from evidence.formats.codec import FormatError, parse_json
from evidence.keys.ed25519 import holds
from evidence.log.notes import cosigner_key, parse_cosigner_key, parse_verifier_key
from exhibit.clock import now, parse_rfc3339, rfc3339
from exhibit.errors import RefusedError, ServiceMissingError, WrongUseError
from exhibit.network.addresses import host_of, origin_of
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session, read_limited
from exhibit.plain import one_line
from exhibit.sentences import Sentence
from registry.alliance import partners
from registry.alliance.models import Partner
from registry.log.own_log import get_log, get_witness_signer, witness_name
from registry.services.addresses import absolute
from registry.services.anchors import named_addresses, named_ports
from registry.services.services import Services

HEAD = b"exhibit partner call v1\n"
"""What is signed before the body: no head of a log begins like this."""
SIGNATURE = "Exhibit-Signature"
PLACE = "/api/v1/alliance/"
MAX_ANSWER = 8_000_000
"""Bytes of an answer."""
MAX_APART = timedelta(minutes=5)
"""By so much the clocks of two installations may differ, the way included."""
_SIGNED = re.compile("[0-9a-f]{128}")
FORMAT = "exhibit-partner/1"
MAX_CARD = 10_000
"""Bytes of a card."""
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def ask(
    services: Services, partner: Partner, call: str, about: Mapping[str, Any], *, seconds: float = 30.0
) -> dict[str, Any]:
    """Ask a partner for something and return its answer; ``about`` is plain JSON.

    Raises ``ServiceMissingError`` when it doesn't answer in so many seconds, ``RefusedError`` with what it says against
    it, or when the guard doesn't let the request out.
    """
    return send(services, partner, call, signed_request(services, partner, call, about), seconds=seconds)


def signed_request(services: Services, partner: Partner, call: str, about: Mapping[str, Any]) -> tuple[bytes, str]:
    """The body of a request and its signature: for once, and as of now."""
    envelope = {
        "from": get_log(services).origin,
        "to": partner.origin,
        "at": rfc3339(now()),
        "nonce": secrets.token_hex(16),
    }
    body = json.dumps({**about, **envelope, "call": call}).encode()
    return body, get_log(services).sign(HEAD + body).hex()


def send(
    services: Services, partner: Partner, call: str, signed: tuple[bytes, str], *, seconds: float
) -> dict[str, Any]:
    """Send a signed request and return the answer, or raise, as `ask` does. Needs no database."""
    body, signature = signed
    headers = {"Content-Type": "application/json", SIGNATURE: signature}
    address = partner.url.rstrip("/") + PLACE + call
    try:
        with session_for(services, partner.url, seconds) as session:
            answer = session.post(address, body, headers=headers, allow_redirects=False)
            told = parse_json(read_limited(answer, MAX_ANSWER, seconds), what="the answer")
    except (requests.RequestException, FormatError) as error:
        raise ServiceMissingError(f"The partner {partner.name} doesn't answer: {type(error).__name__}.") from error
    if not isinstance(told, dict) or answer.status_code >= requests.codes.server_error:
        raise ServiceMissingError(f"The partner {partner.name} can't answer now ({answer.status_code}).")
    if not answer.ok:
        said = one_line(str(told.get("detail", answer.status_code)))[:300]
        raise RefusedError(f"The partner {partner.name} says: {said}", reason="partner")
    return told


def session_for(services: Services, url: str, seconds: float = 30.0) -> requests.Session:
    """A guarded session that reaches a site at the address that the operator has agreed to, and the public internet."""
    networks = (*services.config.allowed_networks, *named_addresses([url]))
    guard = Guard(allowed_networks=networks, allowed_ports=frozenset((80, 443, *named_ports([url]))))
    return guarded_session(guard, timeout=seconds, user_agent=services.user_agent)


def fetch(session: requests.Session, address: str, most: int, seconds: float = 30.0) -> bytes:
    """What a partner's site shows to everybody; raises ``ServiceMissingError``, ``RefusedError`` for more bytes."""
    try:
        with session.get(address, allow_redirects=False) as answer:
            answer.raise_for_status()
            return read_limited(answer, most, seconds)
    except requests.RequestException as error:
        said = Sentence("%(address)s can't be read: %(why)s.", address=address, why=type(error).__name__)
        raise ServiceMissingError(said) from error


def receive(
    services: Services, body: bytes, signature: str, call: str, limit: Callable[[str], None] = lambda _ident: None
) -> Partner:
    """Let a request in: who asks, once it is known that it is theirs, meant for this log and this call, and new.

    ``limit`` raises for one that asks too often, and its request isn't noted: it may come again.
    Raises ``RefusedError`` for whatever it can't be, and ``ConflictError`` for one that came before.
    """
    try:
        asked = parse_json(body, what="the request")
        sender, receiver, nonce = (str(asked[name]) for name in ("from", "to", "nonce"))
        apart = abs(parse_rfc3339(str(asked["at"])) - now())
        meant = receiver == get_log(services).origin and asked["call"] == call and re.fullmatch("[0-9a-f]{32}", nonce)
    except (FormatError, ValueError, KeyError, TypeError):
        raise RefusedError("This isn't a partner's request.", reason="partner") from None
    partner = partners.of_log(sender)
    signed = bytes.fromhex(signature) if _SIGNED.fullmatch(signature) else b""
    if partner is None or not holds(parse_verifier_key(partner.log_key)[1], signed, HEAD + body):
        raise RefusedError("No partner here has signed this.", reason="partner")
    if not meant:
        raise RefusedError("The request is meant for another log, or for another call.", reason="partner")
    if apart > MAX_APART:
        raise RefusedError("The request is old, or one of the two clocks is wrong.", reason="partner")
    limit(f"partner:{partner.pk}")
    partners.note_call(partner, nonce, call)
    return partner


@dataclass(frozen=True, slots=True)
class Card:
    """An installation as it states itself."""

    url: str  # of its site
    log: str  # the key of its log (C2SP signed-note)
    witness: str  # the key with which it cosigns (C2SP tlog-cosignature)
    format: str = FORMAT

    def __post_init__(self) -> None:
        scheme = origin_of(self.url).partition(":")[0]
        if scheme != "https" and not (scheme == "http" and host_of(self.url) in LOCAL):
            raise WrongUseError("A partner's address has to begin with https://.")
        if self.format != FORMAT or one_line(self.url) != self.url or len(self.url) > 300:
            raise ValueError
        parse_verifier_key(self.log)
        parse_cosigner_key(self.witness)


def own_card(services: Services) -> dict[str, str]:
    """This installation's card, as plain JSON."""
    witness = cosigner_key(witness_name(services), get_witness_signer(services).public_key)
    return {
        "format": FORMAT,
        "url": absolute(services.config),
        "log": get_log(services).vkey(),
        "witness": witness,
    }


def read_card(services: Services, data: bytes) -> Card:
    """Another's card; raises ``WrongUseError`` for what isn't one, or for this installation's own."""
    try:
        plain = parse_json(data, what="the card", limit=MAX_CARD)
        card = Card(**{name: str(value) for name, value in plain.items()})
    except (FormatError, ValueError, TypeError, AttributeError):
        hint = "Its operator makes it: exhibit partner card"
        raise WrongUseError("This isn't the card of an installation.", hint=hint) from None
    if parse_verifier_key(card.log)[0] == get_log(services).origin:
        hint = "Each installation needs a log_origin of its own, such as exhibit.example.org/log."
        raise WrongUseError(f"Its log has the name of this one's, {get_log(services).origin}.", hint=hint)
    own = {
        get_witness_signer(services).public_key,
        *(parse_verifier_key(vkey)[1] for vkey in get_log(services).vkeys()),
    }
    if own & {parse_verifier_key(card.log)[1], parse_cosigner_key(card.witness)[1]}:
        raise WrongUseError("The card has a key of this installation: nobody is a partner of their own.")
    return card


def fetch_card(services: Services, url: str) -> bytes:
    """What a site tells as its card; raises ``ServiceMissingError``."""
    with session_for(services, url) as session:
        return fetch(session, f"{url.rstrip('/')}/witness/card", MAX_CARD)
