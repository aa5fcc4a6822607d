"""Test push notifications for a member: permission on click, display, removal, and browsers without support."""

import json
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from exhibit.config.secrets import SECRET_KEY, secret_path
from exhibit.sentences import Sentence
from registry.models import PushBrowser, User
from tests.assets.accounts import PASSWORD, ann, browser, signed_in, try_in
from tests.assets.pages import has_test_id
from tests.assets.push_service import Subscriber
from tests.assets.rows import owner
from tests.assets.site_browser import PHONE, Site, Visitor
from tests.desk.web.cases.test_finds import SMALL
from tests.desk.web.cases.test_queue import cases_of

__all__ = ["ann", "browser"]
ANOTHER = f"another {PASSWORD}"
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


SHOWN = """() => navigator.serviceWorker.getRegistration("/push/")
  .then((one) => one.getNotifications()).then((all) => all.length)"""
"""Number of notifications shown."""


def subscribes(ann: Visitor, given: dict[str, str] | None) -> None:
    """Make the browser vendor's service return this subscription; None if the service is unreachable."""
    ann.page.context.add_init_script(f"({SUBSCRIBE})({json.dumps(given)})")


def added(client: Client, endpoint: str = ENDPOINT) -> PushBrowser:
    client.post("/push/browsers/add", Subscriber(endpoint).given, headers={"user-agent": FIREFOX})
    return PushBrowser.objects.get(endpoint=endpoint)


@pytest.mark.long
def test_a_press_on_the_page_of_finds_is_all_it_takes_and_a_message_leads_there(site: Site) -> None:
    ann = site.member(cases_of(site, 1), size=PHONE)
    context = ann.page.context
    subscribes(ann, Subscriber(ENDPOINT).given)
    page = ann.open("/o/studio/finds/")
    offer = page.locator("form[data-when=off] button")
    expect(offer).to_be_visible()
    assert page.evaluate("Notification.permission") != "granted"  # no permission request before the click
    assert page.evaluate(SMALL, 44) == []
    ann.check()
    context.grant_permissions(["notifications"], origin=site.base)
    client = context.new_cdp_session(page)
    registrations: list[dict[str, str]] = []
    client.on("ServiceWorker.workerRegistrationUpdated", lambda told: registrations.extend(told["registrations"]))
    client.send("ServiceWorker.enable")
    with context.expect_event("serviceworker") as coming:
        offer.click()
    expect(page.locator(".message.success")).to_be_visible()
    assert page.url.endswith("/o/studio/finds/")
    expect(offer).to_be_hidden()
    assert PushBrowser.objects.get().endpoint == ENDPOINT
    ann.check()

    (registration,) = {one["registrationId"] for one in registrations}
    assert {one["scopeURL"] for one in registrations} == {f"{site.base}/push/"}  # no page is in this scope
    said = {"title": "2 new finds", "body": "3 to decide", "lang": "en", "page": "/finds/"}
    worker = coming.value
    told = {"origin": site.base, "registrationId": registration, "data": json.dumps(said)}
    client.send("ServiceWorker.deliverPushMessage", told)
    shown = "self.registration.getNotifications().then((all) => all.map(({title, body, lang}) => [title, body, lang]))"
    page.wait_for_function(SHOWN)
    assert worker.evaluate(shown) == [["2 new finds", "3 to decide", "en"]]
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
    ("script", "words"),
    [
        ("Object.defineProperty(Notification, 'permission', { get: () => 'denied' })", "are blocked in this browser"),
        ("delete window.PushManager", "has no push notifications"),
        (
            "delete window.PushManager; Object.defineProperty(navigator, 'userAgent', { get: () => 'iPhone' })",
            "Add to Home Screen",
        ),
        ("Object.defineProperty(window, 'isSecureContext', { get: () => false })", "need HTTPS"),
    ],
)
def test_a_browser_that_cannot_says_what_to_do(site: Site, script: str, words: str) -> None:
    visitor = site.member(owner("studio"), size=PHONE)
    visitor.page.context.add_init_script(script)
    page = visitor.open("/o/studio/told/")
    said = page.locator("[data-when]:visible")
    expect(said).to_have_count(1)
    expect(said).to_contain_text(words)
    visitor.check()


@pytest.mark.long
@pytest.mark.parametrize(
    "loses",
    [
        lambda _site, page: page.evaluate("localStorage.clear()"),  # the browser lost its data
        lambda site, _page: secret_path(site.services.config, SECRET_KEY).unlink(),
        lambda _site, _page: PushBrowser.objects.update(state="done"),
    ],
)
def test_a_browser_that_would_get_nothing_any_more_offers_the_button_again(
    site: Site, loses: Callable[[Site, Page], object]
) -> None:
    visitor = site.member(owner("studio"), size=PHONE)
    subscribes(visitor, Subscriber(ENDPOINT).given)
    visitor.page.context.grant_permissions(["notifications"], origin=site.base)
    page = visitor.open("/account/")
    offer, told = page.locator("form[data-when=off] button"), page.locator("[data-when=on]")
    offer.click()
    expect(told).to_be_visible()
    before = PushBrowser.objects.get()
    loses(site, page)
    page.reload()
    expect(offer).to_be_visible()
    expect(told).to_be_hidden()
    visitor.check()
    offer.click()
    expect(told).to_be_visible()
    after = PushBrowser.objects.get()
    assert (after.pk != before.pk, after.ended) == (True, False)


@pytest.mark.long
def test_a_press_that_reaches_no_service_or_is_refused_says_so(site: Site) -> None:
    visitor = site.member(owner("studio"), size=PHONE)
    subscribes(visitor, None)
    visitor.page.context.grant_permissions(["notifications"], origin=site.base)
    page = visitor.open("/account/")
    page.locator("form[data-when=off] button").click()
    expect(page.locator("[data-when=failed]")).to_be_visible()
    visitor.check()
    assert not PushBrowser.objects.exists()


def test_a_member_sees_and_removes_browsers_and_nobody_else_does(ann: User) -> None:
    client, bea = Client(), Client()
    client.force_login(ann)
    row = added(client)
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
    assert PushBrowser.objects.exists()
    assert client.post(remove, follow=True).status_code == 200
    assert not PushBrowser.objects.exists()


def test_signing_out_ends_it_in_that_browser_alone(ann: User, browser: Callable[[], Client]) -> None:
    phone, desk = browser(), browser()
    for client in (phone, desk):
        client.force_login(ann)
    added(phone)
    other = added(desk, ENDPOINT + "b")
    changed = added(phone, ENDPOINT + "c")  # the same browser with a new URL at its service
    assert set(PushBrowser.objects.all()) == {changed, other}
    phone.post("/sign-out/")
    assert PushBrowser.objects.get() == other


@pytest.mark.parametrize(
    ("address", "typed"),
    [
        ("/account/sessions/", {}),
        ("/account/password/change/", {"oldpassword": PASSWORD, "password1": ANOTHER, "password2": ANOTHER}),
    ],
)
def test_ending_other_sessions_and_a_new_password_end_it_everywhere(
    ann: User, browser: Callable[[], Client], address: str, typed: dict[str, str]
) -> None:
    phone, desk = browser(), browser()
    for number, client in enumerate((phone, desk)):
        try_in(client, ann.email)
        added(client, f"{ENDPOINT}{number}")
    assert desk.post(address, typed).status_code == 302
    assert not PushBrowser.objects.exists()
    assert signed_in(desk)


def test_a_lost_phone_whose_session_has_run_out_is_told_nothing_once_other_sessions_are_ended(
    ann: User, browser: Callable[[], Client]
) -> None:
    phone, desk = browser(), browser()
    try_in(phone, ann.email)
    added(phone)
    phone.session.flush()
    try_in(desk, ann.email)
    assert "Sign out all other sessions" in desk.get("/account/sessions/").content.decode()
    desk.post("/account/sessions/")
    assert not PushBrowser.objects.exists()


def test_one_to_which_nothing_is_sent_any_more_says_why_and_what_to_do(ann: User) -> None:
    client = Client()
    client.force_login(ann)
    added(client)
    PushBrowser.objects.update(state="done", error=Sentence("The server returned status %(status)s.", status=413))
    page = client.get("/account/").content.decode()
    assert "413" in page
    assert has_test_id(page, "ended")
    assert "data-here" not in page


def test_what_a_browser_says_of_itself_is_shown_as_text(ann: User) -> None:
    client = Client()
    client.force_login(ann)
    hostile = '<script>alert(1)</script>"onmouseover="\r\n' + "x" * 5_000
    client.post("/push/browsers/add", Subscriber(ENDPOINT).given, headers={"user-agent": hostile})
    assert len(PushBrowser.objects.get().user_agent) == 300
    page = client.get("/account/").content.decode()
    assert "<script>alert" not in page
    assert '"onmouseover=' not in page


def test_the_workers_script_is_small_stays_at_its_address_and_cannot_reach_elsewhere(db: None) -> None:
    answer = Client().get("/push/worker.js")
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert "no-cache" in answer.headers["Cache-Control"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert b"fetch" not in answer.content
    assert Client().get(f"/push/browsers/{uuid4()}/remove").status_code == 404
