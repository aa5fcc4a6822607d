"""Test that a partner can request a visit with its signature, within its daily limit, for public URLs."""

import json
import secrets
import time

import pytest
from django.test import Client

from desk.api.common import limits
from evidence.keys.ed25519 import KeySigner
from exhibit.clock import now, rfc3339
from registry.alliance import partners
from registry.alliance.signed_calls import HEAD, SIGNATURE
from registry.log.own_log import get_log
from registry.models import LogSubmission, Partner
from tests.assets.pages import numbers_in
from tests.assets.partners import new_signer, partner_of
from workers import wiring

ADDRESS = "/api/v1/alliance/capture"
PAGE = {"page": "http://127.0.0.1:9/", "picture": "http://127.0.0.1:9/a.jpg", "challenge": "ab" * 32}


@pytest.fixture
def signer(db: None) -> KeySigner:
    signer = new_signer()
    partners.set_captures(partner_of(signer), visits=2, by="operator")
    return signer


def asked(signer: KeySigner, **about: str) -> tuple[int, dict[str, object]]:
    envelope = {
        "from": "b.example/log",
        "to": get_log(wiring.services()).origin,
        "call": "capture",
        "at": rfc3339(now()),
    }
    body = json.dumps({**PAGE, **about, **envelope, "nonce": secrets.token_hex(16)})
    headers = {SIGNATURE: signer.sign(HEAD + body.encode()).hex()}
    answer = Client().post(ADDRESS, body, "application/json", headers=headers)
    return answer.status_code, answer.json()


def test_a_visit_is_made_sealed_and_counted(signer: KeySigner, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:  # a request refused by the rate limit is not a visit
        patched.setattr(time, "time", lambda: 4_100_000_000.0)
        key = f"exhibit:api:partner:{Partner.objects.get().pk}:{int(time.time()) // 60}"
        limits._redis().set(key, 10**6, ex=60)
        assert [asked(signer)[0] for _ in range(3)] == [429] * 3
    status, told = asked(signer)
    assert status == 200
    assert set(told) == {"statement", "sequence", "time", "salt", "size", "path", "checkpoint"}
    statement = told["statement"]
    assert isinstance(statement, dict)
    assert (statement["challenge"], statement["page"]["reason"]) == ("ab" * 32, "not-visited")  # nothing private
    assert asked(signer, picture="")[0] == 200
    status, told = asked(signer)
    assert (status, numbers_in(str(told["detail"]))) == (403, ["2"])
    assert LogSubmission.objects.filter(type="cocapture").count() == 2


@pytest.mark.parametrize(
    "about",
    [{"page": "ftp://a.example/"}, {"page": "https://a.example/\0"}, {"picture": "https://a.example/\n"},
     {"page": ""}, {"page": "file:///etc/passwd"}, {"picture": "data:image/png;base64,"},
     {"challenge": "ab"}, {"page": "https://a.example/" + "x" * 4_000}],
    ids=lambda about: str(about)[:40],
)  # fmt: skip
def test_what_is_no_address_of_the_web_is_refused(signer: KeySigner, about: dict[str, str]) -> None:
    assert asked(signer, **about)[0] == 400
    assert not LogSubmission.objects.filter(type="cocapture").exists()


def test_nobody_else_has_visits_made(signer: KeySigner) -> None:
    assert asked(new_signer())[0] == 403
