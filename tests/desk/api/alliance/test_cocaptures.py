"""Test that a partner can request a visit with its signature, within its daily limit, for public URLs."""

import json
import secrets
import time

import pytest
from django.test import Client

from desk.api.common import limits
from evidence.keys.ed25519 import KeySigner
from exhibit.clock import format_rfc3339, now
from registry.alliance import partners
from registry.alliance.signed_calls import SIGNATURE_HEADER, SIGNATURE_PREFIX
from registry.log.local_log import get_log
from registry.models import LogSubmission, Partner
from tests.assets.pages import numbers_in
from tests.assets.partners import new_signer, partner_of
from workers import wiring

CAPTURE_URL = "/api/v1/alliance/capture"
PAGE = {"page": "http://127.0.0.1:9/", "picture": "http://127.0.0.1:9/a.jpg", "challenge": "ab" * 32}


@pytest.fixture
def signer(db: None) -> KeySigner:
    signer = new_signer()
    partners.set_cocapture_options(partner_of(signer), visits=2, by="operator")
    return signer


def request_capture(signer: KeySigner, **fields: str) -> tuple[int, dict[str, object]]:
    envelope = {
        "from": "b.example/log",
        "to": get_log(wiring.services()).origin,
        "call": "capture",
        "at": format_rfc3339(now()),
    }
    body = json.dumps({**PAGE, **fields, **envelope, "nonce": secrets.token_hex(16)})
    headers = {SIGNATURE_HEADER: signer.sign(SIGNATURE_PREFIX + body.encode()).hex()}
    response = Client().post(CAPTURE_URL, body, "application/json", headers=headers)
    return response.status_code, response.json()


def test_visit_for_partner_is_captured_and_counted(signer: KeySigner, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:  # a request refused by the rate limit is not a visit
        patched.setattr(time, "time", lambda: 4_100_000_000.0)
        key = f"exhibit:api:partner:{Partner.objects.get().pk}:{int(time.time()) // 60}"
        limits._get_redis().set(key, 10**6, ex=60)
        assert [request_capture(signer)[0] for _ in range(3)] == [429] * 3
    status, body = request_capture(signer)
    assert status == 200
    assert set(body) == {"statement", "sequence", "time", "salt", "size", "path", "checkpoint"}
    statement = body["statement"]
    assert isinstance(statement, dict)
    assert (statement["challenge"], statement["page"]["reason"]) == ("ab" * 32, "not-visited")  # nothing private
    assert request_capture(signer, picture="")[0] == 200
    status, body = request_capture(signer)
    assert (status, numbers_in(str(body["detail"]))) == (403, ["2"])
    assert LogSubmission.objects.filter(type="cocapture").count() == 2


@pytest.mark.parametrize(
    "about",
    [{"page": "ftp://a.example/"}, {"page": "https://a.example/\0"}, {"picture": "https://a.example/\n"},
     {"page": ""}, {"page": "file:///etc/passwd"}, {"picture": "data:image/png;base64,"},
     {"challenge": "ab"}, {"page": "https://a.example/" + "x" * 4_000}],
    ids=lambda about: str(about)[:40],
)  # fmt: skip
def test_invalid_web_urls_are_rejected(signer: KeySigner, about: dict[str, str]) -> None:
    assert request_capture(signer, **about)[0] == 400
    assert not LogSubmission.objects.filter(type="cocapture").exists()


def test_only_partners_can_request_visits(signer: KeySigner) -> None:
    assert request_capture(new_signer())[0] == 403
