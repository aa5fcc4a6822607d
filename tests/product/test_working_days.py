"""Test three users' working days in a real browser, in both languages, on a phone and a desktop, and others' access.

The texts that they click and read come from the catalogue, so an untranslated text is not found on the Chinese page.
"""

import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import pypdf
import pytest
from django.core import mail
from django.urls import reverse
from django.utils import translation
from playwright.sync_api import Locator, Page, expect

from exhibit.clock import now
from registry.bundles.make_package import make_packages
from registry.events import events, mail_choices
from registry.matches.match import match_pictures
from registry.members import devices
from registry.models import Bundle, Capture, Case, CrawlSlice, Event, MailChoice, Owner, Package, Role, User
from registry.notifications import due_rows
from registry.notifications.send_mail import send_digests
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.sealed_bundles import create_sealed_bundle, run_until_sealed
from tests.assets.site_browser import DESKTOP, PHONE, BrowserSettings, Site, Visitor, tap


@dataclass(frozen=True)
class ScreenAndLanguage:
    """A user's screen and language, and a record of clicks."""

    look: BrowserSettings
    clicks: list[str] = field(default_factory=list)

    def translate(self, message: str, context: str = "", **values: object) -> str:
        """Return a text of the site in this user's language."""
        with translation.override("zh-hans" if self.look["language"] == "zh-CN" else "en"):
            text = translation.pgettext(context, message) if context else translation.gettext(message)
        return text % values if values else text

    def click(self, what: Locator) -> None:
        """Tap on a phone, click on a desktop."""
        self.clicks.append(str(what))
        (tap if self.look["size"] == PHONE else Locator.click)(what.first)


LOOKS = {
    "phone-en": BrowserSettings(size=PHONE, scheme="light", language="en"),
    "phone-zh": BrowserSettings(size=PHONE, scheme="dark", language="zh-CN"),
    "desk-zh": BrowserSettings(size=DESKTOP, scheme="light", language="zh-CN"),
    "desk-en": BrowserSettings(size=DESKTOP, scheme="dark", language="en"),
}


OTHER = {"phone-zh": "desk-en", "desk-en": "phone-zh", "desk-zh": "phone-en"}


def for_screens_and_languages(first: str) -> pytest.MarkDecorator:
    """Run one combination normally, and in long runs the other device in the other language, in Firefox."""
    ways = [("chromium", first), ("firefox", OTHER[first])]
    marks = {pair: () if pair == ("chromium", first) else pytest.mark.long for pair in ways}
    parameters = [pytest.param(pair[0], LOOKS[pair[1]], id="-".join(pair), marks=marks[pair]) for pair in ways]
    return pytest.mark.parametrize(("engine", "ways"), parameters, indirect=True)


@pytest.fixture
def ways(request: pytest.FixtureRequest) -> ScreenAndLanguage:
    return ScreenAndLanguage(request.param)


@pytest.fixture
def studio(site: Site) -> Owner:
    site.services.config = replace(site.services.config, anchors=(), languages=("en",))
    return owner("studio")


def create_cases(site: Site, of: Owner, seeds: range, host: str = "shop.invalid") -> None:
    """Create a case for each of these works, whose copies are on one site."""
    for seed in seeds:
        register(site.services, of, photograph(seed), f"Work {seed}")
    planned, epoch = claim_new_slice(of, host)
    match_pictures(
        site.services,
        record_sightings(site.services, planned, epoch, [recompress(photograph(seed)) for seed in seeds], host=host),
    )
    CrawlSlice.objects.filter(pk=planned.pk).update(state="done")
    Capture.objects.update(state="failed")  # no server responds there


def check_viewer_page(site: Site, case_owner: Owner, ways: ScreenAndLanguage, address: str, decided_by: str) -> None:
    """Verify that a viewer sees the page without decision buttons, and that strangers and visitors cannot see it."""
    viewer = site.member(case_owner, Role.VIEWER, name="vera", **ways.look)
    viewer.open(address)
    expect(viewer.page.locator(decided_by)).to_have_count(0)
    viewer.check()
    elsewhere = site.member(owner("elsewhere"), name="eve", **ways.look)
    elsewhere.page.goto(site.base + address)
    expect(elsewhere.page.locator("h1")).to_have_text(ways.translate("Page not found"))
    assert case_owner.name not in elsewhere.page.content()
    elsewhere.errors.clear()  # the console reports the status 404
    elsewhere.check()
    nobody = site.anonymous_visitor(**ways.look)
    nobody.page.goto(site.base + address)
    expect(nobody.page.locator("input[type=password]")).to_have_count(1)
    assert case_owner.name not in nobody.page.inner_text("main")
    nobody.check()


@pytest.mark.long
@for_screens_and_languages("phone-zh")
def test_photographer_opens_case_from_mail_and_has_it_sealed(
    site: Site, studio: Owner, ways: ScreenAndLanguage
) -> None:
    ann = site.member(studio, **ways.look)
    mail_choices.set_mail_settings(studio, User.objects.get(), MailChoice.MailFrequency.AT_ONCE, by="Ann")
    create_cases(site, studio, range(1, 2))
    Event.objects.update(at=now() - 2 * events.SETTLING_PERIOD)
    send_digests(site.services, due_rows.list_due_keys(MailChoice, site.services.stale_after, 100))
    links = {devices.read_link(signed): signed for signed in re.findall(r"/mail/open/(\S+)", str(mail.outbox[-1].body))}
    address = reverse("case", args=["studio", 1])
    (signed,) = (signed for link, signed in links.items() if link and link.path == address)
    page = ann.open(reverse("mail-link", args=[signed]))
    assert urlsplit(page.url).path == address
    expect(page.locator("main")).to_contain_text("shop.invalid")
    expect(page.locator("main")).to_contain_text(ways.translate("Very likely a copy"))
    expect(page.locator("#decision strong").first).to_have_text(ways.translate("open", "decision"))
    ann.check()
    page.locator("input[type=range]").press("ArrowRight")
    ways.click(page.locator("details.confirm summary"))
    expect(page.locator("details.confirm")).to_contain_text(ways.translate("The following is sealed as evidence:"))
    ann.check()
    ways.click(page.get_by_role("button", name=ways.translate("Not licensed: seal the evidence")))
    assert len(ways.clicks) <= 2  # and one in the mail
    expect(page.locator("#decision strong").first).to_have_text(ways.translate("not licensed", "decision"))
    Bundle.objects.update(not_before=now())  # twenty seconds to undo a slip
    run_until_sealed(site.inline, Bundle.objects.get())
    ann.open(address)
    with page.expect_download() as download:
        ways.click(page.locator(f"a[href='{reverse('bundle', args=['studio', 1, 1])}']"))
    assert zipfile.is_zipfile(download.value.path())
    ann.check()
    check_viewer_page(site, studio, ways, address, "form.decide")


@pytest.mark.long
@for_screens_and_languages("desk-en")
def test_reviewer_decides_every_case_in_the_queue(site: Site, studio: Owner, ways: ScreenAndLanguage) -> None:
    create_cases(site, studio, range(1, 4))
    create_cases(site, studio, range(4, 6), "gallery.invalid")
    studio.licences.create(number=1, licensee="Gallery", domain="gallery.invalid")
    ann = site.member(studio, Role.REVIEWER, **ways.look)
    page = ann.open(reverse("cases", args=["studio"]))
    expect_remaining(page, 5)
    ann.check()
    decide = press_keys(page, ways) if ways.look["size"] == DESKTOP else click_buttons(page, ways)
    decide("c")
    decide("x")
    expect_remaining(page, 3)
    page.evaluate("scrollTo(0, 0)")  # text scrolling below the bar is cut off by it
    ann.check()
    decide("u")
    expect_remaining(page, 4)
    decide("x")
    decide("c")
    expect_remaining(page, 2)
    decide("l")
    first = page.locator(".licences button").first
    expect(first).to_contain_text("Gallery")
    ann.check()
    ways.click(first)
    expect_remaining(page, 1)
    decide("c")
    expect_remaining(page, 0)
    assert len(ways.clicks) == 5 + 3  # one per case; one was undone and decided again, one asked for a licence
    counts = [
        Case.objects.filter(decision=decision).count() for decision in ("confirmed", "dismissed", "licensed", "open")
    ]
    assert counts == [3, 1, 1, 0]
    ann.open(reverse("cases", args=["studio"]))
    ann.check()
    check_viewer_page(site, studio, ways, reverse("cases", args=["studio"]) + "?state=all", "#decide")


def press_keys(page: Page, ways: ScreenAndLanguage) -> Callable[[str], None]:
    """Return a function that presses a key."""

    def press(key: str) -> None:
        ways.clicks.append(key)
        page.keyboard.press(key)

    return press


def click_buttons(page: Page, ways: ScreenAndLanguage) -> Callable[[str], None]:
    """Return a function that clicks the button with a key's effect."""
    return lambda key: ways.click(
        page.locator("#undo" if key == "u" else f".item:not([data-decided]) .buttons [data-key={key}]")
    )


def expect_remaining(page: Page, count: int) -> None:
    expect(page.locator("#left strong")).to_have_text(str(count))


@pytest.mark.long
@for_screens_and_languages("desk-zh")
def test_lawyer_downloads_one_zip_and_one_sheet(
    site: Site, studio: Owner, ways: ScreenAndLanguage, tmp_path: Path
) -> None:
    for seed in (1, 2):
        create_sealed_bundle(site.inline, studio, seed)
    ann = site.member(studio, Role.REVIEWER, **ways.look)
    page = ann.open(reverse("downloads", args=["studio"]))
    page.locator("#q").fill("shop")
    page.keyboard.press("Enter")
    ways.click(page.get_by_role("link", name="shop.invalid"))
    expect(page.locator("[name=case]:checked")).to_have_count(2)
    ann.check()
    ways.click(page.get_by_role("button", name=ways.translate("Create ZIP for the court"), exact=True))
    assert len(ways.clicks) == 2  # from the party's name
    page.locator("[hx-trigger]").wait_for()
    make_packages(site.services, [Package.objects.get().pk])
    download_link = page.get_by_role("link", name=ways.translate("Download ZIP"))
    download_link.wait_for()  # without reloading
    with page.expect_download() as download:
        ways.click(download_link)
    assert zipfile.is_zipfile(download.value.path())
    ann.check()
    address = reverse("package", args=["studio", 1])
    if ways.look["size"] == DESKTOP:
        page.emulate_media(media="print")
        page.pdf(path=tmp_path / "sheet.pdf", format="A4")
        assert len(pypdf.PdfReader(tmp_path / "sheet.pdf").pages) == 1
        page.emulate_media(media="screen")
    link = page.locator("details", has_text=ways.translate("Create a download link"))
    ways.click(link.locator("summary"))
    ways.click(link.get_by_role("button", name=ways.translate("Create link")))
    shared_path = urlsplit(page.locator("#address").input_value()).path
    ann.check()
    outside = site.anonymous_visitor(**ways.look)
    outside.open(shared_path)
    outside.check()
    check_viewer_page(site, studio, ways, address, f"form[action='{reverse('remove-package', args=['studio', 1])}']")


@pytest.mark.long
@for_screens_and_languages("desk-zh")
def test_operator_resolves_problems_by_the_displayed_instructions(site: Site, ways: ScreenAndLanguage) -> None:
    boss = User.objects.create_user("boss@example.org", "boss@example.org", is_staff=True)
    visitor: Visitor = site.sign_in(boss, **ways.look)
    page = visitor.open("/operator/")
    expect(page.locator("main")).to_contain_text(
        ways.translate("No worker is running: nothing is crawled, compared or sealed.")
    )
    visitor.check()
