"""Requests between partners: JSON, signed with the requesting installation's log key, for one receiver and one use.

A request contains its sender, receiver, subject, time and nonce. The ``Exhibit-Signature`` header contains the
signature (Ed25519, hexadecimal) of :data:`SIGNATURE_PREFIX` and the bytes of the body (docs/reference/protocols.md).
Cards contain the URL and keys by which installations know each other.
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
from evidence.keys.ed25519 import is_valid_signature
from evidence.log.notes import format_cosigner_key, parse_cosigner_key, parse_verifier_key
from exhibit.clock import now, parse_rfc3339, rfc3339
from exhibit.errors import RefusedError, ServiceMissingError, WrongUseError
from exhibit.network.addresses import host_of, origin_of
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session, read_limited
from exhibit.network.operator_urls import named_addresses, named_ports
from exhibit.plain import one_line
from exhibit.sentences import Sentence
from registry.alliance import partners
from registry.alliance.models import Partner
from registry.log.local_log import get_log, get_witness_signer, witness_name
from registry.services.addresses import absolute
from registry.services.services import Services

SIGNATURE_PREFIX = b"exhibit partner call v1\n"
"""Prefix of signed request bodies; no log checkpoint starts like this."""
SIGNATURE = "Exhibit-Signature"
CALL_PATH = "/api/v1/alliance/"
MAX_RESPONSE = 8_000_000
"""Maximum size of an answer, in bytes."""
MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)
"""Maximum difference between the clocks of two installations, including transmission."""
_SIGNATURE_FORMAT = re.compile("[0-9a-f]{128}")
FORMAT = "exhibit-partner/1"
MAX_CARD = 10_000
"""Maximum size of a card, in bytes."""
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def call_partner(
    services: Services, partner: Partner, call: str, about: Mapping[str, Any], *, seconds: float = 30.0
) -> dict[str, Any]:
    """Send a request to a partner and return its answer.

    Args:
        services: The services.
        partner: The partner.
        call: Name of the request.
        about: Contents of the request, plain JSON.
        seconds: Timeout.

    Returns:
        The answer, a JSON object.

    Raises:
        ServiceMissingError: The partner does not respond in time.
        RefusedError: The partner refuses, with its explanation, or the address guard blocks the request.
    """
    return send(services, partner, call, signed_request(services, partner, call, about), seconds=seconds)


def signed_request(services: Services, partner: Partner, call: str, about: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return the body and signature of a request, with the current time and a new nonce."""
    envelope = {
        "from": get_log(services).origin,
        "to": partner.origin,
        "at": rfc3339(now()),
        "nonce": secrets.token_hex(16),
    }
    body = json.dumps({**about, **envelope, "call": call}).encode()
    return body, get_log(services).sign(SIGNATURE_PREFIX + body).hex()


def send(
    services: Services, partner: Partner, call: str, signed: tuple[bytes, str], *, seconds: float
) -> dict[str, Any]:
    """Send a signed request and return the answer; raises as :func:`call_partner`. Uses no database."""
    body, signature = signed
    headers = {"Content-Type": "application/json", SIGNATURE: signature}
    address = partner.url.rstrip("/") + CALL_PATH + call
    try:
        with session_for(services, partner.url, seconds) as session:
            response = session.post(address, body, headers=headers, allow_redirects=False)
            content = parse_json(read_limited(response, MAX_RESPONSE, seconds), what="the answer")
    except (requests.RequestException, FormatError) as error:
        raise ServiceMissingError(f"The partner {partner.name} doesn't answer: {type(error).__name__}.") from error
    if not isinstance(content, dict) or response.status_code >= requests.codes.server_error:
        raise ServiceMissingError(f"The partner {partner.name} can't answer now ({response.status_code}).")
    if not response.ok:
        explanation = one_line(str(content.get("detail", response.status_code)))[:300]
        raise RefusedError(f"The partner {partner.name} says: {explanation}", reason="partner")
    return content


def session_for(services: Services, url: str, seconds: float = 30.0) -> requests.Session:
    """Return a guarded session that reaches a site at the address approved by the operator, and the public internet."""
    networks = (*services.config.allowed_networks, *named_addresses([url]))
    guard = Guard(allowed_networks=networks, allowed_ports=frozenset((80, 443, *named_ports([url]))))
    return guarded_session(guard, timeout=seconds, user_agent=services.user_agent)


def fetch(session: requests.Session, address: str, max_bytes: int, seconds: float = 30.0) -> bytes:
    """Fetch a public file of a site; raises ``ServiceMissingError``, or ``RefusedError`` if it is too large."""
    try:
        with session.get(address, allow_redirects=False) as response:
            response.raise_for_status()
            return read_limited(response, max_bytes, seconds)
    except requests.RequestException as error:
        sentence = Sentence("%(address)s could not be read: %(why)s.", address=address, why=type(error).__name__)
        raise ServiceMissingError(sentence) from error


def receive(
    services: Services, body: bytes, signature: str, call: str, limit: Callable[[str], None] = lambda _ident: None
) -> Partner:
    """Accept a request and return its sender, after verifying signature, receiver, call, time and nonce.

    Args:
        services: The services.
        body: The signed body.
        signature: The signature, hexadecimal.
        call: The expected call.
        limit: Raises an exception if the sender makes too many requests. The request is then not recorded and may be
            repeated.

    Returns:
        The partner that sent the request.

    Raises:
        RefusedError: The request is invalid.
        ConflictError: The request was received before.
    """
    try:
        request = parse_json(body, what="the request")
        sender, receiver, nonce = (str(request[name]) for name in ("from", "to", "nonce"))
        clock_difference = abs(parse_rfc3339(str(request["at"])) - now())
        is_addressed = (
            receiver == get_log(services).origin and request["call"] == call and re.fullmatch("[0-9a-f]{32}", nonce)
        )
    except (FormatError, ValueError, KeyError, TypeError):
        raise RefusedError("This isn't a partner's request.", reason="partner") from None
    partner = partners.find_by_log(sender)
    signed = bytes.fromhex(signature) if _SIGNATURE_FORMAT.fullmatch(signature) else b""
    if partner is None or not is_valid_signature(
        parse_verifier_key(partner.log_key)[1], signed, SIGNATURE_PREFIX + body
    ):
        raise RefusedError("No partner here has signed this.", reason="partner")
    if not is_addressed:
        raise RefusedError("The request is meant for another log, or for another call.", reason="partner")
    if clock_difference > MAX_CLOCK_DIFFERENCE:
        raise RefusedError("The request is old, or one of the two clocks is wrong.", reason="partner")
    limit(f"partner:{partner.pk}")
    partners.record_call(partner, nonce, call)
    return partner


@dataclass(frozen=True, slots=True)
class Card:
    """An installation's own statement of its URL and keys."""

    url: str  # URL of its site
    log: str  # its log's key (C2SP signed-note)
    witness: str  # its key for cosignatures (C2SP tlog-cosignature)
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
    """Return this installation's card as plain JSON."""
    witness = format_cosigner_key(witness_name(services), get_witness_signer(services).public_key)
    return {
        "format": FORMAT,
        "url": absolute(services.config),
        "log": get_log(services).vkey(),
        "witness": witness,
    }


def read_card(services: Services, data: bytes) -> Card:
    """Parse another installation's card; raises ``WrongUseError`` if it is invalid, or this installation's own."""
    try:
        plain = parse_json(data, what="the card", limit=MAX_CARD)
        card = Card(**{name: str(value) for name, value in plain.items()})
    except (FormatError, ValueError, TypeError, AttributeError):
        hint = "Its operator creates it: exhibit api GET /operator/card"
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
    """Fetch a site's card; raises ``ServiceMissingError``."""
    with session_for(services, url) as session:
        return fetch(session, f"{url.rstrip('/')}/witness/card", MAX_CARD)
