"""Whoever got a notice answers it without an account; what is answered is logged and told, and the notice rests."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry.models import CaseEvent, Event, LogOpening, Notice, NoticeReply, Owner, Role, User
from registry.notices import notices, terms
from tests.assets.noticed import begun, signed, studio
from tests.assets.site_browser import use_house
from workers.notices.signing import file_of
from workers.tasks.sync_runner import SyncRunner

__all__ = ["studio"]


@pytest.fixture
def sent(studio: Owner, inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> tuple[Notice, str]:
    """A notice that was sent, and the path that its letter names."""
    cache.clear()
    inline.services.config = replace(inline.services.config, public_url="https://exhibit.example")
    use_house(monkeypatch, inline.services)
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
    assert bytes(reply.file or b"") == b"%PDF-1.7 a licence"
    logged = [one.details for one in LogOpening.objects.all() if one.details and "reply" in one.details]
    assert {one["case"] for one in logged} == {1, 2}
    assert Event.objects.filter(kind="notice.replied").count() == 1
    assert CaseEvent.objects.filter(said__0__0="notice-reply").count() == 2
    with pytest.raises(WrongUseError, match="rests"):
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
    taken = member.get(reverse("reply-file", args=["studio", row.number, 1]))
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
        {"kind": "dispute", "words": "x" * 4001},
        {"kind": "licence", "file": SimpleUploadedFile("a.pdf", b"MZ\0\0 program")},
        {"kind": "licence", "file": SimpleUploadedFile("a.pdf", b"%PDF-" + bytes(512 * 1024))},
    ):
        assert Client().post(path, given).status_code == 422
    assert not NoticeReply.objects.exists()
    answers = [Client().post(path, {"kind": "offer"}).status_code for _ in range(6)]
    assert answers == [302] * 5 + [422]


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


def test_a_signature_taken_back_takes_the_link_and_the_page_speaks_the_letters_language(
    studio: Owner, inline: SyncRunner, sent: tuple[Notice, str]
) -> None:
    row = signed(inline, begun(studio, "offer", "zh-Hans"))
    text = file_of(inline.services, row, "notice.txt")
    assert text is not None
    found = re.search(r"https://exhibit\.example(/n/\S+)", text[0].decode())
    assert found is not None
    assert "您对 Studio 的答复" in Client().get(found[1]).content.decode()
    notices.take_back(row, by="ann")
    assert Client().get(found[1]).status_code == 404
