"""Test the page of a case, with a client and in a browser: comparison, decision, evidence, notes and disputes."""

import io
import re
from dataclasses import replace

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import ExifTags, Image, ImageOps
from playwright.sync_api import Page, expect

from desk.schemas.cases import CaseDetails, prefetch_uses
from desk.texts.cases import decision_in_words
from desk.web.cases.views import ACTION_MESSAGES
from exhibit.clock import now
from exhibit.types import SourceStatement, SourceStatementKind
from registry.cases import archive_queries, decisions, history
from registry.cases.decisions import DecisionChoice, DecisionRequest
from registry.crawls.external_statements import statements_to_json
from registry.matches.match import match_pictures
from registry.models import ArchiveLookup, Bundle, Capture, Case, Match, Membership, Owner, Picture, Sighting, User
from tests.assets.pages import has_test_id, message_levels, numbers_in, select
from tests.assets.restored_scenes import restore_scene
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, photograph, record_sightings, register
from tests.assets.site import Site as Archive
from tests.assets.site_browser import PHONE, Site, tap, use_services
from tests.assets.source import collapse_whitespace
from tests.assets.web_archive_server import ArchivedCapture, WebArchive
from workers.tasks.sync_runner import SyncRunner


def create_owner_with_case(inline: SyncRunner) -> Owner:
    """Create a case whose sighted image is the top right part of the work, mirrored."""
    return restore_scene(inline, _create_owner_with_case)


def _create_owner_with_case(inline: SyncRunner) -> Owner:
    services, studio, data = inline.services, owner("studio"), photograph(1)
    register(services, studio, data, "Under the wave")
    picture = Image.open(io.BytesIO(data))
    part = encode_jpeg(ImageOps.mirror(picture.crop((60, 0, picture.width, 200))))
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(services, record_sightings(services, crawl_slice, epoch, [part]))
    return studio


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    use_services(monkeypatch, inline.services)
    return create_owner_with_case(inline)


@pytest.fixture
def ann(studio: Owner) -> Client:
    """An owner of the studio, in a browser without scripts."""
    client, user = Client(), User.objects.create_user("ann", "ann@example.org", "not used")
    Membership.objects.create(user=user, owner=studio, role="owner")
    client.force_login(user)
    return client


def read_page(client: Client, query: str = "") -> str:
    """Return the page of the case without line breaks."""
    return collapse_whitespace(client.get(case_url() + query).content.decode())


@pytest.mark.long
def test_metadata_of_the_found_file_is_quoted(inline: SyncRunner, ann: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not has_test_id(read_page(ann), "stated")
    found_picture = Match.objects.get().found
    out, exif = io.BytesIO(), Image.Exif()
    exif[ExifTags.Base.Artist] = "<b>Ann</b>"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b'ASCII\0\0\0{"AIGC": {"Label": "3"}}'
    with Image.open(io.BytesIO(inline.services.blobs.get(found_picture.digest))) as picture:
        picture.save(out, "JPEG", exif=exif)
    Picture.objects.filter(pk=found_picture.pk).update(digest=inline.services.blobs.put(out.getvalue()))
    page = read_page(ann)
    assert has_test_id(page, "stated")
    assert "<dd>Label: 3</dd>" in page
    assert "<dd>&lt;b&gt;Ann&lt;/b&gt;</dd>" in page
    with monkeypatch.context() as patched:  # it is read once
        patched.setattr(inline.services.blobs, "get", lambda _digest: pytest.fail("The picture was read again."))
        assert "<dd>Label: 3</dd>" in read_page(ann)
    inline.services.blobs.remove(Picture.objects.get(pk=found_picture.pk).digest)
    assert not has_test_id(read_page(ann), "stated")


def case_url() -> str:
    return reverse("case", args=["studio", 1])


def test_case_page_summarises_the_match_and_the_next_steps(studio: Owner, ann: Client, inline: SyncRunner) -> None:
    page = read_page(ann)
    lead = re.search(r'<p class="lead">(.*?)</p>', page)
    assert lead is not None
    assert all(text in lead[1] for text in ("shop.example", "Under the wave", "%", str(now().year)))
    assert has_test_id(page, "no-bundle")
    assert has_test_id(page, "nothing-against")
    Sighting.objects.update(context="Photo: CC BY 4.0")
    assert not has_test_id(read_page(ann), "nothing-against")
    decisions.decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.CONFIRM, "ann@example.org"))
    assert not has_test_id(read_page(ann), "no-bundle")


@pytest.mark.long
def test_other_works_in_the_found_picture_are_listed(studio: Owner, ann: Client, inline: SyncRunner) -> None:
    queue = reverse("cases", args=["studio"])
    assert not has_test_id(read_page(ann), "also-shown")
    register(inline.services, studio, encode_jpeg(Image.open(io.BytesIO(photograph(1))), 70), "Under the <wave>, again")
    register(
        inline.services, owner("others"), encode_jpeg(Image.open(io.BytesIO(photograph(1))), 80), "Somebody else's"
    )
    crawl_slice, epoch = claim_new_slice(studio, "again")
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, [photograph(1)]))
    page, listed = read_page(ann), collapse_whitespace(ann.get(queue).content.decode())
    assert (
        select(page, '[data-testid="also-shown"] a[href="/o/studio/works/2/"]::text').get() == "Under the <wave>, again"
    )
    assert "Under the &lt;wave&gt;, again" in listed
    assert "Another owner registered" not in page + listed


def test_notes_disputes_and_reopening_are_recorded_with_their_text(
    studio: Owner, ann: Client, inline: SyncRunner
) -> None:
    decisions.decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.DISMISS, "ben@example.org"))
    url = reverse("case-action", args=["studio", 1])
    ann.post(url, {"action": "note", "words": "Ask <b>the gallery</b>."})
    assert "Ask &lt;b&gt;the gallery&lt;/b&gt;." in read_page(ann)
    ann.post(url, {"action": "dispute", "words": "It is ours."})
    assert "disputed" in read_page(ann)
    assert Case.objects.get().disputed_at is not None
    response = ann.post(
        reverse("decide", args=["studio", 1]), {"decision": "open", "reason": "They say so."}, follow=True
    )
    assert message_levels(response) == ["success"]
    case = Case.objects.get()
    assert (case.decision, case.disputed_at) == ("open", None)


def test_long_history_is_paginated(studio: Owner, ann: Client) -> None:
    for number in range(101):
        history.record_event(Case.objects.get(), "note", "ann", text=f"Note {number}.")
    first, second = read_page(ann), read_page(ann, "?history=2")
    assert ("Note 100." in first, "Note 0." in first) == (True, False)
    assert ("Note 100." in second, "Note 0." in second, "Case opened" in second) == (False, True, True)


@pytest.mark.long
def test_case_pages_need_few_queries(studio: Owner, ann: Client, inline: SyncRunner) -> None:
    for number in range(2, 7):
        crawl_slice, epoch = claim_new_slice(studio, f"watch {number}")
        data = photograph(number)
        register(inline.services, studio, data, f"Work {number}")
        match_pictures(
            inline.services,
            record_sightings(inline.services, crawl_slice, epoch, [data], host=f"shop-{number}.example"),
        )
    for address in (reverse("cases", args=["studio"]), case_url()):
        ann.get(address)
        with CaptureQueriesContext(connection) as queries:
            response = ann.get(address)
        assert response.status_code == 200
        print(address, len(queries), "queries,", len(response.content), "bytes")  # noqa: T201
        assert len(queries) <= 40
        assert len(response.content) <= 100_000


def test_reported_picture_lists_affected_files(studio: Owner, ann: Client, inline: SyncRunner) -> None:
    files = [(role, inline.services.blobs.put(role.encode()).hex) for role in ("wacz", "screenshot", "page-pdf")]
    file_facts = [{"role": role, "digest": digest, "name": role, "size": 1, "media_type": ""} for role, digest in files]
    Capture.objects.update(files=file_facts)
    page = read_page(ann, "?report&history=1")
    along = [numbers_in(line) for line in select(page, "#reporting li").xpath("string()").getall()]
    assert along == [["1", "1"], ["1", "2"]]  # of case 1, one file is removed and two are set aside
    assert f'hx-get="{case_url()}?history=1"' in page


@pytest.mark.long
def test_each_case_action_shows_a_success_message(studio: Owner, ann: Client, inline: SyncRunner) -> None:
    decisions.decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.DISMISS, "ben@example.org"))

    def perform_action(name: str) -> str:
        response = ann.post(reverse("case-action", args=["studio", 1]), {"action": name, "words": "Why."}, follow=True)
        return " ".join(re.findall(r'<p class="message success" role="status">(.*?)</p>', response.content.decode()))

    assert all(perform_action(name) == str(ACTION_MESSAGES[name]) for name in ("note", "dispute", "settle"))
    assert perform_action("unknown") == ""
    decisions.decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.REOPEN, "ben@example.org"))
    Case.objects.update(is_pending=False)
    assert select(ann.get(case_url()), ".found")
    assert all(perform_action(name) == str(ACTION_MESSAGES[name]) for name in ("take-out", "report"))
    for address in (case_url(), reverse("cases", args=["studio"])):
        page = ann.get(address)
        assert (len(select(page, ".found")), len(select(page, ".gone"))) == (0, 1), address


@pytest.mark.long
def test_web_archive_request_needs_a_click_and_states_which_data_is_disclosed(
    studio: Owner, ann: Client, inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, image = "http://127.0.0.1/page-0", "http://127.0.0.1/image-0.jpg"
    Sighting.objects.update(page_url=page, image_url=image)
    monkeypatch.setattr(archive_queries, "REQUEST_INTERVAL_SECONDS", 0.0)
    with Archive() as site:
        WebArchive([ArchivedCapture(image, "20190303101502", b"other bytes")]).serve(site)
        config = replace(inline.services.config, cocapture_networks=("127.0.0.0/8",), wayback_url=site.url(""))
        monkeypatch.setattr(inline.services, "config", config)
        assert 'value="ask-archive"' not in read_page(ann)  # not confirmed
        decisions.decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.CONFIRM, "ben@example.org"))
        before = read_page(ann)
        assert f"{page}</li>" in before
        assert f"{image}</li>" in before
        assert site.requests == []
        response = ann.post(reverse("case-action", args=["studio", 1]), {"action": "ask-archive"}, follow=True)
        assert str(ACTION_MESSAGES["ask-archive"]) in response.content.decode()
        for pk in ArchiveLookup.objects.filter(state="queued").values_list("pk", flat=True):
            archive_queries.run_queries(inline.services, [pk])
        text = read_page(ann)
    assert "2019-03-03 10:15:02 UTC" in " ".join(select(text, "#elsewhere li::text").getall())
    full = CaseDetails.from_row(prefetch_uses(Case.objects.filter(number=1)).get())
    stated = next((item.subject, item.stated_time, item.is_same_picture) for item in full.third_party_statements)
    assert stated == ("picture", "2019-03-03T10:15:02Z", False)


@pytest.mark.long
def test_case_page_is_accessible(site: Site) -> None:
    ann = site.member(create_owner_with_case(site.inline), size=PHONE, scheme="dark", language="zh-CN")
    elsewhere = SourceStatement(
        kind=SourceStatementKind.FEED_PUBLISHED, by="News", stated="2019-03-03", where="https://news.example/feed"
    )
    Sighting.objects.update(elsewhere=statements_to_json([elsewhere]))
    ann.open(case_url())
    ann.page.wait_for_load_state("networkidle")
    for mode in ("slider", "blink", "side", "difference", "points"):
        ann.page.locator(f"[data-mode={mode}]").click()
    ann.page.wait_for_load_state("networkidle")
    for summary in ann.page.locator("#decision summary").all():
        summary.click()
    ann.check()


@pytest.mark.long
def test_found_picture_links_to_its_source(site: Site) -> None:
    ann = site.member(create_owner_with_case(site.inline))
    page = ann.open(case_url())
    page.wait_for_load_state("networkidle")
    edges = page.evaluate(SHEET_EDGES)
    assert edges == pytest.approx([60 / 320, 0, 1, 200 / 240], abs=0.02)
    before = read_width(page)
    page.get_by_role("button", name="Zoom in").click()
    assert read_width(page) == pytest.approx(before * 1.25, rel=0.01)
    assert page.evaluate(SHEET_EDGES) == pytest.approx(edges, abs=0.01)
    page.keyboard.press("s")
    expect(page.locator(".pane.second")).to_be_visible()
    page.keyboard.press("d")
    expect(page.locator(".drawing")).to_have_attribute("src", build_url_pattern("difference.jpg"))
    page.keyboard.press("p")
    expect(page.locator(".drawing")).to_have_attribute("src", build_url_pattern("points.jpg"))


@pytest.mark.long
@pytest.mark.parametrize("engine", ["chromium", "firefox"], indirect=True)
def test_case_is_confirmed_on_a_phone_with_two_taps(site: Site) -> None:
    studio = create_owner_with_case(site.inline)
    ann = site.member(studio, size=PHONE)
    page = ann.open(case_url())
    for summary in page.locator("#decision .choices-of-case > details > summary").all():
        assert summary.evaluate(IS_VISIBLE)
        assert summary.evaluate("(one) => one.getBoundingClientRect().height") >= 44
    expect(page.locator("#reason")).to_be_hidden()
    assert page.locator("kbd").count() > 0  # phones show no keyboard hints
    assert [element.inner_text() for element in page.locator("kbd").all() if element.is_visible()] == []
    tap(page.locator("details.confirm summary"))
    counts = [numbers_in(line) for line in page.locator("details.confirm li").all_inner_texts()]
    assert counts[:2] == [["2"], ["1"]]  # images, pages
    seal = page.locator("button[value=confirmed]")
    assert seal.evaluate(IS_VISIBLE)
    assert page.locator("#reason").evaluate(IS_VISIBLE)
    ann.check()
    assert page.evaluate("scrollY") == 0
    tap(seal)
    expect(page.locator("#decision strong").first).to_have_text(decision_in_words("confirmed"))
    assert Case.objects.get().decision == "confirmed"
    assert numbers_in(page.locator("#done-said").inner_text()) == ["1", "20"]
    expect(page.locator("#history")).to_contain_text(str(history.PHRASES["confirmed"]))
    tap(page.locator("#done summary"))
    expect(page.locator("#done li").first).to_be_visible()
    ann.check()
    undo = page.locator("#done button[value=undo]")
    assert undo.evaluate(IS_VISIBLE)
    tap(undo)
    expect(page.locator("#decision strong").first).to_have_text(decision_in_words("open"))
    expect(page.locator(".message.success")).to_have_count(1)


IS_VISIBLE = """(one) => {
  const box = one.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  return box.top >= 0 && box.bottom <= innerHeight && one.contains(document.elementFromPoint(x, y));
}"""
"""True if a control can be pressed without scrolling: it is on the screen, and nothing covers it."""


def read_width(page: Page) -> float:
    return float(page.evaluate("document.querySelector('.under').getBoundingClientRect().width"))


def build_url_pattern(name: str) -> re.Pattern[str]:
    return re.compile(f".*/{name}$")


SHEET_EDGES = """() => {
  const sheet = document.querySelector(".under").getBoundingClientRect();
  const laid = document.querySelector(".over .laid").getBoundingClientRect();
  return [(laid.left - sheet.left) / sheet.width, (laid.top - sheet.top) / sheet.height,
    (laid.right - sheet.left) / sheet.width, (laid.bottom - sheet.top) / sheet.height];
}"""
"""Position of the sighted image within the registered one, as fractions of its size: left, top, right, bottom."""


@pytest.mark.long
def test_shortcuts_decide_on_the_case_page_and_conflicts_name_the_first_member(site: Site) -> None:
    studio = create_owner_with_case(site.inline)
    page = site.member(studio).open(case_url())
    assert page.locator("kbd").first.is_visible()
    page.keyboard.press("x")
    page.keyboard.press("x")
    expect(page.locator("#decision strong").first).to_have_text(decision_in_words("dismissed"))
    decisions.decide_cases(site.services, studio, [1], DecisionRequest(DecisionChoice.REOPEN, "ben@example.org"))
    page.reload()
    decisions.decide_cases(
        site.services, studio, [1], DecisionRequest(DecisionChoice.DISMISS, "ben@example.org", "Not ours.")
    )
    page.keyboard.press("c")
    page.keyboard.press("c")
    expect(page.locator(".message")).to_contain_text("ben@example.org")
    assert Case.objects.get().decided_by == "ben@example.org"


@pytest.mark.long
def test_sealing_progress_updates_without_reloading(site: Site) -> None:
    studio = create_owner_with_case(site.inline)
    page = site.member(studio).page
    page.clock.install()
    page.goto(site.base + case_url())
    expect(page.locator("#bundles[hx-get]")).to_have_count(0)
    decisions.decide_cases(site.services, studio, [1], DecisionRequest(DecisionChoice.CONFIRM, "ann@example.org"))
    page.reload()
    expect(page.locator("#bundles[hx-get]")).to_have_count(1)
    expect(page.locator("#visits[hx-get]")).to_have_count(1)
    page.evaluate("window.kept = true")
    Capture.objects.update(state="done", finished_at=now(), sentence="The page is gone.")
    Bundle.objects.update(state="failed", error="The key is gone.")
    page.clock.fast_forward(10_000)
    expect(page.locator("#bundles")).to_contain_text("The key is gone.")
    expect(page.locator("#visits")).to_contain_text("The page is gone.")
    expect(page.locator("#bundles[hx-get], #visits[hx-get]")).to_have_count(0)
    assert page.evaluate("window.kept")


@pytest.mark.long
def test_recent_decision_is_shown_until_it_is_sealed(site: Site) -> None:
    studio = create_owner_with_case(site.inline)
    page = site.member(studio).page
    page.clock.install()
    page.goto(site.base + case_url())
    page.keyboard.press("c")
    page.keyboard.press("c")
    expect(page.locator("#done-said")).to_contain_text("20")
    Bundle.objects.update(state="failed", error="The key is gone.")
    page.clock.fast_forward(10_000)
    expect(page.locator("#done-said")).to_contain_text("The key is gone.")
    page.keyboard.press("u")
    expect(page.locator(".message.success")).to_be_visible()


def test_urls_are_links_unless_hostile(ann: Client) -> None:
    assert f'<a class="url" href="{Sighting.objects.get().page_url}" rel="noreferrer noopener nofollow">' in read_page(
        ann
    )
    Sighting.objects.update(page_url="javascript:alert(1)", image_url="data:text/html,x")
    page = read_page(ann)
    assert '<span class="url">javascript:alert(1)</span>' in page
    assert 'href="javascript' not in page
    assert 'href="data:' not in page.replace('href="data:,"', "")
