"""Test push notifications for a member: permission on click, display, removal, and browsers without support."""

import json
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from exhibit.config.secrets import SECRET_KEY, get_secret_path
from exhibit.sentences import Sentence
from registry.models import PushSubscription, User
from tests.assets.accounts import PASSWORD, ann, attempt_sign_in, browser, sign_in
from tests.assets.pages import has_test_id
from tests.assets.push_service import Subscriber
from tests.assets.rows import owner
from tests.assets.site_browser import PHONE, Site, Visitor
from tests.desk.web.cases.test_queue import create_cases
from tests.desk.web.cases.test_review import FIND_SMALL_TARGETS

__all__ = ["ann", "browser"]
NEW_PASSWORD = f"another {PASSWORD}"
ENDPOINT = "https://updates.push.services.mozilla.example/wpush/v2/a"
FIREFOX = "Mozilla/5.0 (Android 15; Mobile; rv:146.0) Gecko/146.0 Firefox/146.0"
SUBSCRIBE = """(given) => {
  PushManager.prototype.getSubscription = async function () {
    const key = localStorage.getItem("subscribed");
    if (key === null) return null;
    const bytes = Uint8Array.from(atob(key.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
    return { options: { applicationServerKey: bytes.buffer }, unsubscribe: async () => localStorage.clear() };
  };
  PushManager.prototype.subscribe = async function (wanted) {
    if (given === null) throw new DOMException("no service", "AbortError");
    localStorage.setItem("subscribed", wanted.applicationServerKey);
    const { endpoint, ...keys } = given;
    return { toJSON: () => ({ endpoint, expirationTime: null, keys }) };
  };
}"""
"""Replacement for the request to the browser vendor's service; the rest is the browser's own."""


NOTIFICATION_SHOWN = """() => navigator.serviceWorker.getRegistration("/push/")
  .then((one) => one.getNotifications()).then((all) => all.length)"""
"""Number of notifications shown."""


def set_subscription(ann: Visitor, subscription: dict[str, str] | None) -> None:
    """Make the browser vendor's service return this subscription; None if the service is unreachable."""
    ann.page.context.add_init_script(f"({SUBSCRIBE})({json.dumps(subscription)})")


def add_browser(client: Client, endpoint: str = ENDPOINT) -> PushSubscription:
    client.post("/push/browsers/add", Subscriber(endpoint).subscription, headers={"user-agent": FIREFOX})
    return PushSubscription.objects.get(endpoint=endpoint)


@pytest.mark.long
def test_one_click_enables_push_and_the_message_opens_matches(site: Site) -> None:
    ann = site.member(create_cases(site, 1), size=PHONE)
    context = ann.page.context
    set_subscription(ann, Subscriber(ENDPOINT).subscription)
    page = ann.open("/o/studio/finds/")
    offer = page.locator("form[data-when=off] button")
    expect(offer).to_be_visible()
    assert page.evaluate("Notification.permission") != "granted"  # no permission request before the click
    assert page.evaluate(FIND_SMALL_TARGETS, 44) == []
    ann.check()
    context.grant_permissions(["notifications"], origin=site.base)
    client = context.new_cdp_session(page)
    registrations: list[dict[str, str]] = []
    client.on("ServiceWorker.workerRegistrationUpdated", lambda payload: registrations.extend(payload["registrations"]))
    client.send("ServiceWorker.enable")
    with context.expect_event("serviceworker") as coming:
        offer.click()
    expect(page.locator(".message.success")).to_be_visible()
    assert page.url.endswith("/o/studio/finds/")
    expect(offer).to_be_hidden()
    assert PushSubscription.objects.get().endpoint == ENDPOINT
    ann.check()

    (registration,) = {item["registrationId"] for item in registrations}
    assert {item["scopeURL"] for item in registrations} == {f"{site.base}/push/"}  # no page is in this scope
    message = {"title": "2 new finds", "body": "3 to decide", "lang": "en", "page": "/finds/"}
    worker = coming.value
    payload = {"origin": site.base, "registrationId": registration, "data": json.dumps(message)}
    client.send("ServiceWorker.deliverPushMessage", payload)
    script = "self.registration.getNotifications().then((all) => all.map(({title, body, lang}) => [title, body, lang]))"
    page.wait_for_function(NOTIFICATION_SHOWN)
    assert worker.evaluate(script) == [["2 new finds", "3 to decide", "en"]]
    press = """async () => {
      const opened = [];
      self.clients.openWindow = async (address) => { opened.push(address); };
      const [notification] = await self.registration.getNotifications();
      self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
      return [opened, (await self.registration.getNotifications()).length];
    }"""
    assert worker.evaluate(press) == [[f"{site.base}/finds/"], 0]
    assert worker.evaluate("caches.keys()") == []
    page.goto(f"{site.base}/account/")
    ann.check()


@pytest.mark.long
@pytest.mark.parametrize(
    ("script", "state"),
    [
        ("Object.defineProperty(Notification, 'permission', { get: () => 'denied' })", "denied"),
        ("delete window.PushManager", "unsupported"),
        (
            "delete window.PushManager; Object.defineProperty(navigator, 'userAgent', { get: () => 'iPhone' })",
            "install",
        ),
        ("Object.defineProperty(window, 'isSecureContext', { get: () => false })", "insecure"),
    ],
)
def test_unsupported_browser_shows_instructions(site: Site, script: str, state: str) -> None:
    visitor = site.member(owner("studio"), size=PHONE)
    visitor.page.context.add_init_script(script)
    page = visitor.open("/o/studio/told/")
    element = page.locator("[data-when]:visible")
    expect(element).to_have_count(1)
    expect(element).to_have_attribute("data-when", state)
    visitor.check()


@pytest.mark.long
@pytest.mark.parametrize(
    "loses",
    [
        lambda _site, page: page.evaluate("localStorage.clear()"),  # the browser lost its data
        lambda site, _page: get_secret_path(site.services.config, SECRET_KEY).unlink(),
        lambda _site, _page: PushSubscription.objects.update(state="done"),
    ],
)
def test_browser_without_a_subscription_is_offered_the_button_again(
    site: Site, loses: Callable[[Site, Page], object]
) -> None:
    visitor = site.member(owner("studio"), size=PHONE)
    set_subscription(visitor, Subscriber(ENDPOINT).subscription)
    visitor.page.context.grant_permissions(["notifications"], origin=site.base)
    page = visitor.open("/account/")
    offer, confirmation = page.locator("form[data-when=off] button"), page.locator("[data-when=on]")
    offer.click()
    expect(confirmation).to_be_visible()
    before = PushSubscription.objects.get()
    loses(site, page)
    page.reload()
    expect(offer).to_be_visible()
    expect(confirmation).to_be_hidden()
    visitor.check()
    offer.click()
    expect(confirmation).to_be_visible()
    after = PushSubscription.objects.get()
    assert (after.pk != before.pk, after.ended) == (True, False)


@pytest.mark.long
def test_failed_push_subscription_is_reported(site: Site) -> None:
    visitor = site.member(owner("studio"), size=PHONE)
    set_subscription(visitor, None)
    visitor.page.context.grant_permissions(["notifications"], origin=site.base)
    page = visitor.open("/account/")
    page.locator("form[data-when=off] button").click()
    expect(page.locator("[data-when=failed]")).to_be_visible()
    visitor.check()
    assert not PushSubscription.objects.exists()


def test_only_the_member_sees_and_removes_their_browsers(ann: User) -> None:
    client, bea = Client(), Client()
    client.force_login(ann)
    row = add_browser(client)
    page = client.get("/account/").content.decode()
    assert "Firefox · Android" in page
    assert "this browser" in page
    stranger = User.objects.create_user("bea@example.org", "bea@example.org", "not used at all")
    bea.force_login(stranger)
    bea.cookies["push"] = str(row.identity)
    assert "Firefox" not in bea.get("/account/").content.decode()
    remove = f"/push/browsers/{row.pk}/remove"
    assert bea.post(remove).status_code == 404
    bea.post("/sign-out/")
    assert Client().post(remove).headers["Location"].startswith("/sign-in/")
    assert PushSubscription.objects.exists()
    assert client.post(remove, follow=True).status_code == 200
    assert not PushSubscription.objects.exists()


def test_signing_out_ends_push_in_that_browser_only(ann: User, browser: Callable[[], Client]) -> None:
    phone, desk = browser(), browser()
    for client in (phone, desk):
        client.force_login(ann)
    add_browser(phone)
    other = add_browser(desk, ENDPOINT + "b")
    moved_browser = add_browser(phone, ENDPOINT + "c")  # the same browser with a new URL at its service
    assert set(PushSubscription.objects.all()) == {moved_browser, other}
    phone.post("/sign-out/")
    assert PushSubscription.objects.get() == other


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("/account/sessions/", {}),
        ("/account/password/change/", {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}),
    ],
)
def test_ending_other_sessions_or_changing_the_password_ends_push_everywhere(
    ann: User, browser: Callable[[], Client], address: str, form: dict[str, str]
) -> None:
    phone, desk = browser(), browser()
    for number, client in enumerate((phone, desk)):
        attempt_sign_in(client, ann.email)
        add_browser(client, f"{ENDPOINT}{number}")
    assert desk.post(address, form).status_code == 302
    assert not PushSubscription.objects.exists()
    assert sign_in(desk)


def test_lost_phone_gets_no_push_after_other_sessions_are_ended(ann: User, browser: Callable[[], Client]) -> None:
    phone, desk = browser(), browser()
    attempt_sign_in(phone, ann.email)
    add_browser(phone)
    phone.session.flush()
    attempt_sign_in(desk, ann.email)
    assert "Sign out all other sessions" in desk.get("/account/sessions/").content.decode()
    desk.post("/account/sessions/")
    assert not PushSubscription.objects.exists()


def test_disabled_subscription_shows_its_reason_and_a_fix(ann: User) -> None:
    client = Client()
    client.force_login(ann)
    add_browser(client)
    PushSubscription.objects.update(state="done", error=Sentence("The server returned status %(status)s.", status=413))
    page = client.get("/account/").content.decode()
    assert "413" in page
    assert has_test_id(page, "ended")
    assert "data-here" not in page


def test_browser_name_is_escaped(ann: User) -> None:
    client = Client()
    client.force_login(ann)
    hostile = '<script>alert(1)</script>"onmouseover="\r\n' + "x" * 5_000
    client.post("/push/browsers/add", Subscriber(ENDPOINT).subscription, headers={"user-agent": hostile})
    assert len(PushSubscription.objects.get().user_agent) == 300
    page = client.get("/account/").content.decode()
    assert "<script>alert" not in page
    assert '"onmouseover=' not in page


def test_service_worker_script_is_small_and_restricted(db: None) -> None:
    response = Client().get("/push/worker.js")
    assert response.headers["Content-Type"].startswith("text/javascript")
    assert "no-cache" in response.headers["Cache-Control"]
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert b"fetch" not in response.content
    assert Client().get(f"/push/browsers/{uuid4()}/remove").status_code == 404
