"""Test reviewing matches one at a time on a phone, and the site as an installable app."""

import io
from urllib.parse import urljoin

import pytest
from django.test import Client
from PIL import Image
from playwright.sync_api import expect

from registry.models import Case, Role, User
from tests.assets.pages import message_levels
from tests.assets.rows import owner
from tests.assets.site_browser import Site, tap
from tests.desk.web.cases.test_queue import create_cases
from tests.desk.web.cases.test_views import IS_VISIBLE

FIND_SMALL_TARGETS = """(least) => [
  ...document.querySelectorAll('main :is(a, button, input:not([type=hidden]), summary)')]
  .filter((one) => one.checkVisibility())
  .filter((one) => one.getBoundingClientRect().height < least || one.getBoundingClientRect().width < least)
  .map((one) => one.outerHTML)"""
"""Elements that are too small for a thumb."""


@pytest.mark.long
@pytest.mark.parametrize(
    ("width", "language", "texts"),
    [
        (360, "en", ("Not licensed", "Undo", "Dismiss: not a copy")),
        (390, "zh-CN", ("未获许可", "撤销", "已排除：不是复制件")),
    ],
)
def test_matches_are_decided_by_a_single_tap_and_the_last_is_undone(
    site: Site, width: int, language: str, texts: tuple[str, str, str]
) -> None:
    confirm, undo, clear = texts
    ann = site.member(create_cases(site, 2), size=(width, 740), language=language)
    page = ann.open("/finds/")  # the app's start page
    assert page.url.endswith("/o/studio/finds/")
    expect(page.get_by_role("slider")).to_be_visible()
    for name in (confirm, clear):
        assert page.get_by_role("button", name=name).evaluate(IS_VISIBLE)
    assert page.evaluate(FIND_SMALL_TARGETS, 44) == []
    ann.check()
    tap(page.get_by_role("button", name=confirm))
    expect(page.locator(".finds-head strong")).to_have_text("1")
    first = Case.objects.get(decision="confirmed")
    expect(page.locator(".message")).to_contain_text(str(first.number))
    assert page.evaluate(FIND_SMALL_TARGETS, 44) == []
    ann.check()
    tap(page.get_by_role("button", name=clear))
    expect(page.locator(".finds-head strong")).to_have_text("0")
    expect(page.locator(".empty")).to_be_visible()
    tap(page.get_by_role("button", name=undo))
    expect(page.locator(".finds-head strong")).to_have_text("1")
    assert sorted(Case.objects.values_list("decision", flat=True)) == ["confirmed", "open"]
    ann.check()


@pytest.mark.long
def test_concurrent_decisions_are_reported_and_skipped_matches_stay_skipped(site: Site) -> None:
    studio, (client, bea) = create_cases(site, 3), (Client(), Client())
    for name, browser in (("ann", client), ("bea", bea)):
        user = User.objects.create_user(name, f"{name}@example.org", "not used")
        studio.memberships.create(user=user)
        browser.force_login(user)
    own_case, colleague_case, other = Case.objects.order_by("number")
    response = client.post("/o/studio/finds/decide", {"decide": f"dismissed {own_case.number}", "skip": "1"})
    assert response.headers["Location"].endswith("/o/studio/finds/?skip=1")
    bea.post("/o/studio/finds/decide", {"decide": f"confirmed {colleague_case.number}"})
    response = client.post("/o/studio/finds/decide", {"decide": f"dismissed {colleague_case.number}"}, follow=True)
    assert message_levels(response) == ["warning"]
    assert f"undo {own_case.number}" in response.content.decode()  # the last decision can still be undone
    assert Case.objects.get(pk=other.pk).decision == "open"


@pytest.mark.long
def test_viewer_cannot_decide_and_non_member_sees_no_matches(site: Site) -> None:
    studio = create_cases(site, 1)
    bea = site.member(studio, Role.VIEWER, name="bea")
    page = bea.open("/o/studio/finds/")
    expect(page.get_by_role("slider")).to_be_visible()
    expect(page.locator("main button:not([data-mode], [data-zoom], [data-push] *)")).to_have_count(0)
    carl = site.member(owner("other"), name="carl").page.context
    assert carl.request.get(f"{site.base}/o/studio/finds/").status == 404
    for person, status in (("bea", 403), ("carl", 404)):
        client = Client()
        client.force_login(User.objects.get(email=f"{person}@example.org"))
        assert client.post("/o/studio/finds/decide", {"decide": "dismissed 1"}).status_code == status
    assert Case.objects.get().decision == "open"


@pytest.mark.long
def test_site_is_installable_and_its_icons_exist(site: Site) -> None:
    ann = site.member(create_cases(site, 1))
    page = ann.open("/o/studio/finds/")
    app_manifest = page.context.new_cdp_session(page).send("Page.getAppManifest")
    assert app_manifest["errors"] == []
    manifest = Client().get("/app.webmanifest").json()
    assert urljoin(site.base, manifest["start_url"]) == f"{site.base}/finds/"
    for icon in manifest["icons"]:
        picture = Image.open(io.BytesIO(page.request.get(urljoin(site.base, icon["src"])).body()))
        assert f"{picture.width}x{picture.height}" == icon["sizes"]
    faults = page.context.new_cdp_session(page).send("Page.getInstallabilityErrors")
    assert [error["errorId"] for error in faults["installabilityErrors"] if error["errorId"] != "in-incognito"] == []
