"""A passkey in a real browser, under the site's own rules for scripts."""

from urllib.parse import parse_qs, urlsplit

from allauth.mfa.models import Authenticator
from django.test import Client

from registry.accounts import people
from tests.assets.rows import owner
from tests.assets.site_browser import PHONE, Site

PASSWORD = "correct horse battery staple"


def test_a_passkey_is_added_and_is_enough_to_sign_in(site: Site) -> None:
    people.add_member(owner("studio"), "ann@example.org", "owner", PASSWORD, by="test")
    ann = site.nobody(size=PHONE)
    page = ann.page
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    present = {"isUserVerified": True, "automaticPresenceSimulation": True}
    device.send("WebAuthn.addVirtualAuthenticator", {"options": {**kind, **present}})
    ann.open("/sign-in/")
    page.get_by_label("E-mail address").fill("ann@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/o/studio/cases/")
    ann.open("/account/2fa/webauthn/add/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/webauthn/add/")
    page.locator("#id_passwordless").check()
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/recovery-codes/**")
    assert Authenticator.objects.filter(type="webauthn").count() == 1
    page.locator("details.account summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in/")
    with page.expect_request(lambda request: request.method == "POST" and "webauthn" in request.url) as asked:
        page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/o/studio/cases/")
    sent = parse_qs(asked.value.post_data or "")
    assert set(sent) >= {"credential"}
    for _ in range(2):  # somebody who saw the answer has a session and a challenge of their own, or none
        thief = Client()
        said = thief.post(urlsplit(asked.value.url).path, {"credential": sent["credential"][0]})
        assert "_auth_user_id" not in thief.session, said
        thief.get(urlsplit(asked.value.url).path)
