"""Requests between partners: JSON signed with the sender's log key, valid for one receiver and one use.

A request contains its sender, receiver, subject, time and nonce. The ``Exhibit-Signature`` header contains the
signature (Ed25519, hexadecimal) of :data:`SIGNATURE_PREFIX` and the bytes of the body (docs/reference/protocols.md).
Cards contain the URL and the public keys of an installation.
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
from exhibit.clock import format_rfc3339, now, parse_rfc3339
from exhibit.errors import InvalidRequestError, RefusedError, ServiceMissingError
from exhibit.network.addresses import get_url_host, get_url_origin
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session, read_limited
from exhibit.network.operator_urls import list_literal_networks, list_ports
from exhibit.plain import to_one_line
from exhibit.sentences import Sentence
from registry.alliance import partners
from registry.alliance.models import Partner
from registry.log.local_log import get_log, get_witness_name, get_witness_signer
from registry.services.addresses import build_absolute_url
from registry.services.services import Services

SIGNATURE_PREFIX = b"exhibit partner call v1\n"
"""Prefix of signed request bodies; no log checkpoint starts like this."""
SIGNATURE_HEADER = "Exhibit-Signature"
CALL_PATH = "/api/v1/alliance/"
MAX_RESPONSE = 8_000_000
"""Maximum size of a response, in bytes."""
MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)
"""Maximum difference between the clocks of two installations, including transmission."""
_SIGNATURE_FORMAT = re.compile("[0-9a-f]{128}")
FORMAT = "exhibit-partner/1"
MAX_CARD = 10_000
"""Maximum size of a card, in bytes."""
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def call_partner(
    services: Services, partner: Partner, call: str, parameters: Mapping[str, Any], *, seconds: float = 30.0
) -> dict[str, Any]:
    """Send a request to a partner and return the response.

    Args:
        services: The services.
        partner: The partner.
        call: Name of the request.
        parameters: Contents of the request, plain JSON.
        seconds: Timeout in seconds.

    Returns:
        The response, a JSON object.

    Raises:
        ServiceMissingError: The partner does not respond in time.
        RefusedError: The partner refuses, with its explanation, or the address guard blocks the request.
    """
    return send_request(services, partner, call, sign_request(services, partner, call, parameters), seconds=seconds)


def sign_request(services: Services, partner: Partner, call: str, parameters: Mapping[str, Any]) -> tuple[bytes, str]:
    """Build a request with the current time and a new nonce; return its body and signature."""
    envelope = {
        "from": get_log(services).origin,
        "to": partner.origin,
        "at": format_rfc3339(now()),
        "nonce": secrets.token_hex(16),
    }
    body = json.dumps({**parameters, **envelope, "call": call}).encode()
    return body, get_log(services).sign(SIGNATURE_PREFIX + body).hex()


def send_request(
    services: Services, partner: Partner, call: str, signed_call: tuple[bytes, str], *, seconds: float
) -> dict[str, Any]:
    """Send a signed request and return the response. Raises the same errors as :func:`call_partner`.

    Does not use the database, so it can run in a thread.
    """
    body, signature = signed_call
    headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature}
    url = partner.url.rstrip("/") + CALL_PATH + call
    try:
        with open_session(services, partner.url, seconds) as session:
            response = session.post(url, body, headers=headers, allow_redirects=False)
            content = parse_json(read_limited(response, MAX_RESPONSE, seconds), label="the response")
    except (requests.RequestException, FormatError) as error:
        raise ServiceMissingError(f"{partner.name} sent no valid response: {type(error).__name__}.") from error
    if not isinstance(content, dict) or response.status_code >= requests.codes.server_error:
        raise ServiceMissingError(f"{partner.name} sent no valid response ({response.status_code}).")
    if not response.ok:
        explanation = to_one_line(str(content.get("detail", response.status_code)))[:300]
        raise RefusedError(f"The partner {partner.name} refused the request: {explanation}", reason="partner")
    return content


def open_session(services: Services, url: str, seconds: float = 30.0) -> requests.Session:
    """Return a guarded HTTP session for a site. It can reach the site's configured address and the public internet."""
    networks = (*services.config.allowed_networks, *list_literal_networks([url]))
    guard = Guard(allowed_networks=networks, allowed_ports=frozenset((80, 443, *list_ports([url]))))
    return create_guarded_session(guard, timeout=seconds, user_agent=services.user_agent)


def fetch_file(session: requests.Session, url: str, max_bytes: int, seconds: float = 30.0) -> bytes:
    """Fetch a public file of a site.

    Raises:
        ServiceMissingError: The site does not respond, or responds with an error.
        RefusedError: The file is too large.
    """
    try:
        with session.get(url, allow_redirects=False) as response:
            response.raise_for_status()
            return read_limited(response, max_bytes, seconds)
    except requests.RequestException as error:
        sentence = Sentence("%(address)s could not be read: %(why)s.", address=url, why=type(error).__name__)
        raise ServiceMissingError(sentence) from error


def receive_request(
    services: Services, body: bytes, signature: str, call: str, check_rate: Callable[[str], None] = lambda _ident: None
) -> Partner:
    """Verify a request's signature, receiver, call, time and nonce, record it, and return its sender.

    Args:
        services: The services.
        body: The signed body.
        signature: The signature, hexadecimal.
        call: The expected call.
        check_rate: Function that raises an exception if the sender makes too many requests. The request is then not
            recorded and may be repeated.

    Returns:
        The partner that sent the request.

    Raises:
        RefusedError: The request is invalid.
        ConflictError: The request was received before.
    """
    try:
        request = parse_json(body, label="the request")
        sender, receiver, nonce = (str(request[name]) for name in ("from", "to", "nonce"))
        clock_difference = abs(parse_rfc3339(str(request["at"])) - now())
        is_addressed = (
            receiver == get_log(services).origin and request["call"] == call and re.fullmatch("[0-9a-f]{32}", nonce)
        )
    except (FormatError, ValueError, KeyError, TypeError):
        raise RefusedError("This is not a valid request from a partner.", reason="partner") from None
    partner = partners.find_partner_by_log(sender)
    raw_signature = bytes.fromhex(signature) if _SIGNATURE_FORMAT.fullmatch(signature) else b""
    if partner is None or not is_valid_signature(
        parse_verifier_key(partner.log_key)[1], raw_signature, SIGNATURE_PREFIX + body
    ):
        raise RefusedError("No partner of this installation has signed this request.", reason="partner")
    if not is_addressed:
        raise RefusedError("The request is for another log, or for another operation.", reason="partner")
    if clock_difference > MAX_CLOCK_DIFFERENCE:
        raise RefusedError("The request is too old, or one of the two clocks is wrong.", reason="partner")
    check_rate(f"partner:{partner.pk}")
    partners.record_call(partner, nonce, call)
    return partner


@dataclass(frozen=True, slots=True)
class InstallationCard:
    """An installation's URL and public keys, as it states them."""

    url: str  # URL of its site
    log: str  # its log's key (C2SP signed-note)
    witness: str  # its key for cosignatures (C2SP tlog-cosignature)
    format: str = FORMAT

    def __post_init__(self) -> None:
        scheme = get_url_origin(self.url).partition(":")[0]
        if scheme != "https" and not (scheme == "http" and get_url_host(self.url) in LOCAL_HOSTS):
            raise InvalidRequestError("The URL of a partner must start with https://.")
        if self.format != FORMAT or to_one_line(self.url) != self.url or len(self.url) > 300:
            raise ValueError
        parse_verifier_key(self.log)
        parse_cosigner_key(self.witness)


def build_own_card(services: Services) -> dict[str, str]:
    """Return this installation's card as plain JSON."""
    cosigner_key = format_cosigner_key(get_witness_name(services), get_witness_signer(services).public_key)
    return {
        "format": FORMAT,
        "url": build_absolute_url(services.config),
        "log": get_log(services).get_verifier_key(),
        "witness": cosigner_key,
    }


def parse_card(services: Services, data: bytes) -> InstallationCard:
    """Parse another installation's card.

    Raises ``InvalidRequestError`` if it is invalid, or this installation's own.
    """
    try:
        fields = parse_json(data, label="the card", limit=MAX_CARD)
        card = InstallationCard(**{name: str(value) for name, value in fields.items()})
    except (FormatError, ValueError, TypeError, AttributeError):
        hint = "The partner's operator creates the card: exhibit api GET /operator/card"
        raise InvalidRequestError("This is not the card of an installation.", hint=hint) from None
    if parse_verifier_key(card.log)[0] == get_log(services).origin:
        hint = "Each installation needs its own log_origin, such as exhibit.example.org/log."
        raise InvalidRequestError(
            f"The partner's log has the same name as this log: {get_log(services).origin}.", hint=hint
        )
    own_keys = {
        get_witness_signer(services).public_key,
        *(parse_verifier_key(vkey)[1] for vkey in get_log(services).list_verifier_keys()),
    }
    if own_keys & {parse_verifier_key(card.log)[1], parse_cosigner_key(card.witness)[1]}:
        raise InvalidRequestError("The card contains a key of this installation, which cannot be its own partner.")
    return card


def fetch_card(services: Services, url: str) -> bytes:
    """Fetch the card of the installation at a URL; raises ``ServiceMissingError`` if the site does not respond."""
    with open_session(services, url) as session:
        return fetch_file(session, f"{url.rstrip('/')}/witness/card", MAX_CARD)
