"""Test confirming a case, reporting an image and revoking a key with a passkey, in a real browser."""

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from django.conf import settings
from django.test import Client, override_settings
from django.urls import reverse
from fido2.utils import websafe_decode
from fido2.webauthn import AttestationObject

from registry.keys.keys import add_device_key
from registry.members import accounts
from registry.models import Case, LogOpening, Owner, PasskeyQuestion, User
from tests.assets.accounts import PASSWORD
from tests.assets.notice_drafts import answer_open_points, create_draft
from tests.assets.passkeys import DeviceMaker
from tests.assets.rows import owner
from tests.assets.site_browser import Site, Visitor
from tests.desk.web.notices.test_views import sign_letter
from tests.registry.keys.test_passkeys import make_case


def add_passkey_user(site: Site) -> Visitor:
    """Ann, signed in, with a passkey on a device that verifies her."""
    accounts.add_member(owner("studio"), "ann@example.org", "owner", PASSWORD, by="test")
    ann = site.anonymous_visitor()
    page = ann.page
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    present = {"isUserVerified": True, "automaticPresenceSimulation": True}
    device.send("WebAuthn.addVirtualAuthenticator", {"options": {**kind, **present}})
    ann.open("/sign-in/")
    page.locator("input[name=login]").fill("ann@example.org")
    page.locator("input[type=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/o/studio/cases/")
    ann.open("/account/2fa/webauthn/add/")
    page.locator("input[type=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/webauthn/add/")
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/recovery-codes/**")
    return ann


@pytest.mark.long
def test_browser_sends_attestation_where_the_operator_requires_it(site: Site, tmp_path: Path) -> None:
    ann, roots = add_passkey_user(site), tmp_path / "root.pem"
    page = ann.page
    roots.write_bytes(DeviceMaker().pem)
    with override_settings(CONFIG=replace(settings.CONFIG, passkey_roots=str(roots))):
        Authenticator.objects.filter(type="webauthn").delete()
        ann.open("/account/2fa/webauthn/add/")
        with page.expect_request(lambda request: request.method == "POST") as request_info:
            page.get_by_role("button", name="Add").click()
        page.locator(".errorlist").wait_for()
        ann.check()
        credential = json.loads(parse_qs(request_info.value.post_data or "")["credential"][0])
        attestation = AttestationObject(websafe_decode(credential["response"]["attestationObject"]))
        of_device = load_der_x509_certificate(attestation.att_stmt["x5c"][-1])  # self-signed: the root of this device
        roots.write_bytes(of_device.public_bytes(Encoding.PEM))
        page.get_by_role("button", name="Add").click()
        page.wait_for_url("**/2fa/")
        ann.open(reverse("security", args=["studio"]))
        page.get_by_text("(packed").wait_for()
        ann.check()


def count_entries(**content: object) -> int:
    return LogOpening.objects.filter(**{f"content__{name}": value for name, value in content.items()}).count()


@pytest.mark.long
def test_sensitive_actions_are_signed_in_the_browser(site: Site) -> None:
    ann = add_passkey_user(site)
    page, studio = ann.page, Owner.objects.get()
    assert count_entries(use="passkey", what="created", member="ann@example.org") == 1
    add_device_key(studio, "laptop", bytes(32), by="ann@example.org")
    case = make_case(site.inline, studio)
    ann.open(reverse("security", args=["studio"]))
    ann.check()
    page.locator("button[name=wanted][value=on]").click()
    page.locator("button[name=wanted][value=off]").wait_for()
    ann.check()

    ann.open(reverse("case", args=["studio", case.number]))
    page.locator("details.confirm summary").click()
    with page.expect_request(
        lambda request: request.method == "POST" and request.url.endswith("/decide")
    ) as request_info:
        page.locator("button[value=confirmed]").click()
    page.locator("#done").wait_for()
    assert Case.objects.get().decision == "confirmed"
    row = PasskeyQuestion.objects.get(entry__isnull=False)
    assert row.statement["subject"]["case"] == str(case.number)
    assert row.key_entry is not None
    assert count_entries(assertion__isnull=False, decision="confirmed") == 1

    letter = create_draft(studio, "dmca", "en", case.number)
    answer_open_points(studio, "Nothing of it holds.")
    ann.open(reverse("notice", args=["studio", letter.number]))
    sign_letter(ann, letter.number)
    assert PasskeyQuestion.objects.exclude(answer="").get(statement__act="sign").statement["subject"]["notice"] == 1
    ann.open(reverse("case", args=["studio", case.number]))

    attacker = Client()  # with only the session and the response that was sent
    attacker.force_login(User.objects.get())
    page.locator("button[value=undo]").first.click()
    page.locator(".message.success").wait_for()
    for passkey in (
        "",
        parse_qs(request_info.value.post_data or "")["passkey"][0],
        '{"id": 1}',
        "[]",
        "{",
        "[" * 10_000,
    ):
        attacker.post(reverse("decide", args=["studio", case.number]), {"decision": "confirmed", "passkey": passkey})
        assert Case.objects.get().decision == "open"

    ann.open(reverse("security", args=["studio"]))
    revoking = page.locator(f'form[action="{reverse("revoke-key", args=["studio"])}"]').first
    revoking.locator("summary").click()
    revoking.locator("input[name=reason]").fill("Lost.")
    revoking.locator("button").click()
    page.locator(".message.success").wait_for()
    assert studio.device_keys.get().revoked_at is not None
    attacker.post(reverse("choose-passkeys", args=["studio"]), {"wanted": "off"})
    assert Owner.objects.get().passkeys
    page.locator("button[name=wanted][value=off]").click()
    page.locator("button[name=wanted][value=on]").wait_for()
    assert not Owner.objects.get().passkeys


@pytest.mark.long
def test_cancelled_prompt_decides_nothing_and_passkey_removal_is_notified(site: Site) -> None:
    ann = add_passkey_user(site)
    page, studio = ann.page, Owner.objects.get()
    case = make_case(site.inline, studio)
    Owner.objects.update(passkeys=True)
    ann.open(reverse("case", args=["studio", case.number]))
    page.evaluate("() => { navigator.credentials.get = () => Promise.reject(new Error('no')) }")
    page.locator("details.confirm summary").click()
    page.locator("button[value=confirmed]").click()
    page.locator("[role=alert]").wait_for()
    key = Authenticator.objects.get(type="webauthn")
    ann.open(f"/account/2fa/webauthn/keys/{key.pk}/remove/")
    page.get_by_role("button", name="Remove").click()
    page.wait_for_url("**/webauthn/")
    assert count_entries(use="passkey", what="removed", member="ann@example.org") == 1
    ann.open(reverse("case", args=["studio", case.number]))
    page.locator("details.confirm summary").click()
    page.locator("button[value=confirmed]").click()
    page.locator("[role=alert]").wait_for()
    ann.errors.clear()  # the console reports the refused request
    assert Case.objects.get().decision == "open"
