"""The page of a case in a browser: the light table, the decision, the evidence, notes and disputes."""

import io
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image, ImageOps
from playwright.sync_api import Page, expect

from exhibit.clock import now
from registry.cases import history
from registry.models import Bundle, Capture, Case, Membership, Owner, User
from tests.assets.rows import bring, claimed_slice, jpeg, owner, photograph, register
from tests.assets.site_browser import DESKTOP, PHONE, Site
from workers.cases import decisions
from workers.cases.decisions import Choice, Wish
from workers.steps.matching.match import match_pictures


def with_a_case(site: Site) -> Owner:
    """A case whose found picture is the right upper part of the work, mirrored."""
    studio, data = owner("studio"), photograph(1)
    register(site.services, studio, data, "Under the wave")
    picture = Image.open(io.BytesIO(data))
    part = jpeg(ImageOps.mirror(picture.crop((60, 0, picture.width, 200))))
    planned, epoch = claimed_slice(studio)
    match_pictures(site.services, bring(site.services, planned, epoch, [part]))
    return studio


def the_page() -> str:
    return reverse("case", args=["studio", 1])


@pytest.mark.parametrize(
    ("size", "scheme", "language"),
    [(PHONE, "light", "en"), (PHONE, "dark", "zh-CN"), (DESKTOP, "dark", "en"), (DESKTOP, "dark", "zh-CN")],
)
def test_a_case_can_be_read_by_everybody(site: Site, size: tuple[int, int], scheme: str, language: str) -> None:
    ann = site.member(with_a_case(site), size=size, scheme=scheme, language=language)
    ann.open(the_page())
    ann.page.wait_for_load_state("networkidle")
    for mode in ("slider", "blink", "side", "difference", "points"):
        ann.page.locator(f"[data-mode={mode}]").click()
    ann.page.wait_for_load_state("networkidle")
    for summary in ann.page.locator("#decision summary").all():
        summary.click()
    ann.check()


def test_the_sentence_says_what_where_since_when_how_much_and_how_sure(site: Site) -> None:
    ann = site.member(with_a_case(site))
    lead = ann.open(the_page()).locator(".lead")
    for words in ("shop.example", "Under the wave", "Seen on one page since", "of your picture, mirrored", "measured"):
        expect(lead).to_contain_text(words)


def test_the_found_picture_lies_where_it_was_taken_from(site: Site) -> None:
    ann = site.member(with_a_case(site))
    page = ann.open(the_page())
    page.wait_for_load_state("networkidle")
    edges = page.evaluate(EDGES)
    assert edges == pytest.approx([60 / 320, 0, 1, 200 / 240], abs=0.02)
    before = scale_of(page)
    page.get_by_role("button", name="Larger").click()
    assert scale_of(page) == pytest.approx(before * 1.25, rel=0.01)
    assert page.evaluate(EDGES) == pytest.approx(edges, abs=0.01)
    page.keyboard.press("s")
    expect(page.locator(".pane.second")).to_be_visible()
    page.keyboard.press("d")
    expect(page.locator(".drawing")).to_have_attribute("src", ending("difference.jpg"))
    page.keyboard.press("p")
    expect(page.locator(".drawing")).to_have_attribute("src", ending("points.jpg"))


def test_two_taps_on_a_phone_confirm_and_say_first_what_is_sealed(site: Site) -> None:
    studio = with_a_case(site)
    ann = site.member(studio, size=PHONE)
    page = ann.open(the_page())
    page.locator("#decision summary").filter(has_text="Not licensed").tap()
    expect(page.locator("details.confirm")).to_contain_text("2 pictures, byte for byte")
    expect(page.locator("details.confirm")).to_contain_text("1 place with its times")
    page.get_by_role("button", name="Not licensed: seal it").tap()
    expect(page.locator("#decision strong").first).to_have_text("not licensed")
    assert Case.objects.get().decision == "confirmed"
    expect(page.locator(".message")).to_have_text(
        "Case 1 is decided: not licensed. It is sealed after 20 seconds; until then you can undo it."
    )
    expect(page.locator("#history")).to_contain_text("Not licensed.")
    page.get_by_role("button", name="Undo").tap()
    expect(page.locator("#decision strong").first).to_have_text("open")
    expect(page.locator(".message")).to_have_text("Case 1 is open again.")


def test_keys_decide_on_the_page_of_a_case_too(site: Site) -> None:
    studio = with_a_case(site)
    page = site.member(studio).open(the_page())
    page.keyboard.press("x")
    page.keyboard.press("x")
    expect(page.locator("#decision strong").first).to_have_text("cleared")


def test_who_decides_second_reads_who_was_first(site: Site) -> None:
    studio = with_a_case(site)
    page = site.member(studio).open(the_page())
    decisions.decide_each(site.services, studio, [1], Wish(Choice.CLEAR, "ben@example.org", "Not ours."))
    page.keyboard.press("c")
    page.keyboard.press("c")
    expect(page.locator(".message")).to_contain_text("ben@example.org decided “cleared” before you")
    assert Case.objects.get().decided_by == "ben@example.org"


def test_notes_disputes_and_opening_again_are_kept_with_their_words(site: Site) -> None:
    studio = with_a_case(site)
    decisions.decide_each(site.services, studio, [1], Wish(Choice.CLEAR, "ben@example.org"))
    page = site.member(studio).open(the_page())
    page.get_by_label("A note for the other members").fill("Ask <b>the gallery</b>.")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.locator(".history .note")).to_contain_text("Ask <b>the gallery</b>.")
    page.get_by_text("Dispute the decision").click()
    page.locator("#why").fill("It is ours.")
    page.get_by_role("button", name="Dispute it").click()
    expect(page.locator("#decision")).to_contain_text("disputed")
    page.get_by_text("Open again").first.click()
    page.locator("#reason").fill("The gallery says so.")
    page.get_by_role("button", name="Open again").click()
    expect(page.locator("#decision strong").first).to_have_text("open")
    expect(page.locator(".message")).to_have_text("Case 1 is open again.")
    assert Case.objects.get().disputed_at is None


def test_the_chain_says_what_is_there_and_what_comes(site: Site) -> None:
    studio = with_a_case(site)
    ann = site.member(studio)
    chain = ann.open(the_page()).locator(".chain")
    expect(chain.locator("li.done")).to_have_count(1)
    expect(chain).to_contain_text("Nothing is sealed until a person decides: not licensed.")
    decisions.decide_each(site.services, studio, [1], Wish(Choice.CONFIRM, "ann@example.org"))
    expect(ann.open(the_page()).locator(".chain")).to_contain_text("a moment to undo")


def test_pages_of_cases_ask_few_questions_however_many_there_are(site: Site) -> None:
    studio = with_a_case(site)
    for number in range(2, 12):
        planned, epoch = claimed_slice(studio, f"watch {number}")
        data = photograph(number)
        register(site.services, studio, data, f"Work {number}")
        match_pictures(site.services, bring(site.services, planned, epoch, [data], host=f"shop-{number}.example"))
    client = Client()
    client.force_login(User.objects.create_user("ann", "ann@example.org", "not used"))
    Membership.objects.create(user=User.objects.get(), owner=studio, role="owner")
    for address in (reverse("cases", args=["studio"]), the_page()):
        client.get(address)
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(address)
        assert answer.status_code == 200
        print(address, len(asked), "queries,", len(answer.content), "bytes")  # noqa: T201
        assert len(asked) <= 30
        assert len(answer.content) <= 100_000


def test_illegal_content_is_reported_and_gone_from_every_page(site: Site) -> None:
    studio = with_a_case(site)
    ann = site.member(studio)
    page = ann.open(the_page())
    page.wait_for_load_state("networkidle")
    page.get_by_text("Illegal content: report and remove").click()
    page.get_by_role("link", name="What goes with it").click()
    expect(page.locator("#reporting")).to_contain_text("Nothing else goes with it.")
    page.locator("#report").fill("It may not be kept.")
    page.get_by_role("button", name="Report and remove").click()
    expect(page.locator(".light-table")).to_contain_text("reported or removed")
    expect(page.locator(".found")).to_have_count(0)
    ann.open(reverse("cases", args=["studio"]))
    expect(ann.page.locator(".gone")).to_have_count(1)
    ann.page.wait_for_load_state("networkidle")
    ann.check_behaviour()


def test_what_goes_along_with_a_reported_picture_is_listed_and_not_asked_for_again_and_again(site: Site) -> None:
    studio = with_a_case(site)
    files = [(role, site.services.blobs.put(role.encode()).hex) for role in ("wacz", "screenshot", "page-pdf")]
    kept = [{"role": role, "digest": digest, "name": role, "size": 1, "media_type": ""} for role, digest in files]
    Capture.objects.update(files=kept)
    page = site.member(studio).open(the_page() + "?report&history=1")
    told = ["Case 1: 1 file is removed", "Case 1: 2 files are set aside"]
    expect(page.locator("#reporting li")).to_have_text(told)
    expect(page.locator("#visits")).to_have_attribute("hx-get", the_page() + "?history=1")


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
"""Where the found picture lies within the registered one, as shares of it: left, top, right, bottom."""


def test_nobody_on_a_phone_is_told_of_keys(site: Site) -> None:
    studio = with_a_case(site)
    phone = site.member(studio, size=PHONE).open(the_page())
    assert phone.locator("kbd").count() > 0
    assert [one.inner_text() for one in phone.locator("kbd").all() if one.is_visible()] == []
    assert site.member(studio).open(the_page()).locator("kbd").first.is_visible()


def test_a_long_history_is_read_page_by_page(site: Site) -> None:
    studio = with_a_case(site)
    for number in range(101):
        history.record(Case.objects.get(), "note", "ann", words=f"Note {number}.")
    page = site.member(studio).open(the_page())
    expect(page.locator(".history li").first).to_contain_text("Note 100.")
    page.get_by_role("navigation", name="Pages of the history").get_by_role("link", name="Next").click()
    expect(page.locator(".history")).to_contain_text("Opened")
    expect(page.locator(".history")).to_contain_text("Note 0.")


def test_what_is_being_sealed_is_shown_as_it_is_without_loading_again(site: Site) -> None:
    studio = with_a_case(site)
    page = site.member(studio).open(the_page())
    expect(page.locator("#bundles[hx-get]")).to_have_count(0)
    decisions.decide_each(site.services, studio, [1], Wish(Choice.CONFIRM, "ann@example.org"))
    page.reload()
    expect(page.locator("#bundles")).to_contain_text("Being sealed.")
    expect(page.locator("#visits")).to_contain_text("A visit is under way.")
    page.evaluate("window.kept = true")
    Capture.objects.update(state="done", finished_at=now(), sentence="The page is gone.")
    Bundle.objects.update(state="failed", error="The key is gone.")
    expect(page.locator("#bundles")).to_contain_text("Not sealed.", timeout=15_000)
    expect(page.locator("#visits")).to_contain_text("The page is gone.", timeout=15_000)
    expect(page.locator(".chain")).to_contain_text("1 visit")
    expect(page.locator("#bundles[hx-get], #visits[hx-get]")).to_have_count(0)
    assert page.evaluate("window.kept")


def test_each_deed_is_said_to_have_worked(site: Site) -> None:
    studio = with_a_case(site)
    decisions.decide_each(site.services, studio, [1], Wish(Choice.CLEAR, "ben@example.org"))
    client = Client()
    client.force_login(User.objects.create_user("ann", "ann@example.org", "not used"))
    Membership.objects.create(user=User.objects.get(), owner=studio, role="owner")

    def did(name: str) -> str:
        said = client.post(reverse("case-deed", args=["studio", 1]), {"deed": name, "words": "Why."}, follow=True)
        return " ".join(re.findall(r'<p class="message success" role="status">(.*?)</p>', said.content.decode()))

    assert did("note") == "The note is kept."
    assert did("dispute") == "The decision is disputed."
    assert did("settle") == "The decision stands."
    assert did("unknown") == ""
    decisions.decide_each(site.services, studio, [1], Wish(Choice.REOPEN, "ben@example.org"))
    Case.objects.update(waits=False)
    assert did("take-out") == "The case waits for a decision again."
    said = client.get(the_page()).content.decode()
    assert "Where others have evidence of it, the operator decides, who may also let it stay." in said
    assert did("report") == "The picture is reported, and shown to nobody here any more."
