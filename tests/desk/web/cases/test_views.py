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

from desk.schemas.cases import CaseDetails, with_uses
from desk.texts.cases import decision_in_words
from desk.web.cases.views import DEEDS
from exhibit.clock import now
from exhibit.types import SeenElsewhere, SeenKind
from registry.cases import ask_archive, decisions, history
from registry.cases.decisions import Choice, Wish
from registry.crawls.elsewhere import kept
from registry.matches.match import match_pictures
from registry.models import ArchiveQuestion, Bundle, Capture, Case, Match, Membership, Owner, Picture, Sighting, User
from tests.assets.captured import Archived, Kept
from tests.assets.laid_down import once
from tests.assets.pages import has_test_id, message_levels, numbers_in, select
from tests.assets.rows import bring, claimed_slice, jpeg, owner, photograph, register
from tests.assets.site import Site as Archive
from tests.assets.site_browser import PHONE, Site, tap, use_house
from tests.assets.source import flat
from workers.tasks.sync_runner import SyncRunner


def with_a_case(inline: SyncRunner) -> Owner:
    """Create a case whose sighted image is the top right part of the work, mirrored."""
    return once(inline, _with_a_case)


def _with_a_case(inline: SyncRunner) -> Owner:
    services, studio, data = inline.services, owner("studio"), photograph(1)
    register(services, studio, data, "Under the wave")
    picture = Image.open(io.BytesIO(data))
    part = jpeg(ImageOps.mirror(picture.crop((60, 0, picture.width, 200))))
    planned, epoch = claimed_slice(studio)
    match_pictures(services, bring(services, planned, epoch, [part]))
    return studio


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    use_house(monkeypatch, inline.services)
    return with_a_case(inline)


@pytest.fixture
def ann(studio: Owner) -> Client:
    """An owner of the studio, in a browser without scripts."""
    client, user = Client(), User.objects.create_user("ann", "ann@example.org", "not used")
    Membership.objects.create(user=user, owner=studio, role="owner")
    client.force_login(user)
    return client


def read(client: Client, query: str = "") -> str:
    """Return the page of the case without line breaks."""
    return flat(client.get(the_page() + query).content.decode())


@pytest.mark.long
def test_what_the_found_file_says_of_itself_is_shown_as_its_word(
    inline: SyncRunner, ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not has_test_id(read(ann), "stated")
    found = Match.objects.get().found
    out, said = io.BytesIO(), Image.Exif()
    said[ExifTags.Base.Artist] = "<b>Ann</b>"
    said.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b'ASCII\0\0\0{"AIGC": {"Label": "3"}}'
    with Image.open(io.BytesIO(inline.services.blobs.get(found.digest))) as picture:
        picture.save(out, "JPEG", exif=said)
    Picture.objects.filter(pk=found.pk).update(digest=inline.services.blobs.put(out.getvalue()))
    page = read(ann)
    assert has_test_id(page, "stated")
    assert "<dd>Label: 3</dd>" in page
    assert "<dd>&lt;b&gt;Ann&lt;/b&gt;</dd>" in page
    with monkeypatch.context() as patched:  # it is read once
        patched.setattr(inline.services.blobs, "get", lambda _digest: pytest.fail("The picture was read again."))
        assert "<dd>Label: 3</dd>" in read(ann)
    inline.services.blobs.remove(Picture.objects.get(pk=found.pk).digest)
    assert not has_test_id(read(ann), "stated")


def the_page() -> str:
    return reverse("case", args=["studio", 1])


def test_the_page_says_what_where_since_when_how_much_and_how_sure_and_what_comes(
    studio: Owner, ann: Client, inline: SyncRunner
) -> None:
    page = read(ann)
    lead = re.search(r'<p class="lead">(.*?)</p>', page)
    assert lead is not None
    assert all(words in lead[1] for words in ("shop.example", "Under the wave", "%", str(now().year)))
    assert has_test_id(page, "no-bundle")
    assert has_test_id(page, "nothing-against")
    Sighting.objects.update(context="Photo: CC BY 4.0")
    assert not has_test_id(read(ann), "nothing-against")
    decisions.decide_each(inline.services, studio, [1], Wish(Choice.CONFIRM, "ann@example.org"))
    assert not has_test_id(read(ann), "no-bundle")


@pytest.mark.long
def test_other_works_that_the_found_picture_shows_are_told_on_the_case_and_in_the_queue(
    studio: Owner, ann: Client, inline: SyncRunner
) -> None:
    queue = reverse("cases", args=["studio"])
    assert not has_test_id(read(ann), "also-shown")
    register(inline.services, studio, jpeg(Image.open(io.BytesIO(photograph(1))), 70), "Under the <wave>, again")
    register(inline.services, owner("others"), jpeg(Image.open(io.BytesIO(photograph(1))), 80), "Somebody else's")
    planned, epoch = claimed_slice(studio, "again")
    match_pictures(inline.services, bring(inline.services, planned, epoch, [photograph(1)]))
    page, listed = read(ann), flat(ann.get(queue).content.decode())
    assert (
        select(page, '[data-testid="also-shown"] a[href="/o/studio/works/2/"]::text').get() == "Under the <wave>, again"
    )
    assert "Under the &lt;wave&gt;, again" in listed
    assert "Somebody else" not in page + listed


def test_notes_disputes_and_opening_again_are_kept_with_their_words(
    studio: Owner, ann: Client, inline: SyncRunner
) -> None:
    decisions.decide_each(inline.services, studio, [1], Wish(Choice.CLEAR, "ben@example.org"))
    deed = reverse("case-deed", args=["studio", 1])
    ann.post(deed, {"deed": "note", "words": "Ask <b>the gallery</b>."})
    assert "Ask &lt;b&gt;the gallery&lt;/b&gt;." in read(ann)
    ann.post(deed, {"deed": "dispute", "words": "It is ours."})
    assert "disputed" in read(ann)
    assert Case.objects.get().disputed_at is not None
    told = ann.post(reverse("decide", args=["studio", 1]), {"decision": "open", "reason": "They say so."}, follow=True)
    assert message_levels(told) == ["success"]
    case = Case.objects.get()
    assert (case.decision, case.disputed_at) == ("open", None)


def test_a_long_history_is_read_page_by_page(studio: Owner, ann: Client) -> None:
    for number in range(101):
        history.record(Case.objects.get(), "note", "ann", words=f"Note {number}.")
    first, second = read(ann), read(ann, "?history=2")
    assert ("Note 100." in first, "Note 0." in first) == (True, False)
    assert ("Note 100." in second, "Note 0." in second, "Opened" in second) == (False, True, True)


@pytest.mark.long
def test_pages_of_cases_ask_few_questions_however_many_there_are(
    studio: Owner, ann: Client, inline: SyncRunner
) -> None:
    for number in range(2, 7):
        planned, epoch = claimed_slice(studio, f"watch {number}")
        data = photograph(number)
        register(inline.services, studio, data, f"Work {number}")
        match_pictures(inline.services, bring(inline.services, planned, epoch, [data], host=f"shop-{number}.example"))
    for address in (reverse("cases", args=["studio"]), the_page()):
        ann.get(address)
        with CaptureQueriesContext(connection) as asked:
            answer = ann.get(address)
        assert answer.status_code == 200
        print(address, len(asked), "queries,", len(answer.content), "bytes")  # noqa: T201
        assert len(asked) <= 40
        assert len(answer.content) <= 100_000


def test_what_goes_along_with_a_reported_picture_is_listed_and_not_asked_for_again_and_again(
    studio: Owner, ann: Client, inline: SyncRunner
) -> None:
    files = [(role, inline.services.blobs.put(role.encode()).hex) for role in ("wacz", "screenshot", "page-pdf")]
    kept = [{"role": role, "digest": digest, "name": role, "size": 1, "media_type": ""} for role, digest in files]
    Capture.objects.update(files=kept)
    page = read(ann, "?report&history=1")
    along = [numbers_in(one) for one in select(page, "#reporting li").xpath("string()").getall()]
    assert along == [["1", "1"], ["1", "2"]]  # one file of case 1 is removed, two are set aside
    assert f'hx-get="{the_page()}?history=1"' in page


@pytest.mark.long
def test_each_deed_is_said_to_have_worked(studio: Owner, ann: Client, inline: SyncRunner) -> None:
    decisions.decide_each(inline.services, studio, [1], Wish(Choice.CLEAR, "ben@example.org"))

    def did(name: str) -> str:
        said = ann.post(reverse("case-deed", args=["studio", 1]), {"deed": name, "words": "Why."}, follow=True)
        return " ".join(re.findall(r'<p class="message success" role="status">(.*?)</p>', said.content.decode()))

    assert all(did(name) == str(DEEDS[name]) for name in ("note", "dispute", "settle"))
    assert did("unknown") == ""
    decisions.decide_each(inline.services, studio, [1], Wish(Choice.REOPEN, "ben@example.org"))
    Case.objects.update(waits=False)
    assert select(ann.get(the_page()), ".found")
    assert all(did(name) == str(DEEDS[name]) for name in ("take-out", "report"))
    for address in (the_page(), reverse("cases", args=["studio"])):
        page = ann.get(address)
        assert (len(select(page, ".found")), len(select(page, ".gone"))) == (0, 1), address


@pytest.mark.long
def test_one_press_asks_an_archive_and_says_before_what_it_learns(
    studio: Owner, ann: Client, inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, image = "http://127.0.0.1/page-0", "http://127.0.0.1/image-0.jpg"
    Sighting.objects.update(page_url=page, image_url=image)
    monkeypatch.setattr(ask_archive, "SECONDS", 0.0)
    with Archive() as site:
        Archived([Kept(image, "20190303101502", b"other bytes")]).serve(site)
        config = replace(inline.services.config, cocapture_networks=("127.0.0.0/8",), wayback_url=site.url(""))
        monkeypatch.setattr(inline.services, "config", config)
        assert 'value="ask-archive"' not in read(ann)  # not confirmed
        decisions.decide_each(inline.services, studio, [1], Wish(Choice.CONFIRM, "ben@example.org"))
        before = read(ann)
        assert f"{page}</li>" in before
        assert f"{image}</li>" in before
        assert site.seen == []
        said = ann.post(reverse("case-deed", args=["studio", 1]), {"deed": "ask-archive"}, follow=True)
        assert str(DEEDS["ask-archive"]) in said.content.decode()
        for pk in ArchiveQuestion.objects.filter(state="todo").values_list("pk", flat=True):
            ask_archive.answer_questions(inline.services, [pk])
        told = read(ann)
    assert "2019-03-03 10:15:02 UTC" in " ".join(select(told, "#elsewhere li::text").getall())
    full = CaseDetails.from_row(with_uses(Case.objects.filter(number=1)).get())
    stated = next((one.subject, one.stated_time, one.is_same_picture) for one in full.third_party_statements)
    assert stated == ("picture", "2019-03-03T10:15:02Z", False)


@pytest.mark.long
def test_a_case_can_be_read_by_everybody(site: Site) -> None:
    ann = site.member(with_a_case(site.inline), size=PHONE, scheme="dark", language="zh-CN")
    told = SeenElsewhere(
        kind=SeenKind.FEED_PUBLISHED, by="News", stated="2019-03-03", where="https://news.example/feed"
    )
    Sighting.objects.update(elsewhere=kept([told]))
    ann.open(the_page())
    ann.page.wait_for_load_state("networkidle")
    for mode in ("slider", "blink", "side", "difference", "points"):
        ann.page.locator(f"[data-mode={mode}]").click()
    ann.page.wait_for_load_state("networkidle")
    for summary in ann.page.locator("#decision summary").all():
        summary.click()
    ann.check()


@pytest.mark.long
def test_the_found_picture_lies_where_it_was_taken_from(site: Site) -> None:
    ann = site.member(with_a_case(site.inline))
    page = ann.open(the_page())
    page.wait_for_load_state("networkidle")
    edges = page.evaluate(EDGES)
    assert edges == pytest.approx([60 / 320, 0, 1, 200 / 240], abs=0.02)
    before = scale_of(page)
    page.get_by_role("button", name="Zoom in").click()
    assert scale_of(page) == pytest.approx(before * 1.25, rel=0.01)
    assert page.evaluate(EDGES) == pytest.approx(edges, abs=0.01)
    page.keyboard.press("s")
    expect(page.locator(".pane.second")).to_be_visible()
    page.keyboard.press("d")
    expect(page.locator(".drawing")).to_have_attribute("src", ending("difference.jpg"))
    page.keyboard.press("p")
    expect(page.locator(".drawing")).to_have_attribute("src", ending("points.jpg"))


@pytest.mark.long
@pytest.mark.parametrize("engine", ["chromium", "firefox"], indirect=True)
def test_two_taps_on_a_phone_confirm_without_scrolling_and_say_that_it_worked(site: Site) -> None:
    studio = with_a_case(site.inline)
    ann = site.member(studio, size=PHONE)
    page = ann.open(the_page())
    for summary in page.locator("#decision .choices-of-case > details > summary").all():
        assert summary.evaluate(IN_SIGHT)
        assert summary.evaluate("(one) => one.getBoundingClientRect().height") >= 44
    expect(page.locator("#reason")).to_be_hidden()
    assert page.locator("kbd").count() > 0  # phones show no keyboard hints
    assert [one.inner_text() for one in page.locator("kbd").all() if one.is_visible()] == []
    tap(page.locator("details.confirm summary"))
    held = [numbers_in(line) for line in page.locator("details.confirm li").all_inner_texts()]
    assert held[:2] == [["2"], ["1"]]  # images, pages
    seal = page.locator("button[value=confirmed]")
    assert seal.evaluate(IN_SIGHT)
    assert page.locator("#reason").evaluate(IN_SIGHT)
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
    assert undo.evaluate(IN_SIGHT)
    tap(undo)
    expect(page.locator("#decision strong").first).to_have_text(decision_in_words("open"))
    expect(page.locator(".message.success")).to_have_count(1)


IN_SIGHT = """(one) => {
  const box = one.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  return box.top >= 0 && box.bottom <= innerHeight && one.contains(document.elementFromPoint(x, y));
}"""
"""True if a control can be pressed without scrolling: it is on the screen, and nothing covers it."""


def scale_of(page: Page) -> float:
    return float(page.evaluate("document.querySelector('.under').getBoundingClientRect().width"))


def ending(name: str) -> re.Pattern[str]:
    return re.compile(f".*/{name}$")


EDGES = """() => {
  const sheet = document.querySelector(".under").getBoundingClientRect();
  const laid = document.querySelector(".over .laid").getBoundingClientRect();
  return [(laid.left - sheet.left) / sheet.width, (laid.top - sheet.top) / sheet.height,
    (laid.right - sheet.left) / sheet.width, (laid.bottom - sheet.top) / sheet.height];
}"""
"""Position of the sighted image within the registered one, as shares of it: left, top, right, bottom."""


@pytest.mark.long
def test_keys_decide_on_the_page_and_who_is_second_reads_who_was_first(site: Site) -> None:
    studio = with_a_case(site.inline)
    page = site.member(studio).open(the_page())
    assert page.locator("kbd").first.is_visible()
    page.keyboard.press("x")
    page.keyboard.press("x")
    expect(page.locator("#decision strong").first).to_have_text(decision_in_words("cleared"))
    decisions.decide_each(site.services, studio, [1], Wish(Choice.REOPEN, "ben@example.org"))
    page.reload()
    decisions.decide_each(site.services, studio, [1], Wish(Choice.CLEAR, "ben@example.org", "Not ours."))
    page.keyboard.press("c")
    page.keyboard.press("c")
    expect(page.locator(".message")).to_contain_text("ben@example.org")
    assert Case.objects.get().decided_by == "ben@example.org"


@pytest.mark.long
def test_what_is_being_sealed_is_shown_as_it_is_without_loading_again(site: Site) -> None:
    studio = with_a_case(site.inline)
    page = site.member(studio).page
    page.clock.install()
    page.goto(site.base + the_page())
    expect(page.locator("#bundles[hx-get]")).to_have_count(0)
    decisions.decide_each(site.services, studio, [1], Wish(Choice.CONFIRM, "ann@example.org"))
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
def test_what_was_decided_just_now_is_said_until_it_is_sealed(site: Site) -> None:
    studio = with_a_case(site.inline)
    page = site.member(studio).page
    page.clock.install()
    page.goto(site.base + the_page())
    page.keyboard.press("c")
    page.keyboard.press("c")
    expect(page.locator("#done-said")).to_contain_text("20")
    Bundle.objects.update(state="failed", error="The key is gone.")
    page.clock.fast_forward(10_000)
    expect(page.locator("#done-said")).to_contain_text("The key is gone.")
    page.keyboard.press("u")
    expect(page.locator(".message.success")).to_be_visible()


def test_addresses_lead_there_and_hostile_ones_nowhere(ann: Client) -> None:
    assert f'<a class="url" href="{Sighting.objects.get().page_url}" rel="noreferrer noopener nofollow">' in read(ann)
    Sighting.objects.update(page_url="javascript:alert(1)", image_url="data:text/html,x")
    page = read(ann)
    assert '<span class="url">javascript:alert(1)</span>' in page
    assert 'href="javascript' not in page
    assert 'href="data:' not in page.replace('href="data:,"', "")
