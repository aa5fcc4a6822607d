"""The site in a real browser: Playwright with the system's Chromium against Django's live server.

A test uses the fixture ``site``, creates rows with ``site.services``, signs members in, and verifies their pages::

    def test_…(site: Site) -> None:
        ann = site.member(studio)                      # an owner at a desk
        ann.open(reverse("cases", args=["studio"]))
        ann.page.get_by_role("link", name="Works").click()
        ann.check()                                    # no console error, no external request, no axe violation

A test fails at its end if a page caused console errors or requests that leave the machine.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict, Unpack
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Playwright,
    Request,
    sync_playwright,
)
from pytest_django.live_server_helper import LiveServer

from exhibit.browser.program import find_browser
from exhibit.browser.running import DISABLED_FEATURES_OPTION
from registry.models import Membership, Owner, Role, User
from registry.services.services import Services
from tests.assets.firefox import launch as launch_firefox, missing_reason
from workers import wiring
from workers.tasks.sync_runner import SyncRunner

CHROMIUM = find_browser("").path
PHONE, TABLET, DESKTOP, WIDE = (360, 740), (768, 1024), (1440, 900), (2560, 1440)
"""Width and height of the tested screens in CSS pixels."""
AXE = Axe().axe_script
VIOLATIONS = "(rules) => axe.run(document, rules).then(({violations}) => ({violations}))"
RULES = {"resultTypes": ["violations"], "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
FIND_OVERFLOWING = """() => [...document.querySelectorAll('body *')]
  .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((one) => one.outerHTML.slice(0, 120))"""


class BrowserSettings(TypedDict, total=False):
    """The properties of a visitor's browser.

    Attributes:
        size: Screen size; a narrow screen has touch input.
        language: Language of the browser.
        scheme: ``light`` or ``dark``.
        zone: Time zone.
        javascript: Run scripts.
    """

    size: tuple[int, int]
    language: str
    scheme: str
    zone: str
    javascript: bool


@dataclass(eq=False)
class Visitor:
    """A user with a browser context of their own.

    Attributes:
        page: The tab, for everything that Playwright supports.
        base: URL of the site.
        errors: Console errors; a test that expects one clears the list.
        outside: Requested URLs outside the site.
    """

    page: Page
    base: str
    errors: list[str] = field(default_factory=list)
    outside_requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._record_console_error)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._record_request)

    def open(self, address: str) -> Page:
        """Open a page of the site by its path, and verify the status 200."""
        answer = self.page.goto(self.base + address)
        assert answer is not None, address
        assert answer.status == 200, (address, answer.status)
        return self.page

    def check(self) -> None:
        """Verify what must hold for every page (see the module), and that nothing extends beyond the screen."""
        self.page.wait_for_load_state()  # a click returns as soon as the next page starts to load
        self.check_behaviour()
        self.page.evaluate(AXE)
        results = AxeResults(self.page.evaluate(VIOLATIONS, RULES))
        assert results.violations_count == 0, results.generate_report()
        self.check_width()

    def buttons_to(self, page: str, *arguments: object) -> Locator:
        """Return the buttons of forms that post to a page of the site, by URL name."""
        return self.page.locator(f'form[action^="{reverse(page, args=arguments)}"] button')

    def links_to(self, page: str, *arguments: object) -> Locator:
        """Return the links to a page of the site, by URL name."""
        return self.page.locator(f'main a[href^="{reverse(page, args=arguments)}"]')

    def check_width(self) -> None:
        """Verify that nothing extends beyond the edge of the screen."""
        if self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            raise AssertionError(f"beyond the edge of {self.page.url}: {self.page.evaluate(FIND_OVERFLOWING)}")

    def resize(self, size: tuple[int, int]) -> None:
        """Resize the window of the tab."""
        self.page.set_viewport_size({"width": size[0], "height": size[1]})

    def check_behaviour(self) -> None:
        """Verify that there was no console error and no request that leaves the machine."""
        assert self.errors == []
        assert self.outside_requests == []

    def _record_console_error(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _record_request(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob", "about") and not request.url.startswith(self.base):
            self.outside_requests.append(request.url)


class Site:
    """The site, its installation, and its visitors."""

    def __init__(self, browser: Browser, base: str, inline: SyncRunner) -> None:
        self.browser = browser
        self.base = base
        self.inline = inline
        self.visitors: list[Visitor] = []
        self._contexts: list[BrowserContext] = []

    @property
    def services(self) -> Services:
        """Services of the installation that serves the pages."""
        return self.inline.services

    def member(
        self, of: Owner, role: str = Role.OWNER, *, name: str = "ann", **look: Unpack[BrowserSettings]
    ) -> Visitor:
        """Sign in a member of an owner with this role; the user is created if needed."""
        email = f"{name}@example.org"
        person = User.objects.filter(email=email).first() or User.objects.create_user(email, email, "not used at all")
        Membership.objects.get_or_create(user=person, owner=of, defaults={"role": role})
        return self.sign_in(person, **look)

    def sign_in(self, person: User, **look: Unpack[BrowserSettings]) -> Visitor:
        """Return a visitor who is signed in as this user."""
        client = Client()
        client.force_login(person)
        visitor = self.anonymous_visitor(**look)
        name = settings.SESSION_COOKIE_NAME
        session = str(client.cookies[name].value)
        visitor.page.context.add_cookies([{"name": name, "value": session, "url": self.base}])
        return visitor

    def anonymous_visitor(self, **look: Unpack[BrowserSettings]) -> Visitor:
        """Return a visitor who is not signed in."""
        size = look.get("size", DESKTOP)
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            has_touch=size[0] < TABLET[0],
            locale=look.get("language", "en"),
            color_scheme="dark" if look.get("scheme") == "dark" else "light",
            timezone_id=look.get("zone", "Europe/Berlin"),
            java_script_enabled=look.get("javascript", True),
        )
        context.set_default_timeout(20_000)
        self._contexts.append(context)
        visitor = Visitor(context.new_page(), self.base)
        self.visitors.append(visitor)
        return visitor

    def close(self) -> None:
        """Close all browser contexts."""
        for context in self._contexts:
            context.close()


class BrowserProcess:
    """Playwright and Chromium, started once for all consecutive modules that use a browser."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._playwright: Playwright | None = None
        self._chromium: Browser | None = None

    def playwright(self) -> Playwright:
        """Return Playwright, which is started if needed."""
        if self._playwright is None:
            # Playwright keeps an event loop in this thread, for which Django would refuse every query as unsafe.
            patched = self._open.enter_context(pytest.MonkeyPatch.context())
            patched.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
            self._playwright = self._open.enter_context(sync_playwright())
        return self._playwright

    def chromium(self) -> Browser:
        """Return the browser, which is started if needed."""
        if self._chromium is None or not self._chromium.is_connected():
            nowhere = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
            options = ["--no-sandbox", DISABLED_FEATURES_OPTION, nowhere]
            self._chromium = self.playwright().chromium.launch(executable_path=CHROMIUM, args=options)
            self._open.callback(self._chromium.close)
        return self._chromium

    def close(self) -> None:
        """Stop the browser and Playwright, since other tests run event loops of their own."""
        self._open.close()
        self._playwright = self._chromium = None


RUNNING = BrowserProcess()
DEFAULT_TIMEOUT = 300.0
"""Default timeout of a test in seconds, as in `pyproject.toml`."""
WITH_BROWSERS: set[Path] = set()
"""Modules with tests that use a browser."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort modules with browsers first, so that a process starts one only once.

    Modules with a test that has a longer timeout come before them, so that the other processes of a parallel run do
    not
    wait for one at the end.
    """
    of_browsers = {"playing", "chromium", "firefox", "engine"}
    WITH_BROWSERS.update(item.path for item in items if of_browsers & set(getattr(item, "fixturenames", ())))
    longest: dict[Path, float] = {}
    for item in items:
        own = item.get_closest_marker("timeout")
        longest[item.path] = max(longest.get(item.path, DEFAULT_TIMEOUT), own.args[0] if own else DEFAULT_TIMEOUT)
    items.sort(key=lambda item: (-longest[item.path], item.path not in WITH_BROWSERS))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Stop the browser before the first module that does not use one."""
    if item.path not in WITH_BROWSERS:
        RUNNING.close()


def pytest_sessionfinish() -> None:
    """Stop the browser after the last test."""
    RUNNING.close()


@pytest.fixture(scope="module")
def playing() -> Playwright:
    """Playwright, for all browsers of a module."""
    return RUNNING.playwright()


@pytest.fixture(scope="module")
def chromium() -> Browser:
    """The browser of this process. The test is skipped if Chromium is not installed."""
    if CHROMIUM is None:
        pytest.skip("Chromium isn't installed")
    return RUNNING.chromium()


@pytest.fixture(scope="module")
def firefox(playing: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Firefox for the tests of a module, which are skipped if it is not installed."""
    if why := missing_reason():
        pytest.skip(why)
    running = launch_firefox(playing, tmp_path_factory.mktemp("firefox"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Browser:
    """The browser for the site: Chromium, unless a test requests ``firefox`` by indirect parametrization."""
    running: Browser = request.getfixturevalue(getattr(request, "param", "chromium"))
    return running


@pytest.fixture
def site(
    engine: Browser, live_server: LiveServer, inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """The site of this test's own installation."""
    use_services(monkeypatch, inline.services)
    running = Site(engine, live_server.url, inline)
    yield running
    running.close()
    for visitor in running.visitors:
        visitor.check_behaviour()


def tap(target: Locator) -> None:
    """Touch an element, or click it in Firefox, which sends no clicks for simulated touches."""
    browser = target.page.context.browser
    (target.click if browser is not None and browser.browser_type.name == "firefox" else target.tap)()


def use_services(monkeypatch: pytest.MonkeyPatch, services: Services) -> None:
    """Make all views use these services instead of this process's own."""
    monkeypatch.setattr(wiring, "services", lambda: services)
