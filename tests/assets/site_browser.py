"""The site in a real browser: Playwright with the system's Chromium against Django's live server.

A test asks for the fixture ``site``, makes rows with ``site.services``, lets people in, and checks what they see::

    def test_…(site: Site) -> None:
        ann = site.member(studio)                      # an owner at a desk
        ann.open(reverse("cases", args=["studio"]))
        ann.page.get_by_role("link", name="Works").click()
        ann.check()                                    # no console error, nothing from elsewhere, axe is content

Whatever a page does wrong while a test runs (console errors, requests that leave the machine) fails the test at its
end.
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
from exhibit.browser.running import WITHOUT
from registry.models import Membership, Owner, Role, User
from registry.services.services import Services
from tests.assets.firefox import launch as launch_firefox, why_not
from workers import wiring
from workers.tasks.sync_runner import SyncRunner

CHROMIUM = find_browser("").path
PHONE, TABLET, DESKTOP, WIDE = (360, 740), (768, 1024), (1440, 900), (2560, 1440)
"""Width and height of the screens that the site is looked at on."""
AXE = Axe().axe_script
VIOLATIONS = "(rules) => axe.run(document, rules).then(({violations}) => ({violations}))"
RULES = {"resultTypes": ["violations"], "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
BEYOND = """() => [...document.querySelectorAll('body *')]
  .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((one) => one.outerHTML.slice(0, 120))"""


class Look(TypedDict, total=False):
    """How somebody looks at the site.

    Attributes:
        size: of the screen; a narrow one is touched.
        language: of the browser.
        scheme: ``light`` or ``dark``.
        zone: where the person is.
        javascript: whether the browser runs scripts.
    """

    size: tuple[int, int]
    language: str
    scheme: str
    zone: str
    javascript: bool


@dataclass(eq=False)
class Visitor:
    """One person in a browser of their own.

    Attributes:
        page: the tab, for everything that Playwright can do.
        base: the site's address.
        errors: what the console complained about; a test that expects a complaint empties it.
        outside: addresses beyond the site that a page asked for.
    """

    page: Page
    base: str
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._asked)

    def open(self, address: str) -> Page:
        """Open a page of the site by its path; it must be there."""
        answer = self.page.goto(self.base + address)
        assert answer is not None, address
        assert answer.status == 200, (address, answer.status)
        return self.page

    def check(self) -> None:
        """What holds for every page: see the module; and nothing lies beyond the edge of the screen."""
        self.page.wait_for_load_state()  # a click ends as soon as the next page begins
        self.check_behaviour()
        self.page.evaluate(AXE)
        found = AxeResults(self.page.evaluate(VIOLATIONS, RULES))
        assert found.violations_count == 0, found.generate_report()
        self.fits()

    def buttons_to(self, page: str, *where: object) -> Locator:
        """The buttons of forms that post to a page of the site, given by its name."""
        return self.page.locator(f'form[action^="{reverse(page, args=where)}"] button')

    def links_to(self, page: str, *where: object) -> Locator:
        """The links to a page of the site, given by its name."""
        return self.page.locator(f'main a[href^="{reverse(page, args=where)}"]')

    def fits(self) -> None:
        """Nothing lies beyond the edge of the screen."""
        if self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            raise AssertionError(f"beyond the edge of {self.page.url}: {self.page.evaluate(BEYOND)}")

    def resize(self, size: tuple[int, int]) -> None:
        """Give the tab a window of another size."""
        self.page.set_viewport_size({"width": size[0], "height": size[1]})

    def check_behaviour(self) -> None:
        """No error in the console, and no request that leaves the machine."""
        assert self.errors == []
        assert self.outside == []

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob", "about") and not request.url.startswith(self.base):
            self.outside.append(request.url)


class Site:
    """The site, its installation, and those who look at it."""

    def __init__(self, browser: Browser, base: str, inline: SyncRunner) -> None:
        self.browser = browser
        self.base = base
        self.inline = inline
        self.visitors: list[Visitor] = []
        self._contexts: list[BrowserContext] = []

    @property
    def services(self) -> Services:
        """Of which the pages are."""
        return self.inline.services

    def member(self, of: Owner, role: str = Role.OWNER, *, name: str = "ann", **look: Unpack[Look]) -> Visitor:
        """Somebody with a role with an owner, signed in."""
        email = f"{name}@example.org"
        person = User.objects.filter(email=email).first() or User.objects.create_user(email, email, "not used at all")
        Membership.objects.get_or_create(user=person, owner=of, defaults={"role": role})
        return self.signed_in(person, **look)

    def signed_in(self, person: User, **look: Unpack[Look]) -> Visitor:
        """A person who is signed in."""
        client = Client()
        client.force_login(person)
        visitor = self.nobody(**look)
        name = settings.SESSION_COOKIE_NAME
        session = str(client.cookies[name].value)
        visitor.page.context.add_cookies([{"name": name, "value": session, "url": self.base}])
        return visitor

    def nobody(self, **look: Unpack[Look]) -> Visitor:
        """Somebody who isn't signed in."""
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
        """Close what is open."""
        for context in self._contexts:
            context.close()


class Running:
    """Playwright and Chromium, which are started once for all modules with browsers that follow on one another."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._playwright: Playwright | None = None
        self._chromium: Browser | None = None

    def playwright(self) -> Playwright:
        """Playwright, started when nothing runs."""
        if self._playwright is None:
            # it keeps a loop in this thread, and Django would take every query for one within it
            patched = self._open.enter_context(pytest.MonkeyPatch.context())
            patched.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
            self._playwright = self._open.enter_context(sync_playwright())
        return self._playwright

    def chromium(self) -> Browser:
        """The browser, started when none runs."""
        if self._chromium is None or not self._chromium.is_connected():
            nowhere = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
            options = ["--no-sandbox", WITHOUT, nowhere]
            self._chromium = self.playwright().chromium.launch(executable_path=CHROMIUM, args=options)
            self._open.callback(self._chromium.close)
        return self._chromium

    def close(self) -> None:
        """End what runs: other tests have loops of their own."""
        self._open.close()
        self._playwright = self._chromium = None


RUNNING = Running()
USUAL = 300.0
"""Seconds that a test may take which says nothing else, as `pyproject.toml` has it."""
WITH_BROWSERS: set[Path] = set()
"""The modules some of whose tests look at the site with a browser."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the modules with browsers first, so that a process starts one once.

    Before them come those with a test that may take longer than others: none is left over at the end, for which the
    other processes of a parallel run would wait.
    """
    of_browsers = {"playing", "chromium", "firefox", "engine"}
    WITH_BROWSERS.update(item.path for item in items if of_browsers & set(getattr(item, "fixturenames", ())))
    longest: dict[Path, float] = {}
    for item in items:
        own = item.get_closest_marker("timeout")
        longest[item.path] = max(longest.get(item.path, USUAL), own.args[0] if own else USUAL)
    items.sort(key=lambda item: (-longest[item.path], item.path not in WITH_BROWSERS))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """End the browser before the first module without one."""
    if item.path not in WITH_BROWSERS:
        RUNNING.close()


def pytest_sessionfinish() -> None:
    """End the browser with the tests."""
    RUNNING.close()


@pytest.fixture(scope="module")
def playing() -> Playwright:
    """Playwright, for all browsers of a module."""
    return RUNNING.playwright()


@pytest.fixture(scope="module")
def chromium() -> Browser:
    """One browser for all tests of a process; they are skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("Chromium isn't installed")
    return RUNNING.chromium()


@pytest.fixture(scope="module")
def firefox(playing: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The other browser for the tests of a module; they are skipped where there is none."""
    if why := why_not():
        pytest.skip(why)
    running = launch_firefox(playing, tmp_path_factory.mktemp("firefox"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Browser:
    """Which browser the site is looked at with: Chromium, unless a test asks for ``firefox`` (indirectly)."""
    running: Browser = request.getfixturevalue(getattr(request, "param", "chromium"))
    return running


@pytest.fixture
def site(
    engine: Browser, live_server: LiveServer, inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """The site over an installation of this test's own."""
    use_house(monkeypatch, inline.services)
    running = Site(engine, live_server.url, inline)
    yield running
    running.close()
    for visitor in running.visitors:
        visitor.check_behaviour()


def tap(what: Locator) -> None:
    """Touch something; in Firefox it is clicked, which sends no clicks for touches that a program makes."""
    browser = what.page.context.browser
    (what.click if browser is not None and browser.browser_type.name == "firefox" else what.tap)()


def use_house(monkeypatch: pytest.MonkeyPatch, services: Services) -> None:
    """Let the whole desk work with these ports instead of this process's own."""
    monkeypatch.setattr(wiring, "services", lambda: services)
