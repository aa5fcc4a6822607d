"""Test notices on the site: drafted, read, signed by typing the name, sent manually, and tracked."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from desk.texts.numbers import counted
from desk.web.notices.words import STATES, WAYS
from exhibit.clock import now
from registry.cases.decisions import confirm
from registry.cases.history import PHRASES
from registry.matches.match import match_pictures
from registry.models import Case, LogSubmission, Notice, NoticeMail, Owner, OwnershipRemark, Role, User, Work
from registry.notices import notices, wording
from tests.assets.laid_down import once
from tests.assets.noticed import filing, signed
from tests.assets.pages import has_test_id, message_levels, numbers_at, numbers_in, select
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from tests.assets.site_browser import PHONE, Site, Visitor, use_house
from tests.assets.source import flat
from workers.tasks.sync_runner import SyncRunner

PAGE = "/o/studio/notices/"


FIELDS = {
    "addressee_name": "Copyright Agent",
    "sender_name": "Ann Example",
    "sender_capacity": "owner",
    "sender_address": "1 Harbour Road, Kiel",
    "sender_telephone": "+49 431 0000",
    "sender_email": "ann@example.org",
}


ANSWERS = {"purpose": "commercial", "nature": "creative", "amount": "whole", "market": "replaces"}


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    """An owner with two confirmed cases of shop.example."""
    use_house(monkeypatch, inline.services)
    return once(inline, _studio)


def _studio(inline: SyncRunner) -> Owner:
    made = owner("studio")
    for seed in (1, 2):
        register(inline.services, made, photograph(seed), f"Work {seed}")
    planned, epoch = claimed_slice(made)
    match_pictures(
        inline.services, bring(inline.services, planned, epoch, [copy_of(photograph(seed)) for seed in (1, 2)])
    )
    for case in Case.objects.all():
        confirm(inline.services, case, by="Ann", reason="No order.")
    return made


@pytest.fixture
def ann(studio: Owner) -> Client:
    return person(studio, "ann", Role.REVIEWER)


def person(of: Owner, name: str, role: Role) -> Client:
    client, email = Client(), f"{name}@example.org"
    user = User.objects.create_user(username=email, email=email, password="not used")
    of.memberships.create(user=user, role=role)
    client.force_login(user)
    return client


def test_the_list_shows_of_each_notice_a_work_and_whom_it_is_to(ann: Client) -> None:
    drafted(ann)
    page = flat(ann.get(PAGE).content.decode())
    assert '<img class="thumb" src="/o/studio/pictures/' in page
    assert "Copyright Agent" in page


def drafted(ann: Client) -> str:
    """Return the page of a draft with complete fields and considered uses."""
    answer = ann.post(f"{PAGE}new", {"party": "shop.example", "case": ["1", "2"], "kind": "dmca.en"})
    considered = {f"{name}-{case}": text for case in (1, 2) for name, text in ANSWERS.items()}
    ann.post(answer.headers["Location"], {**FIELDS, **considered, "case-1": "1", "case-2": "1"})
    return f"{PAGE}1/"


def mark(page: str) -> str:
    found = re.search(r'name="read" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found[1]


SENDER = {
    "Name": "Copyright Agent",
    "Signer": "Ann Example",
    "Capacity": "Owner",
    "Address": "1 Harbour Road, Kiel",
    "Telephone": "+49 431 0000",
    "Email": "ann@example.org",
}

CHOSEN = {
    "For what purpose is the picture used?": "commercial",
    "What kind of work is it?": "creative",
    "How much of the work is used?": "whole",
    "What does the use do to the market": "replaces",
}


@pytest.mark.long
def test_a_notice_is_drafted_read_signed_sent_and_followed(ann: Client, studio: Owner) -> None:
    address = drafted(ann)
    page = ann.get(address).content.decode()
    assert numbers_at(page, "unregistered")[:2] == ["1", "2"]
    signing = {"read": mark(page), "name": "Ann Example"}
    assert message_levels(ann.post(f"{address}sign", signing, follow=True)) == ["error"]
    wrong = {**signing, "name": "Bob", "have-read": "1", "authorised": "1"}
    assert message_levels(ann.post(f"{address}sign", wrong, follow=True)) == ["error"]
    assert message_levels(ann.post(f"{address}sign", {**wrong, "name": "Ann Example"}, follow=True)) == ["success"]
    taken = ann.get(f"{address}files/notice.txt")
    assert b"/s/ Ann Example" in taken.content
    assert taken.headers["Content-Disposition"] == 'attachment; filename="studio-notice-1.txt"'
    page = ann.post(f"{address}send", {"how": "hand"}, follow=True).content.decode()
    assert str(WAYS["by hand"]) in page
    day = notices.notice(studio, 1).sent_at
    assert day is not None
    told = {"what": "countered", "day": day.date().isoformat(), "words": "They object."}
    page = ann.post(f"{address}happened", told, follow=True).content.decode()
    assert has_test_id(page, "paused")
    assert "512(g)(2)(C)" in page
    assert str(STATES[Notice.State.COUNTERED]) in ann.get(PAGE).content.decode()
    ann.post(f"{PAGE}new", {"party": "shop.example", "case": ["1"], "kind": "offer.en"})
    assert Notice.objects.count() == 1


def test_a_point_of_the_claim_check_is_answered_on_the_notice_before_it_can_be_signed(
    ann: Client, studio: Owner
) -> None:
    Work.objects.filter(number=1).update(rights_statement="CC BY 4.0 <script>")
    address = drafted(ann)
    page = flat(ann.get(address).content.decode())
    assert numbers_in(select(page, '[data-testid="gaps"] li').xpath("string()").get("")) == ["1", "1"]
    assert "Creative Commons BY 4.0" in page
    assert 'href="/o/studio/notices/new?kind=offer.en&amp;case=1&amp;case=2"' in page
    assert "<script>”" not in page
    assert 'name="read"' not in page
    shown = re.search(r'name="mark" value="([0-9a-f]{64})"', page)
    assert shown is not None
    given = {"mark": shown[1], "point": "stated-licence", "notice": "1", "words": "Their copy lacks the credit."}
    assert person(studio, "eve", Role.VIEWER).post("/o/studio/cases/1/claims", given).status_code == 403
    page = flat(ann.post("/o/studio/cases/1/claims", given, follow=True).content.decode())
    assert "Their copy lacks the credit." in select(page, "#claims").get("")
    assert 'name="read"' in page
    page = flat(ann.get("/o/studio/cases/1/").content.decode())
    assert "Their copy lacks the credit." in select(page, "#claims").get("")
    assert PHRASES["claim-answered"] in page


def test_warnings_about_ownership_stand_where_it_is_signed_answered_or_not(ann: Client, studio: Owner) -> None:
    address = drafted(ann)
    work = Work.objects.get(number=1)
    Work.objects.filter(pk=work.pk).update(rights_statement="Public domain")
    told = {"details": {"stated": {"credit": "Bob <b>"}}, "noted_at": now()}
    given = {"answered_at": now(), "answered_by": "carol", "reason": "Bob signed the rights over."}
    OwnershipRemark.objects.create(work=work, kind="credit", **told, **given)
    page = flat(ann.get(address).content.decode())
    near = page[page.index('id="doubts"') :]
    assert page.index('id="letter"') < page.index('id="doubts"')
    assert "Bob signed the rights over." in near
    assert has_test_id(page, "unanswered")
    assert "/s/" not in page
    assert "(not signed)" in page


def test_a_text_that_changed_after_it_was_read_is_read_again(ann: Client, studio: Owner) -> None:
    address = drafted(ann)
    read = mark(ann.get(address).content.decode())
    ann.post(f"{address}edit", {"further": "One more <b>word</b>."})
    signing = {"read": read, "name": "Ann Example", "have-read": "1", "authorised": "1"}
    answer = ann.post(f"{address}sign", signing, follow=True)
    page = answer.content.decode()
    assert message_levels(answer) == ["error"]
    assert "One more &lt;b&gt;word&lt;/b&gt;." in page
    assert notices.notice(studio, 1).state == Notice.State.DRAFT


def test_a_viewer_reads_and_does_nothing_and_wording_is_for_owners(ann: Client, studio: Owner) -> None:
    drafted(ann)
    bob = person(studio, "bob", Role.VIEWER)
    assert bob.get(f"{PAGE}1/").status_code == 200
    for address in (f"{PAGE}new", f"{PAGE}1/edit", f"{PAGE}wording/dmca.en"):
        assert bob.get(address).status_code == 403
    assert ann.get(f"{PAGE}wording/dmca.en").status_code == 403
    assert "dmca.en" not in ann.get(f"{PAGE}wording/").content.decode()


def test_the_pages_cost_the_same_for_many_cases(
    ann: Client, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    address = drafted(ann)
    for page in (PAGE, f"{PAGE}new?case=1", address, f"{address}edit"):
        with django_assert_max_num_queries(36):  # type: ignore[operator]
            assert ann.get(page).status_code == 200


def test_a_letter_in_parts_is_signed_below_its_last_part(ann: Client, studio: Owner) -> None:
    Work.objects.filter(number=1).update(title="A long title. " * 35)
    address = drafted(ann)
    whole = {"body": "\n\n".join(["{items}"] * 40 + ["{contact}{good_faith}{accuracy}{signature}"])}
    shipped = wording.shipped("dmca", "en")
    wording.keep(studio, "dmca", "en", {"subject": shipped.subject, "item": shipped.item, **whole}, by="Ann")
    first = ann.get(address).content.decode()
    count = int(first.split("Part 1 of ")[1].split(" ")[0])
    assert count > 1
    assert 'name="read"' not in first
    assert 'name="read"' in ann.get(address, {"page": count}).content.decode()


@pytest.mark.long
def test_a_mail_that_may_have_left_is_said_and_resolved_on_the_page(ann: Client, studio: Owner) -> None:
    address = drafted(ann)
    told = {"read": mark(ann.get(address).content.decode()), "name": "Ann Example", "have-read": "1", "authorised": "1"}
    ann.post(f"{address}sign", told)
    mail = NoticeMail.objects.create(notice=Notice.objects.get(), to="a@b.example", by="Ann", message_id="<notice-1>")
    for state, error, said in (
        ("todo", "", "On its way by mail to a@b.example."),
        ("todo", "451 Later", "451 Later"),
        ("doing", "", "at this moment"),
        ("failed", "550 Nobody", "hasn't left for a@b.example"),
    ):
        NoticeMail.objects.update(state=state, error=error, not_before=now())
        assert said in ann.get(address).content.decode()
    NoticeMail.objects.update(begun_at=now(), file={"name": "mail.eml", "digest": "00", "size": 1, "media_type": "x/y"})
    page = ann.get(address).content.decode()
    assert "a@b.example" in select(page, '[data-testid="may-have-left"]').get("")
    assert "&lt;notice-1&gt;" in page
    assert message_levels(ann.post(f"{address}send", {"how": "back"}, follow=True)) == ["error"]
    page = ann.post(f"{address}send", {"how": "left"}, follow=True).content.decode()
    assert "<strong>sent</strong>" in page
    assert mail.notice.events.filter(kind="sent", by="ann@example.org").exists()


def test_what_is_due_stands_on_the_first_page_that_a_member_sees(ann: Client, studio: Owner) -> None:
    drafted(ann)
    assert not select(ann.get("/o/studio/cases/"), "#notices-due")
    Notice.objects.update(state="sent", due_on=now().date() - timedelta(days=2), due_what="reminder")
    page = ann.get("/", follow=True).content.decode()
    assert select(page, "#notices-due .flag")
    assert counted(1, "notices due") in ann.get("/owners/").content.decode()
    bob = person(owner("agency"), "bob", Role.OWNER)
    assert counted(1, "notices due") not in bob.get("/owners/").content.decode()


def sign_letter(visitor: Visitor, number: int) -> None:
    """Confirm the statements below a letter, and sign it."""
    page = visitor.page
    page.locator("input[name=have-read]").check()
    page.locator("input[name=authorised]").check()
    page.locator(".sign #name").fill("Ann Example")
    visitor.buttons_to("sign-notice", "studio", number).click()
    page.locator(".message.success").wait_for()


@pytest.mark.long
def test_a_notice_is_filled_in_read_and_signed(site: Site, studio: Owner) -> None:
    notices.draft(studio, (2,), "dmca", "en", by="Ann")
    ann = site.member(studio, size=PHONE)
    page = ann.open(reverse("edit-notice", args=["studio", 1]))
    ann.check()
    for label, text in SENDER.items():
        page.get_by_label(label, exact=True).fill(text)
    for question, choice in CHOSEN.items():
        page.get_by_label(question).select_option(choice)
    page.locator("button[name=read]:visible").click()
    page.locator("#letter").wait_for()
    ann.check()
    sign_letter(ann, 1)
    ann.check()
    page.locator("button[name=how][value=hand]").click()
    page.locator("select[name=what]").select_option("countered")
    ann.buttons_to("track-notice", "studio", 1).click()
    expect(page.locator("select[name=what] option[value=resolved]")).to_have_count(1)
    ann.check()


def test_an_own_wording_is_saved_and_a_broken_one_explained(ann: Client, studio: Owner) -> None:
    boss, address = person(studio, "carol", Role.OWNER), f"{PAGE}wording/offer.en"
    texts = {
        "subject": "Pictures of {owner}",
        "body": "Hello\n{items}\n{offer}\n{contact}\n{signature}",
        "item": "{title}\n{places}",
    }
    page = boss.post(address, {**texts, "body": "{itmes}"}).content.decode()
    assert "{itmes}</textarea>" in page
    before = LogSubmission.objects.filter(type="setting").count()
    boss.post(address, texts)
    assert LogSubmission.objects.filter(type="setting").count() == before + 1
    ann.post(f"{PAGE}new", {"party": "shop.example", "case": ["1"], "kind": "offer.en"})
    assert "Pictures of Studio\n\nHello\nWork 1\n" in ann.get(f"{PAGE}1/").content.decode()
    boss.post(address, {"restore": "1"})
    assert "Dear Sir or Madam" in ann.get(f"{PAGE}1/").content.decode()


@pytest.mark.long
def test_a_signed_filing_offers_its_zip_to_its_owner_alone(studio: Owner, ann: Client, inline: SyncRunner) -> None:
    row, address = filing(studio), f"{PAGE}1/"
    assert f"{address}packet" not in ann.get(address).content.decode()
    assert ann.get(f"{address}packet").status_code == 404
    signed(inline, row)
    assert f"{address}packet" in ann.get(address).content.decode()
    answer = ann.get(f"{address}packet")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="studio-ccb-packet-1.zip"'
    assert answer.getvalue().startswith(b"PK")
    assert LogSubmission.objects.filter(type="access").exists()
    stranger = person(owner("agency"), "charlie", Role.OWNER)
    assert stranger.get(f"{address}packet").status_code == 404
