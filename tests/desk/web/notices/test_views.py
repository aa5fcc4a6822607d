"""Test notices on the site: drafted, read, signed by typing the name, sent manually, and tracked."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from desk.texts.numbers import counted
from desk.web.notices.words import SENDING_LABELS, STATE_LABELS
from exhibit.clock import now
from registry.cases.decisions import confirm_case
from registry.cases.history import PHRASES
from registry.matches.match import match_pictures
from registry.models import Case, LogSubmission, Notice, NoticeMail, Owner, OwnershipRemark, Role, User, Work
from registry.notices import notices, wording
from tests.assets.notice_drafts import create_filing, sign_notice
from tests.assets.pages import has_test_id, message_levels, numbers_at, numbers_in, select
from tests.assets.restored_scenes import restore_scene
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.site_browser import PHONE, Site, Visitor, use_services
from tests.assets.source import collapse_whitespace
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
    use_services(monkeypatch, inline.services)
    return restore_scene(inline, _create_owner_with_confirmed_cases)


def _create_owner_with_confirmed_cases(inline: SyncRunner) -> Owner:
    new_owner = owner("studio")
    for seed in (1, 2):
        register(inline.services, new_owner, photograph(seed), f"Work {seed}")
    crawl_slice, epoch = claim_new_slice(new_owner)
    match_pictures(
        inline.services,
        record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(seed)) for seed in (1, 2)]),
    )
    for case in Case.objects.all():
        confirm_case(inline.services, case, by="Ann", reason="No order.")
    return new_owner


@pytest.fixture
def ann(studio: Owner) -> Client:
    return create_member_client(studio, "ann", Role.REVIEWER)


def create_member_client(of: Owner, name: str, role: Role) -> Client:
    client, email = Client(), f"{name}@example.org"
    user = User.objects.create_user(username=email, email=email, password="not used")
    of.memberships.create(user=user, role=role)
    client.force_login(user)
    return client


def test_notice_list_shows_a_work_and_the_addressee(ann: Client) -> None:
    open_draft(ann)
    page = collapse_whitespace(ann.get(PAGE).content.decode())
    assert '<img class="thumb" src="/o/studio/pictures/' in page
    assert "Copyright Agent" in page


def open_draft(ann: Client) -> str:
    """Create a draft with complete fields and claim checks; return its URL."""
    response = ann.post(f"{PAGE}new", {"party": "shop.example", "case": ["1", "2"], "kind": "dmca.en"})
    answer_fields = {f"{name}-{case}": text for case in (1, 2) for name, text in ANSWERS.items()}
    ann.post(response.headers["Location"], {**FIELDS, **answer_fields, "case-1": "1", "case-2": "1"})
    return f"{PAGE}1/"


def find_text_digest(page: str) -> str:
    match = re.search(r'name="read" value="([0-9a-f]{64})"', page)
    assert match is not None
    return match[1]


@pytest.mark.long
def test_notice_is_drafted_read_signed_sent_and_followed_up(ann: Client, studio: Owner) -> None:
    address = open_draft(ann)
    page = ann.get(address).content.decode()
    assert numbers_at(page, "unregistered")[:2] == ["1", "2"]
    signing = {"read": find_text_digest(page), "name": "Ann Example"}
    assert message_levels(ann.post(f"{address}sign", signing, follow=True)) == ["error"]
    invalid_form = {**signing, "name": "Bob", "have-read": "1", "authorised": "1"}
    assert message_levels(ann.post(f"{address}sign", invalid_form, follow=True)) == ["error"]
    assert message_levels(ann.post(f"{address}sign", {**invalid_form, "name": "Ann Example"}, follow=True)) == [
        "success"
    ]
    response = ann.get(f"{address}files/notice.txt")
    assert b"/s/ Ann Example" in response.content
    assert response.headers["Content-Disposition"] == 'attachment; filename="studio-notice-1.txt"'
    page = ann.post(f"{address}send", {"how": "hand"}, follow=True).content.decode()
    assert str(SENDING_LABELS["by hand"]) in page
    day = notices.get_notice(studio, 1).sent_at
    assert day is not None
    form = {"what": "countered", "day": day.date().isoformat(), "words": "They object."}
    page = ann.post(f"{address}happened", form, follow=True).content.decode()
    assert has_test_id(page, "paused")
    assert "512(g)(2)(C)" in page
    assert str(STATE_LABELS[Notice.State.COUNTERED]) in ann.get(PAGE).content.decode()
    ann.post(f"{PAGE}new", {"party": "shop.example", "case": ["1"], "kind": "offer.en"})
    assert Notice.objects.count() == 1


def test_claim_check_is_answered_before_signing(ann: Client, studio: Owner) -> None:
    Work.objects.filter(number=1).update(rights_statement="CC BY 4.0 <script>")
    address = open_draft(ann)
    page = collapse_whitespace(ann.get(address).content.decode())
    assert numbers_in(select(page, '[data-testid="gaps"] li').xpath("string()").get("")) == ["1", "1"]
    assert "Creative Commons BY 4.0" in page
    assert 'href="/o/studio/notices/new?kind=offer.en&amp;case=1&amp;case=2"' in page
    assert "<script>”" not in page
    assert 'name="read"' not in page
    match = re.search(r'name="mark" value="([0-9a-f]{64})"', page)
    assert match is not None
    form = {"mark": match[1], "point": "stated-licence", "notice": "1", "words": "Their copy lacks the credit."}
    assert create_member_client(studio, "eve", Role.VIEWER).post("/o/studio/cases/1/claims", form).status_code == 403
    page = collapse_whitespace(ann.post("/o/studio/cases/1/claims", form, follow=True).content.decode())
    assert "Their copy lacks the credit." in select(page, "#claims").get("")
    assert 'name="read"' in page
    page = collapse_whitespace(ann.get("/o/studio/cases/1/").content.decode())
    assert "Their copy lacks the credit." in select(page, "#claims").get("")
    assert PHRASES["claim-answered"] in page


def test_ownership_warnings_are_shown_before_signing(ann: Client, studio: Owner) -> None:
    address = open_draft(ann)
    work = Work.objects.get(number=1)
    Work.objects.filter(pk=work.pk).update(rights_statement="Public domain")
    fields = {"details": {"stated": {"credit": "Bob <b>"}}, "noted_at": now()}
    answer_fields = {"answered_at": now(), "answered_by": "carol", "reason": "Bob signed the rights over."}
    OwnershipRemark.objects.create(work=work, kind="credit", **fields, **answer_fields)
    page = collapse_whitespace(ann.get(address).content.decode())
    near = page[page.index('id="doubts"') :]
    assert page.index('id="letter"') < page.index('id="doubts"')
    assert "Bob signed the rights over." in near
    assert has_test_id(page, "unanswered")
    assert "/s/" not in page
    assert "(not signed)" in page


def test_changed_text_must_be_read_again(ann: Client, studio: Owner) -> None:
    address = open_draft(ann)
    mark_value = find_text_digest(ann.get(address).content.decode())
    ann.post(f"{address}edit", {"further": "One more <b>word</b>."})
    signing = {"read": mark_value, "name": "Ann Example", "have-read": "1", "authorised": "1"}
    response = ann.post(f"{address}sign", signing, follow=True)
    page = response.content.decode()
    assert message_levels(response) == ["error"]
    assert "One more &lt;b&gt;word&lt;/b&gt;." in page
    assert notices.get_notice(studio, 1).state == Notice.State.DRAFT


def test_viewer_is_read_only_and_wording_requires_an_owner(ann: Client, studio: Owner) -> None:
    open_draft(ann)
    bob = create_member_client(studio, "bob", Role.VIEWER)
    assert bob.get(f"{PAGE}1/").status_code == 200
    for address in (f"{PAGE}new", f"{PAGE}1/edit", f"{PAGE}wording/dmca.en"):
        assert bob.get(address).status_code == 403
    assert ann.get(f"{PAGE}wording/dmca.en").status_code == 403
    assert "dmca.en" not in ann.get(f"{PAGE}wording/").content.decode()


def test_notice_pages_need_constant_queries(ann: Client, django_assert_max_num_queries: pytest.FixtureRequest) -> None:
    address = open_draft(ann)
    for page in (PAGE, f"{PAGE}new?case=1", address, f"{address}edit"):
        with django_assert_max_num_queries(36):  # type: ignore[operator]
            assert ann.get(page).status_code == 200


def test_notice_in_several_parts_is_signed_below_the_last_part(ann: Client, studio: Owner) -> None:
    Work.objects.filter(number=1).update(title="A long title. " * 35)
    address = open_draft(ann)
    wording_form = {"body": "\n\n".join(["{items}"] * 40 + ["{contact}{good_faith}{accuracy}{signature}"])}
    default_wording = wording.load_shipped_wording("dmca", "en")
    wording.save_wording(
        studio,
        "dmca",
        "en",
        {"subject": default_wording.subject, "item": default_wording.item, **wording_form},
        by="Ann",
    )
    first = ann.get(address).content.decode()
    number, count = numbers_at(first, "part")
    assert (number, int(count) > 1) == ("1", True)
    assert 'name="read"' not in first
    assert 'name="read"' in ann.get(address, {"page": count}).content.decode()


@pytest.mark.long
def test_uncertain_mail_delivery_is_reported_and_resolved(ann: Client, studio: Owner) -> None:
    address = open_draft(ann)
    form = {
        "read": find_text_digest(ann.get(address).content.decode()),
        "name": "Ann Example",
        "have-read": "1",
        "authorised": "1",
    }
    ann.post(f"{address}sign", form)
    mail = NoticeMail.objects.create(notice=Notice.objects.get(), to="a@b.example", by="Ann", message_id="<notice-1>")
    for state, error in (("queued", ""), ("queued", "451 Later"), ("running", ""), ("failed", "550 Nobody")):
        NoticeMail.objects.update(state=state, error=error, not_before=now())
        text = " ".join(select(ann.get(address), f'[data-testid="mail-{state}"] ::text').getall())
        assert "a@b.example" in text
        assert error in text
    NoticeMail.objects.update(begun_at=now(), file={"name": "mail.eml", "digest": "00", "size": 1, "media_type": "x/y"})
    page = ann.get(address).content.decode()
    assert "a@b.example" in select(page, '[data-testid="may-have-left"]').get("")
    assert "&lt;notice-1&gt;" in page
    assert message_levels(ann.post(f"{address}send", {"how": "back"}, follow=True)) == ["error"]
    page = ann.post(f"{address}send", {"how": "left"}, follow=True).content.decode()
    assert "<strong>sent</strong>" in page
    assert mail.notice.events.filter(kind="sent", by="ann@example.org").exists()


def test_due_notices_are_shown_on_the_start_page(ann: Client, studio: Owner) -> None:
    open_draft(ann)
    assert not select(ann.get("/o/studio/cases/"), "#notices-due")
    Notice.objects.update(state="sent", due_on=now().date() - timedelta(days=2), due_reason="reminder")
    page = ann.get("/", follow=True).content.decode()
    assert select(page, "#notices-due .flag")
    assert counted(1, "notices due") in ann.get("/owners/").content.decode()
    bob = create_member_client(owner("agency"), "bob", Role.OWNER)
    assert counted(1, "notices due") not in bob.get("/owners/").content.decode()


def sign_letter(visitor: Visitor, number: int) -> None:
    """Confirm the statements below a notice, and sign it."""
    page = visitor.page
    page.locator("input[name=have-read]").check()
    page.locator("input[name=authorised]").check()
    page.locator(".sign #name").fill("Ann Example")
    visitor.buttons_to("sign-notice", "studio", number).click()
    page.locator(".message.success").wait_for()


@pytest.mark.long
def test_notice_is_filled_in_read_and_signed_in_a_browser(site: Site, studio: Owner) -> None:
    notices.create_draft(studio, (2,), "dmca", "en", by="Ann")
    ann = site.member(studio, size=PHONE)
    page = ann.open(reverse("edit-notice", args=["studio", 1]))
    ann.check()
    for name, text in FIELDS.items():
        page.locator(f"[name={name}]").fill(text)
    for name, choice in ANSWERS.items():
        page.locator(f"[name={name}-2]").select_option(choice)
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


def test_custom_wording_is_saved_and_invalid_wording_is_explained(ann: Client, studio: Owner) -> None:
    manager, address = create_member_client(studio, "carol", Role.OWNER), f"{PAGE}wording/offer.en"
    texts = {
        "subject": "Pictures of {owner}",
        "body": "Hello\n{items}\n{offer}\n{contact}\n{signature}",
        "item": "{title}\n{places}",
    }
    page = manager.post(address, {**texts, "body": "{itmes}"}).content.decode()
    assert "{itmes}</textarea>" in page
    before = LogSubmission.objects.filter(type="setting").count()
    manager.post(address, texts)
    assert LogSubmission.objects.filter(type="setting").count() == before + 1
    ann.post(f"{PAGE}new", {"party": "shop.example", "case": ["1"], "kind": "offer.en"})
    assert "Pictures of Studio\n\nHello\nWork 1\n" in ann.get(f"{PAGE}1/").content.decode()
    manager.post(address, {"restore": "1"})
    assert "Dear Sir or Madam" in ann.get(f"{PAGE}1/").content.decode()


@pytest.mark.long
def test_filing_zip_is_offered_only_to_its_owner(studio: Owner, ann: Client, inline: SyncRunner) -> None:
    row, address = create_filing(studio), f"{PAGE}1/"
    assert f"{address}packet" not in ann.get(address).content.decode()
    assert ann.get(f"{address}packet").status_code == 404
    sign_notice(inline, row)
    assert f"{address}packet" in ann.get(address).content.decode()
    response = ann.get(f"{address}packet")
    assert response.headers["Content-Disposition"] == 'attachment; filename="studio-ccb-packet-1.zip"'
    assert response.getvalue().startswith(b"PK")
    assert LogSubmission.objects.filter(type="access").exists()
    stranger = create_member_client(owner("agency"), "charlie", Role.OWNER)
    assert stranger.get(f"{address}packet").status_code == 404
