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
from exhibit.errors import WrongUseError
from exhibit.pictures.decode import decode
from registry.crawls import denylists
from registry.db.rows import columns
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
from registry.notices import asked, notices, replies, terms
from registry.notices.refuted import refuting
from registry.notices.signing import file_of
from registry.notifications.digests import digest_mail
from registry.parties import parties
from tests.assets.fonts import needs_chinese
from tests.assets.laid_down import once
from tests.assets.noticed import begun, confirmed, mail_by, signed
from tests.assets.pages import has_test_id, numbers_in, select
from tests.assets.site_browser import use_house
from workers.tasks.sync_runner import SyncRunner

UNREAD, ALL_DECIDED = 'data-testid="unread"', 'data-testid="all-decided"'


@pytest.fixture
def sent(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> tuple[Notice, str]:
    """A notice that was sent, and the path in its letter."""
    cache.clear()
    use_house(monkeypatch, inline.services)
    return once(inline, _sent)


@pytest.fixture
def studio(sent: tuple[Notice, str]) -> Owner:
    """The owner of the notice."""
    return sent[0].owner


def _sent(inline: SyncRunner) -> tuple[Notice, str]:
    mail_by(inline, "smtp://localhost")
    inline.services.config = replace(inline.services.config, public_url="https://exhibit.example")
    studio = confirmed(inline)
    row = signed(inline, begun(studio, "offer"))
    notices.sent_by_hand(row, by="ann")
    text = file_of(inline.services, row, "notice.txt")
    assert text is not None
    found = re.search(r"https://exhibit\.example(/n/\S+)", text[0].decode())
    assert found is not None
    return notices.notice(studio, row.number), found[1]


def test_opening_shows_what_was_sent_and_changes_nothing(sent: tuple[Notice, str]) -> None:
    row, path = sent
    page = Client().get(path)
    assert "Two parrots" in page.content.decode()
    assert b"no admission" in page.content
    assert page.context["asks"] == words.asks(row, 2)
    assert b"/o/studio/" not in page.content
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert not NoticeReply.objects.exists()
    assert path.removeprefix("/n/") not in str(Notice.objects.values())
    assert Client(enforce_csrf_checks=True).post(path, {"kind": "offer"}).status_code == 403
    assert row.sent_at is not None


def test_an_answer_is_logged_and_told_and_the_notice_rests_until_it_is_read(
    sent: tuple[Notice, str], studio: Owner
) -> None:
    row, path = sent
    file = SimpleUploadedFile("licence.pdf", b"%PDF-1.7 a licence")
    given = {"kind": "licence", "words": "We paid <b>for</b> it.", "contact": "bob@shop.example", "file": file}
    assert Client().post(path, given).status_code == 302
    reply = NoticeReply.objects.get()
    kept = reply.files.get()
    assert (bytes(kept.data), kept.name) == (b"%PDF-1.7 a licence", "licence.pdf")
    logged = [one.details for one in LogOpening.objects.all() if one.details and "reply" in one.details]
    assert {tuple(one["files"]) for one in logged} == {(kept.digest.hex,)}
    assert {one["case"] for one in logged} == {1, 2}
    assert Event.objects.filter(kind="notice.replied").count() == 1
    assert CaseEvent.objects.filter(said__0__0="notice-reply").count() == 2
    with pytest.raises(WrongUseError):
        begun(studio)
    late = row.due_on
    assert late is not None
    assert not terms.due(studio, late).exists()

    user = User.objects.create_user("r@example.org", "r@example.org", "not used at all")
    user.memberships.create(owner=studio, role=Role.REVIEWER)
    member = Client()
    member.force_login(user)
    page = member.get(reverse("notice", args=["studio", row.number])).content.decode()
    assert "We paid &lt;b&gt;for&lt;/b&gt; it." in page
    taken = member.get(reverse("reply-file", args=["studio", row.number, 1, 1]))
    assert "attachment" in taken.headers["Content-Disposition"]
    assert taken.headers["Content-Type"] == "application/octet-stream"
    NoticeReply.objects.update(at=now() - timedelta(days=3))
    member.post(reverse("see-replies", args=["studio", row.number]))
    row.refresh_from_db()
    assert row.due_on == late + timedelta(days=3)
    begun(studio)


def test_what_is_empty_too_large_or_of_another_kind_or_too_often_is_refused(sent: tuple[Notice, str]) -> None:
    path = sent[1]
    for given in (
        {"kind": "confess", "words": "x"},
        {"kind": "dispute", "words": " "},
        {"kind": "licence", "file": SimpleUploadedFile("a.pdf", b"MZ\0\0 program")},
    ):
        assert Client().post(path, given).status_code == 422
    assert not NoticeReply.objects.exists()
    answers = [Client().post(path, {"kind": "offer"}).status_code for _ in range(5)]
    for number in (1, 2):
        Client().post(path, {"withdraw": str(number)})  # makes no room for others
    assert [*answers, Client().post(path, {"kind": "offer"}).status_code] == [302] * 5 + [422]


@pytest.mark.long
def test_a_scan_of_20_mb_is_taken_and_a_refusal_says_what_is_too_large_and_by_how_much(
    sent: tuple[Notice, str], studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, path = sent

    def answer(**given: object) -> str:
        page = Client().post(path, {"kind": "licence", **given})
        return "" if page.status_code == 302 else select(page, "[role=alert]").get("")

    def scan(start: bytes, size: int) -> SimpleUploadedFile:
        return SimpleUploadedFile("scan", start + bytes(size - len(start)))

    assert answer(file=scan(b"%PDF-", 900_000)) == ""
    assert answer(file=scan(b"\xff\xd8\xff", replies.MAX_FILE)) == ""
    assert numbers_in(answer(file=scan(b"%PDF-", 41 << 19))) == ["20.5", "20.0"]
    assert numbers_in(answer(words="x" * 4001)) == ["4001", "4000"]
    assert numbers_in(answer(file=[scan(b"%PDF-", 9) for _ in range(6)])) == ["6", "5"]
    monkeypatch.setattr(replies, "MAX_REPLY", 2_000)
    assert numbers_in(answer(file=[scan(b"%PDF-", 1_001) for _ in range(2)])) == ["2.0", "2.0"]
    large = Client().post(path, CONTENT_LENGTH=str(62 << 20)).content.decode()
    assert "62.0 MB" in large.replace("\xa0", " ")
    monkeypatch.setattr(replies, "MAX_NOTICE", replies.MAX_FILE + 900_100)
    assert answer(file=scan(b"%PDF-", 101))
    assert row.replies.count() == 2


@pytest.mark.long
def test_only_who_has_a_letter_may_send_as_much_and_not_without_end(sent: tuple[Notice, str]) -> None:
    def answer(path: str) -> int:
        scan = SimpleUploadedFile("scan.pdf", b"MZ\0" + bytes(1_100_000))
        return Client().post(path, {"kind": "licence", "file": scan}).status_code

    assert answer("/n/nothing") == answer("/sign-in/") == 413
    assert [answer(sent[1]) for _ in range(11)] == [*[422] * 10, 429]


@pytest.mark.long
def test_an_answer_that_nobody_has_read_stands_first_wherever_a_member_looks(
    sent: tuple[Notice, str], studio: Owner, inline: SyncRunner
) -> None:
    quiet = signed(inline, begun(studio, "offer"))
    Notice.objects.filter(pk=quiet.pk).update(due_on=now().date(), due_what="reminder")
    row, path = sent
    Notice.objects.filter(pk=row.pk).update(state="signed", sent_at=None)
    user = User.objects.create_user("r@example.org", "r@example.org", "not used at all")
    user.memberships.create(owner=studio, role=Role.REVIEWER)
    member = Client()
    member.force_login(user)

    def seen(name: str, *more: object, query: str = "") -> str:
        page = member.get(reverse(name, args=more) + query).content.decode()
        return re.sub(r"\s+", " ", page)

    assert ALL_DECIDED in seen("cases", "studio")
    assert Client().post(path, {"kind": "removed"}).status_code == 302
    cases = seen("cases", "studio")
    assert ALL_DECIDED not in cases
    assert str(words.REPLIES[NoticeReply.Kind.REMOVED]) in cases
    assert cases.index('id="answers-unread"') < cases.index('id="notices-due"')
    decided = seen("cases", "studio", query="?state=confirmed")
    assert UNREAD in decided[decided.index('id="case-1"') :]
    listed = seen("notices", "studio")
    assert listed.index('class="flag"') < listed.index(f"notices/{quiet.number}/")
    assert listed.index(f"notices/{row.number}/") < listed.index(f"notices/{quiet.number}/")
    assert listed.count(str(words.STATES[Notice.State.SIGNED])) == 1  # only of the quiet one
    only = seen("notices", "studio", query="?state=unread")
    assert f"notices/{quiet.number}/" not in only
    assert UNREAD in seen("case", "studio", 1)
    member.post(reverse("see-replies", args=["studio", row.number]))
    for page in (
        seen("cases", "studio", query="?state=all"),
        seen("notices", "studio"),
        seen("case", "studio", 1),
        seen("owners"),
    ):
        assert UNREAD not in page
    assert ALL_DECIDED in seen("cases", "studio")


def test_who_says_that_it_was_taken_down_has_the_places_visited_again_and_decides_nothing(
    sent: tuple[Notice, str], studio: Owner
) -> None:
    row, path = sent
    Capture.objects.filter(case__number=1).update(state="done", outcome="captured", finished_at=now())
    Capture.objects.filter(case__number=2).update(state="done", outcome="page-gone", finished_at=now())
    for _twice in range(2):
        assert Client().post(path, {"kind": "removed", "words": "Sorry."}).status_code == 302
    waiting = Capture.objects.filter(state="todo")
    assert [(one.case.number, one.number) for one in waiting] == [(1, 2)]
    assert CaseEvent.objects.filter(said__0__0="notice-said-removed").count() == 4
    row.refresh_from_db()
    assert (row.state, {case.decision for case in studio.cases.all()}) == ("sent", {"confirmed"})
    with pytest.raises(WrongUseError):
        begun(studio)


def test_a_later_visit_that_finds_the_picture_refutes_the_answer_wherever_it_is_shown(
    sent: tuple[Notice, str], studio: Owner, client: Client
) -> None:
    row, path = sent
    Capture.objects.update(state="done", outcome="captured", started_at=now() - timedelta(hours=1), finished_at=now())
    assert client.post(path, {"kind": "removed"}).status_code == 302
    reply = NoticeReply.objects.get()

    def refuted() -> tuple[bool, int, int]:
        (listed,) = notices.notices(studio)
        (removed,) = (one.removed for one in parties.outcomes(studio))
        assert (words.state_of(listed) != str(words.STATES[Notice.State(listed.state)])) is listed.refuted
        return listed.refuted, len(refuting(reply)), removed

    notices.happened(notices.notice(studio, row.number), "removed", now().date(), "", by="ann")
    assert refuted() == (False, 0, 1)  # the visits were before it
    first, second = Capture.objects.filter(state="todo").order_by("case__number")
    Capture.objects.filter(pk=first.pk).update(state="done", outcome="captured", started_at=now(), finished_at=now())
    Capture.objects.filter(pk=second.pk).update(state="done", outcome="image-gone", started_at=now(), finished_at=now())
    assert refuted() == (True, 1, 0)
    user = User.objects.create_user("r@example.org", "r@example.org", "not used at all")
    user.memberships.create(owner=studio, role=Role.REVIEWER)
    client.force_login(user)
    page = client.get(reverse("notice", args=["studio", row.number])).content.decode()
    assert page.count("data-refuted") == 1
    for address in (reverse("notices", args=["studio"]), reverse("case", args=["studio", 1])):
        assert words.state_of(notices.notice(studio, row.number)) in client.get(address).content.decode()
    Capture.objects.filter(pk=first.pk).update(outcome="page-gone")
    assert refuted() == (False, 0, 1)


@pytest.mark.long
def test_what_was_seen_after_somebody_said_that_it_was_taken_down_is_told_to_both_sides(
    sent: tuple[Notice, str], studio: Owner, inline: SyncRunner
) -> None:
    row, path = sent
    Capture.objects.update(state="done", outcome="captured", finished_at=now() - timedelta(hours=1))
    assert Client().post(path, {"kind": "removed"}).status_code == 302
    assert has_test_id(Client().get(path).content.decode(), "to-be-visited")
    gone, waits = Capture.objects.filter(state="todo").order_by("case__number")
    Capture.objects.filter(pk=gone.pk).update(state="done", outcome="image-gone", started_at=now(), finished_at=now())
    replies.tell_visited()
    assert not Event.objects.filter(kind="notice.visited").exists()  # one page is waiting
    denylists.deny("shop.example", by="Ann", reason="nobody is there")
    inline.run_until_idle()
    waits.refresh_from_db()
    assert waits.state == "done"
    for _tick in range(2):
        replies.tell_visited()
    event = Event.objects.get(kind="notice.visited")
    assert event.about == {
        "notice": row.number, "party": "shop.example", "reply": 1, "places": {"removed": 1, "unseen": 1},
        "removed_before": 0,
    }  # fmt: skip
    page = Client().get(path).content.decode()
    assert not has_test_id(page, "to-be-visited")
    seen = page[page.index("Received:") : page.index('id="answer"')]
    assert [word in seen for word in ("removed", "could not be visited")] == [True, True]
    user = User.objects.create_user("r@example.org", "r@example.org", "not used at all")
    choice = MailChoice(owner=studio, user=user)
    mail = digest_mail(inline.services, choice, [event])
    assert mail is not None
    told = "Places visited since: 2, of them found removed: 1. Found removed before: 0."
    assert told in " ".join(mail.body.split())
    event.delete()  # as all events are after 90 days
    Capture.objects.filter(pk=waits.pk).update(outcome="captured", finished_at=now())
    replies.tell_visited()
    assert not Event.objects.filter(kind="notice.visited").exists()


def test_it_is_told_where_nothing_is_visited_again_and_where_a_visit_fails(sent: tuple[Notice, str]) -> None:
    def told() -> list[tuple[dict[str, int], int]]:
        replies.tell_visited()
        return [
            (one.about["places"], one.about["removed_before"])
            for one in Event.objects.filter(kind="notice.visited").order_by("pk")
        ]

    path = sent[1]
    Capture.objects.update(state="done", outcome="page-gone", finished_at=now() - timedelta(hours=1))
    Client().post(path, {"kind": "removed"})
    assert told() == [({}, 2)]
    Capture.objects.filter(case__number=1).update(outcome="captured")
    Client().post(path, {"kind": "removed"})
    assert len(told()) == 1
    Capture.objects.filter(state="todo").update(state="failed")
    assert told() == [({}, 2), ({"unseen": 1}, 1)]


def test_a_visit_that_is_under_way_is_none_after_the_answer(sent: tuple[Notice, str]) -> None:
    Capture.objects.filter(case__number=1).update(state="doing")
    Capture.objects.filter(case__number=2).update(state="done", outcome="page-gone", finished_at=now())
    assert Client().post(sent[1], {"kind": "removed"}).status_code == 302
    assert [(one.case.number, one.number) for one in Capture.objects.filter(state="todo")] == [(1, 2)]


@pytest.mark.long
def test_a_wrong_answer_is_taken_back_until_somebody_has_read_it(sent: tuple[Notice, str], studio: Owner) -> None:
    row, path = sent
    client = Client()
    client.post(path, {"kind": "removed"})
    assert 'name="withdraw"' in client.get(path).content.decode()
    assert client.post(path, {"withdraw": "7"}).status_code == 422
    assert client.post(path, {"withdraw": "1"}).status_code == 302
    assert "Received:" not in client.get(path).content.decode()
    begun(studio)  # no notice is paused
    Capture.objects.filter(case__number=1).update(state="done", outcome="captured", finished_at=now())
    Capture.objects.filter(case__number=2).update(state="done", outcome="page-gone", finished_at=now())
    assert client.post(path, {"kind": "removed"}).status_code == 302
    assert client.post(path, {"withdraw": "2"}).status_code == 302
    (look,) = Capture.objects.filter(state="todo")
    assert look.not_before is not None
    assert look.not_before > now() + timedelta(hours=23)  # a second visit of the page on another day
    assert not replies.unread(studio).exists()
    assert CaseEvent.objects.filter(said__0__0="notice-reply-back").count() == 4
    client.post(path, {"kind": "dispute", "words": "It is mine."})
    replies.see(row, by="ann")
    assert client.post(path, {"withdraw": "3"}).status_code == 422
    page = client.get(path).content.decode()
    assert 'name="withdraw"' not in page


def test_both_pictures_are_shown_small_to_who_has_the_letter_and_those_of_no_other_case(
    sent: tuple[Notice, str], studio: Owner, inline: SyncRunner
) -> None:
    path = sent[1]
    page = Client().get(path).content.decode()
    assert [f"{path}/{number}.jpg" in page for number in (1, 2, 3)] == [True, True, False]
    drawn = Client().get(f"{path}/1.jpg")
    assert (drawn.status_code, drawn.headers["Content-Type"]) == (200, "image/jpeg")
    assert max(decode(drawn.content, inline.services.limits).pixels.shape) <= asked.SIDE
    only = signed(inline, begun(studio, "offer", "en", 2))
    text = file_of(inline.services, only, "notice.txt")
    assert text is not None
    other = re.findall(r"https://exhibit\.example(/n/\S+)", text[0].decode())[0]
    assert [Client().get(f"{other}/{number}.jpg").status_code for number in (1, 2)] == [404, 200]
    assert Client().get("/n/nothing/1.jpg").status_code == 404
    found = studio.cases.get(number=2).case_sightings.get().match.found
    case = studio.cases.get(number=2)
    PictureReport.objects.create(owner=studio, picture=found, case=case, reported_at=now())
    assert Client().get(f"{path}/2.jpg").status_code == 404
    assert f"{path}/2.jpg" not in Client().get(path).content.decode()


def test_the_page_shows_no_more_than_the_letter_names(
    sent: tuple[Notice, str], studio: Owner, inline: SyncRunner
) -> None:
    case, other = studio.cases.order_by("number")
    use, another = case.case_sightings.get(), other.case_sightings.get()

    def seen_at(page: str, match: Match) -> Sighting:
        seen = Sighting.objects.get(pk=use.sighting_id)
        seen.pk, seen.page_key, seen.page_url, seen.first_seen = None, page.encode(), f"http://{page}/", None
        seen.save()
        case.case_sightings.create(match=match, sighting=seen)
        return seen

    gone = seen_at("gone.shop.example", use.match)
    at = columns(gone, "page_key", "image_key")
    about = {"number": 1, "state": "done", "outcome": "page-gone", "finished_at": now()}
    Capture.objects.create(case=case, sighting=gone, **at, **about)
    row = signed(inline, begun(studio, "offer"))
    before = asked.pictures(inline.services, row, 1)
    closer = Match.objects.get(pk=use.match_id)
    closer.pk, closer.found, closer.overlap_work = None, another.match.found, 1.0
    closer.save()
    seen_at("later.shop.example", closer)
    assert [place.page for place in asked.asked(row)[0].places] == ["http://shop.example/page-0"]
    assert asked.pictures(inline.services, row, 1) == before


def test_wrong_expired_and_withdrawn_links_have_one_answer(sent: tuple[Notice, str]) -> None:
    row, path = sent

    def gone(path: str) -> bytes:
        answer = Client().get(path)
        assert answer.status_code == 404
        assert Client().post(path, {"kind": "offer"}).status_code == 404
        return re.sub(rb"[A-Za-z0-9]{64}", b"", answer.content)

    wrong = gone("/n/nothing")
    Notice.objects.update(reply_until=now())
    assert gone(path) == wrong
    Notice.objects.update(reply_until=now() + timedelta(days=1))
    notices.happened(row, "resolved", now().date(), "", by="ann")
    assert gone(path) == wrong
    assert not NoticeReply.objects.exists()


@needs_chinese
def test_a_signature_taken_back_takes_the_link_and_the_page_speaks_the_letters_language(
    studio: Owner, inline: SyncRunner, sent: tuple[Notice, str]
) -> None:
    row = signed(inline, begun(studio, "offer", "zh-Hans"))
    text = file_of(inline.services, row, "notice.txt")
    assert text is not None
    found = re.search(r"https://exhibit\.example(/n/\S+)", text[0].decode())
    assert found is not None
    assert "您对 Studio 的答复" in Client().get(found[1]).content.decode()
    english = Client(headers={"Accept-Language": "de, en;q=0.5"}).get(found[1]).content.decode()
    assert "Your answer to Studio" in english
    chinese = Client(headers={"Accept-Language": "zh-TW, zh;q=0.9"}).get(sent[1]).content.decode()
    assert "您对 Studio 的答复" in chinese
    notices.take_back(row, by="ann")
    assert Client().get(found[1]).status_code == 404
