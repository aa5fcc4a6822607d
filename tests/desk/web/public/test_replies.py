"""Test that the addressee replies to a notice without an account, which is logged and pauses the notice."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from desk.web.notices import words
from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from exhibit.pictures.decode import decode
from registry.crawls import denylists
from registry.db.rows import copy_columns
from registry.models import (
    Capture,
    CaseEvent,
    Event,
    LogOpening,
    MailChoice,
    Match,
    Notice,
    NoticeReply,
    Owner,
    PictureReport,
    Role,
    Sighting,
    User,
)
from registry.notices import deadlines, notices, replies, reply_page
from registry.notices.refuted_takedowns import list_refuting_visits
from registry.notices.signing import load_file
from registry.notifications.digests import build_digest
from registry.parties import parties
from tests.assets.fonts import needs_chinese
from tests.assets.notice_drafts import create_draft, create_studio, set_mail_server, sign_notice
from tests.assets.pages import has_test_id, numbers_in, select
from tests.assets.restored_scenes import restore_scene
from tests.assets.site_browser import use_services
from tests.assets.source import collapse_whitespace
from workers.tasks.sync_runner import SyncRunner

UNREAD, ALL_DECIDED = 'data-testid="unread"', 'data-testid="all-decided"'


@pytest.fixture
def sent_notice(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> tuple[Notice, str]:
    """Return a sent notice and the reply path in its text."""
    cache.clear()
    use_services(monkeypatch, inline.services)
    return restore_scene(inline, _send_notice)


@pytest.fixture
def studio(sent_notice: tuple[Notice, str]) -> Owner:
    """The owner of the notice."""
    return sent_notice[0].owner


def _send_notice(inline: SyncRunner) -> tuple[Notice, str]:
    set_mail_server(inline, "smtp://localhost")
    inline.services.config = replace(inline.services.config, public_url="https://exhibit.example")
    studio = create_studio(inline)
    row = sign_notice(inline, create_draft(studio, "offer"))
    notices.record_sent_by_hand(row, by="ann")
    text = load_file(inline.services, row, "notice.txt")
    assert text is not None
    match = re.search(r"https://exhibit\.example(/n/\S+)", text[0].decode())
    assert match is not None
    return notices.get_notice(studio, row.number), match[1]


def test_opening_a_reply_link_changes_nothing(sent_notice: tuple[Notice, str]) -> None:
    row, path = sent_notice
    page = Client().get(path)
    assert "Two parrots" in page.content.decode()
    assert "not an admission" in collapse_whitespace(page.content.decode())
    assert page.context["asks"] == words.summarize_request(row, 2)
    assert b"/o/studio/" not in page.content
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert not NoticeReply.objects.exists()
    assert path.removeprefix("/n/") not in str(Notice.objects.values())
    assert Client(enforce_csrf_checks=True).post(path, {"kind": "offer"}).status_code == 403
    assert row.sent_at is not None


def test_reply_is_logged_and_notified_and_pauses_the_notice_until_read(
    sent_notice: tuple[Notice, str], studio: Owner
) -> None:
    row, path = sent_notice
    file = SimpleUploadedFile("licence.pdf", b"%PDF-1.7 a licence")
    form = {"kind": "licence", "words": "We paid <b>for</b> it.", "contact": "bob@shop.example", "file": file}
    assert Client().post(path, form).status_code == 302
    reply = NoticeReply.objects.get()
    stored_file = reply.files.get()
    assert (bytes(stored_file.data), stored_file.name) == (b"%PDF-1.7 a licence", "licence.pdf")
    logged = [item.details for item in LogOpening.objects.all() if item.details and "reply" in item.details]
    assert {tuple(item["files"]) for item in logged} == {(stored_file.digest.hex,)}
    assert {item["case"] for item in logged} == {1, 2}
    assert Event.objects.filter(kind="notice.replied").count() == 1
    assert CaseEvent.objects.filter(said__0__0="notice-reply").count() == 2
    with pytest.raises(InvalidRequestError):
        create_draft(studio)
    due_on = row.due_on
    assert due_on is not None
    assert not deadlines.list_due(studio, due_on).exists()

    user = User.objects.create_user("r@example.org", "r@example.org", "not used at all")
    user.memberships.create(owner=studio, role=Role.REVIEWER)
    member = Client()
    member.force_login(user)
    page = member.get(reverse("notice", args=["studio", row.number])).content.decode()
    assert "We paid &lt;b&gt;for&lt;/b&gt; it." in page
    file_response = member.get(reverse("reply-file", args=["studio", row.number, 1, 1]))
    assert "attachment" in file_response.headers["Content-Disposition"]
    assert file_response.headers["Content-Type"] == "application/octet-stream"
    NoticeReply.objects.update(at=now() - timedelta(days=3))
    member.post(reverse("see-replies", args=["studio", row.number]))
    row.refresh_from_db()
    assert row.due_on == due_on + timedelta(days=3)
    create_draft(studio)


def test_empty_oversized_unknown_or_frequent_replies_are_rejected(sent_notice: tuple[Notice, str]) -> None:
    path = sent_notice[1]
    for form in (
        {"kind": "confess", "words": "x"},
        {"kind": "dispute", "words": " "},
        {"kind": "licence", "file": SimpleUploadedFile("a.pdf", b"MZ\0\0 program")},
    ):
        assert Client().post(path, form).status_code == 422
    assert not NoticeReply.objects.exists()
    statuses = [Client().post(path, {"kind": "offer"}).status_code for _ in range(5)]
    for number in (1, 2):
        Client().post(path, {"withdraw": str(number)})  # withdrawn replies count towards the limit
    assert [*statuses, Client().post(path, {"kind": "offer"}).status_code] == [302] * 5 + [422]


@pytest.mark.long
def test_scan_of_20_mb_is_accepted_and_a_rejection_states_the_limits(
    sent_notice: tuple[Notice, str], studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, path = sent_notice

    def reply_with(**fields: object) -> str:
        page = Client().post(path, {"kind": "licence", **fields})
        return "" if page.status_code == 302 else select(page, "[role=alert]").get("")

    def scan_file(start: bytes, size: int) -> SimpleUploadedFile:
        return SimpleUploadedFile("scan", start + bytes(size - len(start)))

    assert reply_with(file=scan_file(b"%PDF-", 900_000)) == ""
    assert reply_with(file=scan_file(b"\xff\xd8\xff", replies.MAX_FILE_BYTES)) == ""
    assert numbers_in(reply_with(file=scan_file(b"%PDF-", 41 << 19))) == ["20.5", "20.0"]
    assert numbers_in(reply_with(words="x" * 4001)) == ["4001", "4000"]
    assert numbers_in(reply_with(file=[scan_file(b"%PDF-", 9) for _ in range(6)])) == ["6", "5"]
    monkeypatch.setattr(replies, "MAX_REPLY_BYTES", 2_000)
    assert numbers_in(reply_with(file=[scan_file(b"%PDF-", 1_001) for _ in range(2)])) == ["2.0", "2.0"]
    large = Client().post(path, CONTENT_LENGTH=str(62 << 20)).content.decode()
    assert "62.0 MB" in large.replace("\xa0", " ")
    monkeypatch.setattr(replies, "MAX_NOTICE_BYTES", replies.MAX_FILE_BYTES + 900_100)
    assert reply_with(file=scan_file(b"%PDF-", 101))
    assert row.replies.count() == 2


@pytest.mark.long
def test_large_replies_require_a_notice_link_and_are_limited(sent_notice: tuple[Notice, str]) -> None:
    def post_scan(path: str) -> int:
        scan = SimpleUploadedFile("scan.pdf", b"MZ\0" + bytes(1_100_000))
        return Client().post(path, {"kind": "licence", "file": scan}).status_code

    assert post_scan("/n/nothing") == post_scan("/sign-in/") == 413
    assert [post_scan(sent_notice[1]) for _ in range(11)] == [*[422] * 10, 429]


@pytest.mark.long
def test_unread_reply_is_shown_first_everywhere(
    sent_notice: tuple[Notice, str], studio: Owner, inline: SyncRunner
) -> None:
    quiet = sign_notice(inline, create_draft(studio, "offer"))
    Notice.objects.filter(pk=quiet.pk).update(due_on=now().date(), due_reason="reminder")
    row, path = sent_notice
    Notice.objects.filter(pk=row.pk).update(state="signed", sent_at=None)
    user = User.objects.create_user("r@example.org", "r@example.org", "not used at all")
    user.memberships.create(owner=studio, role=Role.REVIEWER)
    member = Client()
    member.force_login(user)

    def read_page(name: str, *more: object, query: str = "") -> str:
        page = member.get(reverse(name, args=more) + query).content.decode()
        return re.sub(r"\s+", " ", page)

    assert ALL_DECIDED in read_page("cases", "studio")
    assert Client().post(path, {"kind": "removed"}).status_code == 302
    cases = read_page("cases", "studio")
    assert ALL_DECIDED not in cases
    assert str(words.REPLY_LABELS[NoticeReply.Kind.REMOVED]) in cases
    assert cases.index('id="answers-unread"') < cases.index('id="notices-due"')
    decided_page = read_page("cases", "studio", query="?state=confirmed")
    assert UNREAD in decided_page[decided_page.index('id="case-1"') :]
    listed = read_page("notices", "studio")
    assert listed.index('class="flag"') < listed.index(f"notices/{quiet.number}/")
    assert listed.index(f"notices/{row.number}/") < listed.index(f"notices/{quiet.number}/")
    assert listed.count(str(words.STATE_LABELS[Notice.State.SIGNED])) == 1  # only for the notice without a reply
    unread_page = read_page("notices", "studio", query="?state=unread")
    assert f"notices/{quiet.number}/" not in unread_page
    assert UNREAD in read_page("case", "studio", 1)
    member.post(reverse("see-replies", args=["studio", row.number]))
    for page in (
        read_page("cases", "studio", query="?state=all"),
        read_page("notices", "studio"),
        read_page("case", "studio", 1),
        read_page("owners"),
    ):
        assert UNREAD not in page
    assert ALL_DECIDED in read_page("cases", "studio")


def test_removal_claim_triggers_new_visits_and_decides_nothing(sent_notice: tuple[Notice, str], studio: Owner) -> None:
    row, path = sent_notice
    Capture.objects.filter(case__number=1).update(state="done", outcome="captured", finished_at=now())
    Capture.objects.filter(case__number=2).update(state="done", outcome="page-gone", finished_at=now())
    for _twice in range(2):
        assert Client().post(path, {"kind": "removed", "words": "Sorry."}).status_code == 302
    captures = Capture.objects.filter(state="queued")
    assert [(capture.case.number, capture.number) for capture in captures] == [(1, 2)]
    assert CaseEvent.objects.filter(said__0__0="notice-said-removed").count() == 4
    row.refresh_from_db()
    assert (row.state, {case.decision for case in studio.cases.all()}) == ("sent", {"confirmed"})
    with pytest.raises(InvalidRequestError):
        create_draft(studio)


def test_later_visit_that_finds_the_picture_contradicts_the_reply(
    sent_notice: tuple[Notice, str], studio: Owner, client: Client
) -> None:
    row, path = sent_notice
    Capture.objects.update(state="done", outcome="captured", started_at=now() - timedelta(hours=1), finished_at=now())
    assert client.post(path, {"kind": "removed"}).status_code == 302
    reply = NoticeReply.objects.get()

    def reply_counts() -> tuple[bool, int, int]:
        (listed,) = notices.list_notices(studio)
        (removed,) = (outcome.removed for outcome in parties.summarise_outcomes(studio))
        assert (words.describe_state(listed) != str(words.STATE_LABELS[Notice.State(listed.state)])) is listed.refuted
        return listed.refuted, len(list_refuting_visits(reply)), removed

    notices.record_outcome(notices.get_notice(studio, row.number), "removed", now().date(), "", by="ann")
    assert reply_counts() == (False, 0, 1)  # the visits were earlier
    first, second = Capture.objects.filter(state="queued").order_by("case__number")
    Capture.objects.filter(pk=first.pk).update(state="done", outcome="captured", started_at=now(), finished_at=now())
    Capture.objects.filter(pk=second.pk).update(state="done", outcome="image-gone", started_at=now(), finished_at=now())
    assert reply_counts() == (True, 1, 0)
    user = User.objects.create_user("r@example.org", "r@example.org", "not used at all")
    user.memberships.create(owner=studio, role=Role.REVIEWER)
    client.force_login(user)
    page = client.get(reverse("notice", args=["studio", row.number])).content.decode()
    assert page.count("data-refuted") == 1
    for address in (reverse("notices", args=["studio"]), reverse("case", args=["studio", 1])):
        assert words.describe_state(notices.get_notice(studio, row.number)) in client.get(address).content.decode()
    Capture.objects.filter(pk=first.pk).update(outcome="page-gone")
    assert reply_counts() == (False, 0, 1)


@pytest.mark.long
def test_visit_results_after_a_removal_claim_are_notified_to_both_sides(
    sent_notice: tuple[Notice, str], studio: Owner, inline: SyncRunner
) -> None:
    row, path = sent_notice
    Capture.objects.update(state="done", outcome="captured", finished_at=now() - timedelta(hours=1))
    assert Client().post(path, {"kind": "removed"}).status_code == 302
    assert has_test_id(Client().get(path).content.decode(), "to-be-visited")
    removed_capture, waits = Capture.objects.filter(state="queued").order_by("case__number")
    Capture.objects.filter(pk=removed_capture.pk).update(
        state="done", outcome="image-gone", started_at=now(), finished_at=now()
    )
    replies.record_visit_results()
    assert not Event.objects.filter(kind="notice.visited").exists()  # one page is waiting
    denylists.deny_host("shop.example", by="Ann", reason="nobody is there")
    inline.run_until_idle()
    waits.refresh_from_db()
    assert waits.state == "done"
    for _tick in range(2):
        replies.record_visit_results()
    event = Event.objects.get(kind="notice.visited")
    assert event.about == {
        "notice": row.number, "party": "shop.example", "reply": 1, "places": {"removed": 1, "unseen": 1},
        "removed_before": 0,
    }  # fmt: skip
    page = Client().get(path).content.decode()
    assert not has_test_id(page, "to-be-visited")
    section = page[page.index("Received:") : page.index('id="answer"')]
    assert [word in section for word in ("removed", "could not be visited")] == [True, True]
    user = User.objects.create_user("r@example.org", "r@example.org", "not used at all")
    choice = MailChoice(owner=studio, user=user)
    mail = build_digest(inline.services, choice, [event])
    assert mail is not None
    expected = "Pages visited since then: 2; material removed from 1 of them."
    assert expected in " ".join(mail.body.split())
    event.delete()  # events are deleted after 90 days
    Capture.objects.filter(pk=waits.pk).update(outcome="captured", finished_at=now())
    replies.record_visit_results()
    assert not Event.objects.filter(kind="notice.visited").exists()


def test_missing_and_failed_visits_after_a_reply_are_reported(sent_notice: tuple[Notice, str]) -> None:
    def list_events() -> list[tuple[dict[str, int], int]]:
        replies.record_visit_results()
        return [
            (event.about["places"], event.about["removed_before"])
            for event in Event.objects.filter(kind="notice.visited").order_by("pk")
        ]

    path = sent_notice[1]
    Capture.objects.update(state="done", outcome="page-gone", finished_at=now() - timedelta(hours=1))
    Client().post(path, {"kind": "removed"})
    assert list_events() == [({}, 2)]
    Capture.objects.filter(case__number=1).update(outcome="captured")
    Client().post(path, {"kind": "removed"})
    assert len(list_events()) == 1
    Capture.objects.filter(state="queued").update(state="failed")
    assert list_events() == [({}, 2), ({"unseen": 1}, 1)]


def test_visit_started_before_the_reply_does_not_count(sent_notice: tuple[Notice, str]) -> None:
    Capture.objects.filter(case__number=1).update(state="running")
    Capture.objects.filter(case__number=2).update(state="done", outcome="page-gone", finished_at=now())
    assert Client().post(sent_notice[1], {"kind": "removed"}).status_code == 302
    assert [(capture.case.number, capture.number) for capture in Capture.objects.filter(state="queued")] == [(1, 2)]


@pytest.mark.long
def test_reply_can_be_withdrawn_until_read(sent_notice: tuple[Notice, str], studio: Owner) -> None:
    row, path = sent_notice
    client = Client()
    client.post(path, {"kind": "removed"})
    assert 'name="withdraw"' in client.get(path).content.decode()
    assert client.post(path, {"withdraw": "7"}).status_code == 422
    assert client.post(path, {"withdraw": "1"}).status_code == 302
    assert "Received:" not in client.get(path).content.decode()
    create_draft(studio)  # no notice is paused
    Capture.objects.filter(case__number=1).update(state="done", outcome="captured", finished_at=now())
    Capture.objects.filter(case__number=2).update(state="done", outcome="page-gone", finished_at=now())
    assert client.post(path, {"kind": "removed"}).status_code == 302
    assert client.post(path, {"withdraw": "2"}).status_code == 302
    (look,) = Capture.objects.filter(state="queued")
    assert look.not_before is not None
    assert look.not_before > now() + timedelta(hours=23)  # a second visit of the page on another day
    assert not replies.list_unread_replies(studio).exists()
    assert CaseEvent.objects.filter(said__0__0="notice-reply-back").count() == 4
    client.post(path, {"kind": "dispute", "words": "It is mine."})
    replies.mark_replies_read(row, by="ann")
    assert client.post(path, {"withdraw": "3"}).status_code == 422
    page = client.get(path).content.decode()
    assert 'name="withdraw"' not in page


def test_notice_link_shows_small_pictures_of_its_cases_only(
    sent_notice: tuple[Notice, str], studio: Owner, inline: SyncRunner
) -> None:
    path = sent_notice[1]
    page = Client().get(path).content.decode()
    assert [f"{path}/{number}.jpg" in page for number in (1, 2, 3)] == [True, True, False]
    response = Client().get(f"{path}/1.jpg")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "image/jpeg")
    assert max(decode(response.content, inline.services.limits).pixels.shape) <= reply_page.MAX_SIDE
    notice = sign_notice(inline, create_draft(studio, "offer", "en", 2))
    text = load_file(inline.services, notice, "notice.txt")
    assert text is not None
    other = re.findall(r"https://exhibit\.example(/n/\S+)", text[0].decode())[0]
    assert [Client().get(f"{other}/{number}.jpg").status_code for number in (1, 2)] == [404, 200]
    assert Client().get("/n/nothing/1.jpg").status_code == 404
    picture = studio.cases.get(number=2).case_sightings.get().match.found
    case = studio.cases.get(number=2)
    PictureReport.objects.create(owner=studio, picture=picture, case=case, reported_at=now())
    assert Client().get(f"{path}/2.jpg").status_code == 404
    assert f"{path}/2.jpg" not in Client().get(path).content.decode()


def test_reply_page_shows_only_contents_of_the_notice(
    sent_notice: tuple[Notice, str], studio: Owner, inline: SyncRunner
) -> None:
    case, other = studio.cases.order_by("number")
    use, other_use = case.case_sightings.get(), other.case_sightings.get()

    def add_sighting(page: str, match: Match) -> Sighting:
        sighting = Sighting.objects.get(pk=use.sighting_id)
        sighting.pk, sighting.page_key, sighting.page_url, sighting.first_seen = (
            None,
            page.encode(),
            f"http://{page}/",
            None,
        )
        sighting.save()
        case.case_sightings.create(match=match, sighting=sighting)
        return sighting

    removed_sighting = add_sighting("gone.shop.example", use.match)
    at = copy_columns(removed_sighting, "page_key", "image_key")
    fields = {"number": 1, "state": "done", "outcome": "page-gone", "finished_at": now()}
    Capture.objects.create(case=case, sighting=removed_sighting, **at, **fields)
    row = sign_notice(inline, create_draft(studio, "offer"))
    before = reply_page.draw_pictures(inline.services, row, 1)
    closer = Match.objects.get(pk=use.match_id)
    closer.pk, closer.found, closer.overlap_work = None, other_use.match.found, 1.0
    closer.save()
    add_sighting("later.shop.example", closer)
    assert [place.page for place in reply_page.load_reply_page_cases(row)[0].places] == ["http://shop.example/page-0"]
    assert reply_page.draw_pictures(inline.services, row, 1) == before


def test_unknown_expired_and_withdrawn_links_return_the_same_response(sent_notice: tuple[Notice, str]) -> None:
    row, path = sent_notice

    def fetch_error_page(path: str) -> bytes:
        response = Client().get(path)
        assert response.status_code == 404
        assert Client().post(path, {"kind": "offer"}).status_code == 404
        return re.sub(rb"[A-Za-z0-9]{64}", b"", response.content)

    error_page = fetch_error_page("/n/nothing")
    Notice.objects.update(reply_until=now())
    assert fetch_error_page(path) == error_page
    Notice.objects.update(reply_until=now() + timedelta(days=1))
    notices.record_outcome(row, "resolved", now().date(), "", by="ann")
    assert fetch_error_page(path) == error_page
    assert not NoticeReply.objects.exists()


@needs_chinese
def test_withdrawn_signature_disables_link_and_page_uses_notice_language(
    studio: Owner, inline: SyncRunner, sent_notice: tuple[Notice, str]
) -> None:
    row = sign_notice(inline, create_draft(studio, "offer", "zh-Hans"))
    text = load_file(inline.services, row, "notice.txt")
    assert text is not None
    match = re.search(r"https://exhibit\.example(/n/\S+)", text[0].decode())
    assert match is not None
    assert "您对 Studio 的答复" in Client().get(match[1]).content.decode()
    english = Client(headers={"Accept-Language": "de, en;q=0.5"}).get(match[1]).content.decode()
    assert "Your reply to Studio" in english
    chinese = Client(headers={"Accept-Language": "zh-TW, zh;q=0.9"}).get(sent_notice[1]).content.decode()
    assert "您对 Studio 的答复" in chinese
    notices.withdraw_signature(row, by="ann")
    assert Client().get(match[1]).status_code == 404
