"""Test everything that a user does with an account, from the first page to a changed role, in a real browser."""

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.test import Client, override_settings
from playwright.sync_api import Page

from registry.members import accounts
from registry.models import Membership, Role, User
from tests.assets.accounts import PASSWORD, totp_code
from tests.assets.rows import owner
from tests.assets.site_browser import PHONE, BrowserSettings, Site, Visitor

EMAIL = "dora@example.org"
CHINESE = BrowserSettings(language="zh-CN", size=PHONE)
AVOIDED_TERMS = {
    "zh-hans": re.compile(
        "登出|注销|[Pp]asskey|Email|帐|账号|恢复代码|双因素|认证器|token|APP|你的|Name|Passwordless"
        "|[\u4e00-\u9fff] ?[,.:!?;]"
    ),
    "en": re.compile(r"\b[Ee]-mail\b|[Ss]econd factor|Security Key"),
}
"""Words that are not Exhibit's term in a page's language, or not in that language."""


@pytest.fixture
def open_site(site: Site) -> Iterator[Site]:
    """A site with open sign-up and a mail server."""
    cache.clear()  # within minutes an address gets one verification mail
    config = replace(site.services.config, sign_up="open", mail_url="smtp://localhost")
    with override_settings(CONFIG=config):
        yield site


def add_passkey_device(visitor: Visitor) -> None:
    """Give the browser a passkey device with a user present."""
    device = visitor.page.context.new_cdp_session(visitor.page)
    device.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    present = {"isUserVerified": True, "automaticPresenceSimulation": True}
    device.send("WebAuthn.addVirtualAuthenticator", {"options": {**kind, **present}})


def submit_field(page: Page, field: str, text: str) -> None:
    """Type into a field by its name, and submit its form."""
    page.locator(f"[name={field}]").fill(text)
    page.locator(f"form:has([name={field}]) button").first.click()


def check_page(visitor: Visitor) -> None:
    """Verify a page: the requirements of every page, and consistent terms."""
    visitor.check()
    pattern = AVOIDED_TERMS[visitor.page.evaluate("document.documentElement.lang")]
    commands = visitor.page.locator("main code").all_inner_texts()  # they contain field names
    text = visitor.page.locator("main").inner_text()
    for command in commands:
        text = text.replace(command, "")
    matches = pattern.findall(text)
    assert matches == [], (visitor.page.url, matches)


def sign_out(page: Page) -> None:
    page.locator("details.account summary").click()
    page.locator("details.account form[action*='sign-out'] button").click()
    page.wait_for_url("**/sign-in/**")


def reauthenticate(visitor: Visitor, password: str = PASSWORD) -> None:
    """Authenticate again."""
    visitor.page.wait_for_url("**/reauthenticate/**")
    check_page(visitor)
    submit_field(visitor.page, "password", password)


@pytest.mark.long
def test_sign_up_flow_ends_with_a_passkey(open_site: Site, mailoutbox: list[EmailMessage]) -> None:
    """Test a verified address, an authenticator app, a recovery code instead of it, and a passkey alone."""
    dora = open_site.anonymous_visitor(**CHINESE)
    add_passkey_device(dora)
    sign_up(dora, mailoutbox)
    codes = add_authenticator_app(dora)
    sign_out(dora.page)
    sign_in_with(dora, codes[0])
    add_passkey(dora)
    sign_out(dora.page)
    with dora.page.expect_request(
        lambda request: request.method == "POST" and "webauthn" in request.url
    ) as request_info:
        dora.page.locator("#passkey_login").click()
    dora.page.wait_for_url("**/owners/")
    path, credential = (
        urlsplit(request_info.value.url).path,
        parse_qs(request_info.value.post_data or "")["credential"][0],
    )
    attacker = Client()  # with the response, but without a session, then with a session and another challenge
    for _ in range(2):
        attacker.post(path, {"credential": credential})
        assert "_auth_user_id" not in attacker.session
        attacker.get(path)
    for page in ("sessions/", "email/", "password/change/", "password/reset/"):
        dora.open(f"/account/{page}")
        check_page(dora)
    dora.open("/account/2fa/totp/deactivate/")
    check_page(dora)
    assert "/reauthenticate/" in dora.page.url  # signing in with a passkey is not enough to remove a factor


def sign_up(dora: Visitor, mailoutbox: list[EmailMessage]) -> None:
    page = dora.page
    dora.open("/sign-in/")
    check_page(dora)
    page.locator("a[href*='sign-up']").first.click()
    page.wait_for_url("**/sign-up/**")
    check_page(dora)
    page.locator("[name=email]").fill(EMAIL)
    submit_field(page, "password1", PASSWORD)
    page.wait_for_url("**/confirm-email/")
    check_page(dora)
    mail = f"{mailoutbox[-1].subject}\n{mailoutbox[-1].body}"
    [link] = re.findall(r"https?://\S+", mail)
    language = page.evaluate("document.documentElement.lang")
    assert AVOIDED_TERMS[language].findall(mail.replace(link, "")) == []
    dora.open(re.sub("^https?://[^/]+", "", link))
    check_page(dora)
    page.locator("main form button").first.click()
    page.wait_for_url("**/sign-in/**")
    check_page(dora)
    assert EmailAddress.objects.get().verified
    page.locator("[name=login]").fill(EMAIL)
    submit_field(page, "password", PASSWORD)
    page.wait_for_url("**/owners/")
    check_page(dora)


def add_authenticator_app(dora: Visitor) -> list[str]:
    """Add an authenticator app; return its recovery codes."""
    page = dora.page
    dora.open("/account/")
    check_page(dora)
    page.locator("dl a[href*='2fa']").click()
    page.wait_for_url("**/2fa/")
    check_page(dora)
    page.locator("a[href*='totp/activate']").click()
    reauthenticate(dora)
    page.wait_for_url("**/totp/activate/")
    check_page(dora)
    secret = page.locator("#authenticator_secret").input_value()
    submit_field(page, "code", totp_code(secret))
    page.wait_for_url("**/recovery-codes/**")
    check_page(dora)
    codes: list[str] = page.locator("#recovery_codes").input_value().split()
    authenticator = Authenticator.objects.get(type=Authenticator.Type.RECOVERY_CODES).wrap()
    assert codes == authenticator.get_unused_codes()
    return codes


def sign_in_with(dora: Visitor, code: str) -> None:
    """Sign in with a recovery code, after a wrong one."""
    page = dora.page
    page.locator("[name=login]").fill(EMAIL)
    submit_field(page, "password", PASSWORD)
    page.wait_for_url("**/2fa/authenticate/")
    check_page(dora)
    submit_field(page, "code", "000000")
    page.wait_for_selector(".errorlist, [role=alert]")
    check_page(dora)
    submit_field(page, "code", code)
    page.wait_for_url("**/owners/")


def add_passkey(dora: Visitor) -> None:
    page = dora.page
    dora.open("/account/2fa/webauthn/")
    check_page(dora)
    page.locator("a[href*='webauthn/add']").click()
    reauthenticate(dora)
    page.wait_for_url("**/webauthn/add/")
    check_page(dora)
    page.locator("#id_passwordless").check()
    page.locator("#mfa_webauthn_add").click()
    page.wait_for_url("**/2fa/")
    check_page(dora)
    dora.open("/account/2fa/webauthn/")
    check_page(dora)


@pytest.mark.long
def test_invited_member_joins_and_gets_a_new_role(site: Site) -> None:
    """Test that an owner invites a colleague who joins and gets another role, invisibly to non-members."""
    studio, appearance = owner("studio"), BrowserSettings(scheme="dark")
    ann, charlie = site.member(studio, **appearance), site.member(owner("agency"), name="charlie", **appearance)
    ann.open("/o/studio/members/")
    check_page(ann)
    submit_field(ann.page, "email", "dora@example.org")
    reauthenticate(ann, "not used at all")
    ann.page.wait_for_selector("main code")
    check_page(ann)
    link = re.sub("^https?://[^/]+", "", ann.page.locator("main code").inner_text())

    charlie.open(link)
    check_page(charlie)
    assert charlie.page.locator("main form[method=post]:not([action])").count() == 0
    dora = site.anonymous_visitor(**appearance)
    dora.open(link)
    check_page(dora)
    dora.page.locator("main a[href*='sign-up']").click()
    dora.page.locator("[name=email]").fill("dora@example.org")
    submit_field(dora.page, "password1", PASSWORD)
    dora.page.wait_for_url("**/o/studio/cases/")
    check_page(dora)
    dora.open("/o/studio/members/")
    check_page(dora)
    assert dora.page.locator("select[name=role]").count() == 0  # a reviewer cannot change roles

    ann.open("/o/studio/members/")
    person = User.objects.get(email="dora@example.org")
    ann.page.locator(f"#role-{person.pk}").select_option("viewer")
    ann.page.locator(f"form:has(#role-{person.pk}) button").click()
    ann.page.wait_for_selector("[role=status]")
    check_page(ann)
    assert Membership.objects.get(user=person).role == Role.VIEWER
    for client, expected_status in ((charlie, 404), (site.anonymous_visitor(**appearance), 200)):
        response = client.page.goto(site.base + "/o/studio/members/")
        assert response is not None
        assert response.status == expected_status
        client.errors.clear()  # the browser also reports 404 in the console
        check_page(client)
        assert "dora" not in client.page.content()
    response = dora.page.goto(site.base + link)
    assert response is not None
    assert response.status == 404
    dora.errors.clear()
    check_page(dora)


@pytest.mark.long
def test_token_is_created_after_reauthentication(site: Site) -> None:
    accounts.add_member(owner("studio"), "ann@example.org", "owner", PASSWORD, by="test")
    ann = site.sign_in(User.objects.get(), **CHINESE)
    ann.open("/o/studio/tokens/")
    check_page(ann)
    submit_field(ann.page, "name", "Nightly")
    reauthenticate(ann)
    ann.page.wait_for_selector("main code")
    check_page(ann)
    assert ann.page.locator("main code").first.inner_text().startswith("exh_")
