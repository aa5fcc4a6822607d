"""Test that requests between partners are signed, bound to one receiver and call, recent, and accepted once."""

import json
from datetime import timedelta

import pytest
from pytest_django.live_server_helper import LiveServer

from evidence.keys.ed25519 import KeySigner
from evidence.log.notes import format_cosigner_key
from exhibit.clock import format_rfc3339, now
from exhibit.errors import ConflictError, RefusedError, ServiceMissingError
from registry.alliance import partners
from registry.alliance.signed_calls import SIGNATURE_PREFIX, call_partner, receive_request
from registry.log.local_log import get_log
from registry.services.services import Services
from tests.assets.partners import new_signer, partner_of
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner


def sign_request(services: Services, signer: KeySigner, **other: object) -> tuple[bytes, str]:
    request_body = {"from": "b.example/log", "to": get_log(services).origin, "call": "heads"}
    body = json.dumps({**request_body, "at": format_rfc3339(now()), "nonce": "ab" * 16, **other}).encode()
    return body, signer.sign(SIGNATURE_PREFIX + body).hex()


@pytest.fixture
def services(inline: SyncRunner) -> Services:
    return inline.services


@pytest.fixture
def signer() -> KeySigner:
    return new_signer()


def test_replayed_partner_request_is_rejected(services: Services, signer: KeySigner) -> None:
    row = partner_of(signer)
    body, signature = sign_request(services, signer)
    assert receive_request(services, body, signature, "heads") == row
    assert partners.count_calls(row, "heads", now() - timedelta(hours=1)) == 1
    with pytest.raises(ConflictError):
        receive_request(services, body, signature, "heads")


@pytest.mark.parametrize(
    "other",
    [
        {"to": "c.example/log"},
        {"call": "other"},
        {"at": "2020-01-01T00:00:00.000000Z"},
        {"at": "0001-01-01T00:00:00+14:00"},
        {"nonce": "short"},
        {"from": "nobody.example/log"},
    ],
    ids=str,
)
def test_misaddressed_or_outdated_request_is_rejected(
    services: Services, signer: KeySigner, other: dict[str, object]
) -> None:
    partner_of(signer)
    with pytest.raises(RefusedError):
        receive_request(services, *sign_request(services, signer, **other), "heads")


def test_forged_or_altered_request_is_rejected(services: Services, signer: KeySigner) -> None:
    partner_of(signer)
    body, signature = sign_request(services, new_signer())
    with pytest.raises(RefusedError):
        receive_request(services, body, signature, "heads")
    body, signature = sign_request(services, signer)
    with pytest.raises(RefusedError):
        receive_request(services, body.replace(b"heads", b"heads "), signature, "heads")
    for broken in (b"", b"[]", b"{}", b"{" * 100_000, b"\xff"):
        with pytest.raises(RefusedError):
            receive_request(services, broken, signature, "heads")


def test_request_of_revoked_partner_is_rejected(services: Services, signer: KeySigner) -> None:
    partners.revoke_partner(partner_of(signer), by="operator", reason="Its log has forked")
    with pytest.raises(RefusedError):
        receive_request(services, *sign_request(services, signer), "heads")


@pytest.mark.django_db(transaction=True)
def test_installations_exchange_signed_requests(services: Services, live_server: LiveServer, signer: KeySigner) -> None:
    url = live_server.url.replace("localhost", "127.0.0.1")
    itself = partners.add_partner(
        "itself", url, get_log(services).get_verifier_key(), format_cosigner_key("b/witness", signer.public_key), by=""
    )
    assert call_partner(services, itself, "heads", {}) == {"heads": [], "forks": []}
    with pytest.raises(RefusedError):
        call_partner(services, itself, "nothing", {})
    partners.revoke_partner(itself, by="operator", reason="")
    with pytest.raises(RefusedError):
        call_partner(services, itself, "heads", {})


@pytest.mark.parametrize(
    "body", [b'{"heads":' + b"[" * 64 + b"]" * 64 + b"}", b'{"heads": "\\ud800"}', b'{"heads": 1e999}', b"[]"]
)
def test_invalid_response_is_reported(services: Services, signer: KeySigner, body: bytes) -> None:
    with Site() as site:
        site.routes["/api/v1/alliance/heads"] = Answer(body, "application/json")
        row = partner_of(signer, url=site.url(""))
        with pytest.raises(ServiceMissingError):
            call_partner(services, row, "heads", {})


def test_partner_error_message_is_single_line(services: Services, signer: KeySigner) -> None:
    with Site() as site:
        body = b'{"detail": "Not\\u0000\\n now"}'
        site.routes["/api/v1/alliance/heads"] = Answer(body, "application/json", status=403)
        row = partner_of(signer, url=site.url(""))
        with pytest.raises(RefusedError, match=r"\bb\b.*Not now$"):
            call_partner(services, row, "heads", {})


def test_unreachable_partner_is_reported(services: Services, signer: KeySigner) -> None:
    with pytest.raises(ServiceMissingError, match=r"\bb\b"):
        call_partner(services, partner_of(signer), "heads", {}, seconds=2)
