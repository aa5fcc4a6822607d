"""Test every page in a real browser: on phones, tablets and desktops, in light and dark mode, in both languages."""

import io
import re
from contextlib import suppress

import pypdf
import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models import CharField, TextField
from django.test import Client
from django.urls import NoReverseMatch, reverse
from playwright.sync_api import expect

from registry.models import User
from tests.assets.chinese import KNOWN_WORDS, find_english, find_half_width
from tests.assets.desk_scene import PaymentDemandScene, patterns
from tests.assets.restored_scenes import restore_scene
from tests.assets.site_browser import DESKTOP, PHONE, TABLET, WIDE, Site

SCREENS = [(PHONE, "dark", "zh-CN"), (DESKTOP, "light", "en")]
SCREEN_FIELDS = ("size", "scheme", "language")
LATIN_PAGE_STEP = 7
"""One of this many pages is tested with long Latin words.

All pages are tested with Chinese words, which wrap anywhere.
"""
CHINESE_TEXT_SCRIPT = """() => {
  const left = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const within = node.parentElement
    const quoted = within.closest('code, kbd, pre:not([lang]), textarea')
    if (quoted || !within.closest('[lang]').lang.startsWith('zh')) continue
    if (/\\S/.test(node.data)) left.push(node.data.trim())
  }
  return left
}"""
"""Text that users read where the page declares Chinese, including text added by scripts."""
MAX_CHARACTERS = 75
"""Maximum readable line length in characters."""
FIND_LONG_LINES = """(most) => {
  const words = 'Each infringing use becomes evidence that anybody can verify on a machine of their own'
  const pen = document.createElement('canvas').getContext('2d'), range = document.createRange()
  return [...document.querySelectorAll('p, li, dd, blockquote, .letter')].filter((one) => {
    if (one.matches('.buttons, .filters, :has(p, li, div, table, input, label, svg, code, details)')) return false
    range.selectNodeContents(one)
    const lines = [...range.getClientRects()]
    pen.font = getComputedStyle(one).font
    const wide = Math.max(...lines.map((line) => line.right)) - Math.min(...lines.map((line) => line.left))
    return wide > most * pen.measureText(words).width / words.length
  }).map((one) => one.outerHTML)
}"""
READ_LEFT_EDGES = """() => [...document.querySelectorAll('.top, main, .bottom')].map(
  (one) => Math.round(one.getBoundingClientRect().left + parseFloat(getComputedStyle(one).paddingLeft)))"""
"""Left edges of header, page and footer."""
SCREEN_ONLY = "nav, button, .button, summary:not(details[open] > *, .fold > *, .part > *), dialog"
"""Controls that must not be printed."""
MISSING_VALUE = re.compile(r"(^|[:：·] ?)(None|nan|NaN|undefined)( ?·|$)|\[object |\{\{|%\(", re.MULTILINE)
"""Text that appears where a value is missing."""


@pytest.mark.long
@pytest.mark.parametrize(SCREEN_FIELDS, SCREENS)
def test_every_page_is_accessible_and_complete(site: Site, size: tuple[int, int], scheme: str, language: str) -> None:
    check_pages(site, size, scheme, language, 0, 1)


@pytest.mark.long
@pytest.mark.parametrize("engine", ["firefox"], indirect=True)
def test_pages_work_in_firefox(site: Site) -> None:
    check_pages(site, PHONE, "light", "zh-CN", 1, 3)


@pytest.mark.long
def test_wide_screens_limit_line_length_and_print_hides_controls(site: Site) -> None:
    scene = restore_scene(site.inline, PaymentDemandScene)
    alice = site.sign_in(scene.ann, size=WIDE, scheme="dark")
    problems = []
    for address in list_complete_pages(scene.alice, [*list_general_urls(), *scene.addresses().values()][3:]):
        page = alice.open(address)
        alice.check_width()
        problems += [(address, line) for line in page.evaluate(FIND_LONG_LINES, MAX_CHARACTERS)]
        if len(set(begin := page.evaluate(READ_LEFT_EDGES))) > 1:
            problems.append((address, f"head, page and foot begin at {begin}"))
        page.emulate_media(media="print")
        problems += [
            (address, element.inner_text()) for element in page.locator(SCREEN_ONLY).all() if element.is_visible()
        ]
        last = pypdf.PdfReader(io.BytesIO(page.pdf(format="A4"))).pages[-1].extract_text()
        if last.startswith("Exhibit records"):
            problems.append((address, "a sheet of paper for the foot alone"))
        page.emulate_media(media="screen")
    assert not problems, "\n".join(map(str, problems))


@pytest.mark.long
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_section_links_fit_one_line_on_a_phone_and_show_the_current_section(site: Site, language: str) -> None:
    scene = restore_scene(site.inline, PaymentDemandScene)
    alice = site.sign_in(scene.ann, size=PHONE, language=language)
    for name in ("cases", "downloads"):
        links = alice.open(reverse(name, args=["studio"])).locator("nav.sections a")
        assert links.count() == 7
        assert len({link.bounding_box()["y"] for link in links.all()}) == 1  # type: ignore[index]
        expect(alice.page.locator("nav.sections [aria-current]")).to_be_in_viewport(ratio=1)
        alice.check()


NAME_COLUMNS = {
    "title", "party", "name", "file_name", "licensee", "contact", "word", "label", "capacity", "use", "url", "page_url",
    "image_url", "reason", "by", "created_by", "decided_by", "words", "address", "organisation", "author",
}  # fmt: skip
"""Columns with text from users, files and sites."""


@pytest.mark.long
@pytest.mark.parametrize(("letter", "step"), [("W", LATIN_PAGE_STEP), ("字", 1)])
def test_long_names_do_not_overflow_a_phone_screen(site: Site, letter: str, step: int) -> None:
    scene, beyond = restore_scene(site.inline, PaymentDemandScene), []
    alice = site.sign_in(scene.ann, size=PHONE)
    set_long_names(letter * 60)
    main = [reverse(name, args=["studio"]) for name in ("works", "notices", "parties", "downloads", "licences")]
    main += [reverse(name, args=["studio", 1]) for name in ("case", "work", "notice", "watch")]
    other_urls = [*list_general_urls(), *scene.addresses().values()][4::step]
    for address in list_complete_pages(
        scene.alice, list(dict.fromkeys([reverse("cases", args=["studio"]), *main, *other_urls]))
    ):
        page = alice.open(address)
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        try:
            alice.check_width()
        except AssertionError as error:
            beyond.append(str(error))
    assert not beyond, "\n".join(beyond)


def set_long_names(word: str) -> None:
    """Set all names in the database to this one, up to the maximum length of each column."""
    for model in apps.get_app_config("registry").get_models():
        for column in model._meta.concrete_fields:
            is_text = isinstance(column, CharField | TextField) and not column.choices and not column.unique
            if column.name not in NAME_COLUMNS or not is_text:
                continue
            web = "https://shop.example/" if column.name.endswith("url") else ""
            with suppress(IntegrityError), transaction.atomic():  # some have unique names
                model._default_manager.update(**{column.name: (web + word)[: column.max_length or 200]})


def check_pages(site: Site, size: tuple[int, int], scheme: str, language: str, first: int, step: int) -> None:
    """Test pages of a member: the first, and every ``step``-th page after it."""
    scene = restore_scene(site.inline, PaymentDemandScene)
    alice = site.sign_in(scene.ann, size=size, scheme=scheme, language=language)
    problems = []
    for address in list_complete_pages(scene.alice, [*list_general_urls(), *scene.addresses().values()][first::step]):
        page = alice.open(address)
        alice.check()
        for narrower in (TABLET, PHONE) if size == DESKTOP else ():
            alice.resize(narrower)
            alice.check_width()
        alice.resize(size)
        problems += [(address, match.group()) for match in MISSING_VALUE.finditer(page.inner_text("body"))]
        if language == "zh-CN":
            text = "\n".join(page.evaluate(CHINESE_TEXT_SCRIPT))
            problems += [(address, phrase) for phrase in (*find_english(text, KNOWN_WORDS), *find_half_width(text))]
    assert not problems, "\n".join(map(str, problems))


@pytest.mark.long
@pytest.mark.parametrize(SCREEN_FIELDS, SCREENS)
def test_anonymous_and_non_member_pages_are_accessible(
    site: Site, size: tuple[int, int], scheme: str, language: str
) -> None:
    scene = restore_scene(site.inline, PaymentDemandScene)
    anonymous = site.anonymous_visitor(size=size, scheme=scheme, language=language)
    urls = list_complete_pages(Client(), list_general_urls())
    for address in [*urls, reverse("link", args=["no-such-link"])]:
        anonymous.page.goto(anonymous.base + address)
        anonymous.errors.clear()  # a missing link has status 404
        anonymous.check()
    person = User.objects.get(username="charlie@example.org")
    charlie = site.sign_in(person, size=size, scheme=scheme, language=language)
    charlie.page.goto(charlie.base + scene.addresses()["case"])  # test_access.py tests every URL
    assert charlie.errors.pop().startswith("Failed to load resource: the server responded with a status of 404")
    assert "studio" not in charlie.page.content().lower()
    charlie.check()


def list_complete_pages(client: Client, addresses: list[str]) -> list[str]:
    """Return the URLs at which a client gets a complete page."""
    urls = []
    for address in addresses:
        response = client.get(address)
        if response.status_code == 200 and b"<!doctype html>" in b"".join(response).lower():
            urls.append(address)
    assert len(urls) >= 3
    return urls


def list_general_urls() -> list[str]:
    """Return the URLs that belong to no owner."""
    urls = []
    for pattern in patterns():
        try:
            urls.append(reverse(pattern.name or ""))
        except NoReverseMatch:
            continue
    return urls
