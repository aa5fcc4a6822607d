"""Test that a signed notice is mailed at most once, whatever the mail server or a crash does, or is sent manually."""

import smtplib
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.mail import EmailMessage
from pytest_django import Settings

from exhibit.clock import now
from exhibit.errors import NotFoundError, WrongUseError
from registry.models import Notice, NoticeMail, NoticeReply, Owner, PictureReport
from registry.notices import agencies, mail as notice_mail, notices, replies
from registry.notices.send_notice import send_notices
from registry.notices.signing import file_of, send_by_mail
from registry.retention.purge import purge
from registry.services.mail import django_mail
from tests.assets.mail_server import MailServer, mail_server
from tests.assets.noticed import begun, mail_by, signed
from tests.assets.noticed_once import inline, stage, studio, two_cases
from workers.operations.backlog import failures
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]
Waiting = Callable[[MailServer], NoticeMail]


@pytest.fixture
def waiting(studio: Owner, inline: SyncRunner, settings: Settings) -> Waiting:
    """A function that creates a signed notice whose mail waits for a server."""

    def made(server: MailServer) -> NoticeMail:
        for name, value in django_mail(inline.services.config).items():
            setattr(settings, name, value)
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", server.port, 0.5
        return send_by_mail(inline.services, signed(inline, begun(studio)), by="ann@example.org")

    return made


def sent(inline: SyncRunner, mail: NoticeMail) -> NoticeMail:
    """Run the mail's step again, whenever it is due, and reload the mail."""
    NoticeMail.objects.filter(pk=mail.pk).update(not_before=None)
    send_notices(inline.services, [mail.pk])
    mail.refresh_from_db()
    return mail


@pytest.mark.long
def test_the_bytes_that_are_kept_are_those_that_the_server_took(inline: SyncRunner, waiting: Waiting) -> None:
    with mail_server() as server:
        mail = sent(inline, waiting(server))
        sent(inline, mail)
    row = Notice.objects.get()
    kept = file_of(inline.services, row, "mail.eml")
    assert kept is not None
    assert server.mails == [kept[0]]
    assert (mail.state, row.state) == ("done", "sent")


@pytest.mark.long
@pytest.mark.parametrize("answer", ["550 5.1.1 Nobody of that name", "554 5.7.1 Not from you"])
def test_a_mail_that_is_refused_is_given_up_and_sent_again_when_somebody_asks(
    inline: SyncRunner, waiting: Waiting, answer: str
) -> None:
    with mail_server(to_recipient=answer) as server:
        mail = sent(inline, waiting(server))
        assert (mail.state, mail.error, mail.begun_at) == ("failed", answer, None)
        server.to_recipient = "250 OK"
        again = send_by_mail(inline.services, Notice.objects.get(), by="ann@example.org")
        assert (again.pk, sent(inline, again).state, len(server.mails)) == (mail.pk, "done", 1)


@pytest.mark.long
@pytest.mark.parametrize(
    "behaviour",
    [{"to_recipient": "451 4.7.1 Come back in ten minutes"}, {"after_data": "452 4.3.1 No room"}, {"greets": False}],
)
def test_a_server_that_does_not_take_it_now_is_asked_again_without_end(
    inline: SyncRunner, waiting: Waiting, behaviour: dict[str, object]
) -> None:
    with mail_server(**behaviour) as server:
        mail = waiting(server)
        for _ in range(7):
            mail = sent(inline, mail)
            assert (mail.state, mail.begun_at) == ("todo", None)
            assert mail.error
            assert mail.not_before is not None
            assert mail.not_before - now() > timedelta(minutes=9)
        notices.take_back(Notice.objects.get(), by="Ann")
        assert not NoticeMail.objects.exists()


@pytest.mark.long
def test_a_mail_that_waits_does_not_leave_while_a_case_rests(
    inline: SyncRunner, waiting: Waiting, studio: Owner
) -> None:
    with mail_server(greets=False) as server:
        mail = sent(inline, waiting(server))
        server.greets = True
        case, row = studio.cases.get(number=1), Notice.objects.get()
        agencies.ask(case, "Alamy", by="ann")
        mail = sent(inline, mail)
        assert (mail.state, mail.begun_at, server.mails) == ("todo", None, [])
        assert "Alamy" in mail.error
        assert mail.not_before is not None
        agencies.answered(case, "Not sold by us.", by="ann")
        NoticeReply.objects.create(notice=row, number=1, kind="dispute", at=now())
        mail = sent(inline, mail)
        assert (mail.state, server.mails) == ("todo", [])
        assert "Alamy" not in mail.error
        replies.see(row, by="ann")
        assert (sent(inline, mail).state, len(server.mails)) == ("done", 1)


@pytest.mark.long
def test_a_mail_whose_answer_nobody_heard_is_not_sent_again_until_a_person_says_that_it_has_not_left(
    inline: SyncRunner, waiting: Waiting
) -> None:
    with mail_server(after_data="") as server:
        mail = sent(inline, waiting(server))
        assert notice_mail.may_have_left(mail)
        row = Notice.objects.get()
        assert row.state == "signed"
        assert send_by_mail(inline.services, row, by="Ann").pk == mail.pk
        mail = sent(inline, mail)
        for leave in (notices.take_back, notices.sent_by_hand):
            with pytest.raises(WrongUseError):
                leave(row, by="Ann")
        assert len(server.mails) == 1
        assert failures() == []  # a member must answer, not the operator
        notices.never_left(row, by="Ann")
        server.after_data = "250 Taken"
        again = sent(inline, send_by_mail(inline.services, row, by="Ann"))
        assert (again.state, len(server.mails), again.message_id) == ("done", 2, mail.message_id)
    with pytest.raises(WrongUseError):
        notices.never_left(row, by="Ann")


@pytest.mark.long
def test_a_mail_that_has_left_after_all_is_kept_with_its_bytes(inline: SyncRunner, waiting: Waiting) -> None:
    with mail_server(after_data="") as server:
        sent(inline, waiting(server))
        notices.has_left(Notice.objects.get(), by="Ann")
        row = Notice.objects.get()
        kept = file_of(inline.services, row, "mail.eml")
        assert kept is not None
        assert (row.state, server.mails) == ("sent", [kept[0]])


def test_the_server_of_these_tests_speaks_the_protocol() -> None:
    with mail_server() as server, smtplib.SMTP("127.0.0.1", server.port, timeout=5) as client:
        client.sendmail("a@example.org", ["b@example.org"], "Subject: x\r\n\r\n.a line that begins with a point\r\n")
    assert server.mails == [b"Subject: x\r\n\r\n.a line that begins with a point\r\n"]


@pytest.mark.long
def test_a_notice_that_shows_what_was_reported_since_does_not_leave_and_is_signed_anew_without_it(
    inline: SyncRunner, waiting: Waiting, studio: Owner
) -> None:
    with mail_server() as server:
        mail = waiting(server)
        case = studio.cases.get(number=1)
        assert case.shown is not None
        told = {"picture": case.shown.match.found, "case": case, "reported_by": "Ann", "reason": "x"}
        PictureReport.objects.create(owner=studio, reported_at=now(), **told)
        mail = sent(inline, mail)
        assert (mail.state, mail.begun_at, server.mails) == ("failed", None, [])
        row = Notice.objects.get()
        assert file_of(inline.services, row, "notice.txt") is not None
        with pytest.raises(NotFoundError):
            file_of(inline.services, row, "notice.pdf")
        notices.take_back(row, by="Ann")
        again = send_by_mail(inline.services, signed(inline, notices.notice(studio, row.number)), by="Ann")
        assert sent(inline, again).state == "done"


@pytest.mark.long
def test_a_purge_takes_signed_papers_along_that_show_the_picture(
    inline: SyncRunner, waiting: Waiting, studio: Owner
) -> None:
    with mail_server() as server:
        sent(inline, waiting(server))
    shown = studio.cases.get(number=1).shown
    assert shown is not None
    purge(inline.services, shown.match.found.digest, by="Ann", reason="An order of a court.")
    row = Notice.objects.get()
    assert file_of(inline.services, row, "notice.txt") is not None
    for name in ("notice.pdf", "mail.eml"):
        with pytest.raises(NotFoundError):
            file_of(inline.services, row, name)


@pytest.mark.long
def test_a_mail_leaves_once_with_the_signed_bytes(
    studio: Owner, inline: SyncRunner, mailoutbox: list[EmailMessage]
) -> None:
    row = signed(inline, begun(studio))
    first = send_by_mail(inline.services, row, by="ann@example.org")
    assert send_by_mail(inline.services, row, by="ann@example.org") == first
    send_notices(inline.services, [first.pk])
    send_notices(inline.services, [first.pk])
    (left,) = mailoutbox
    assert (left.to, left.reply_to) == (["agent@shop.example"], ["ann@example.org"])
    text = file_of(inline.services, row, "notice.txt")
    assert text is not None
    assert f"{left.subject}\n\n{left.body}".encode() == text[0]
    row = notices.notice(studio, row.number)
    assert (row.state, row.due_what) == ("sent", "reminder")
    eml = file_of(inline.services, row, "mail.eml")
    assert eml is not None
    assert eml[0] == left.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg] # Django's own
    assert first.message_id.encode() in eml[0]


def test_what_a_person_has_sent_meanwhile_does_not_leave_again(
    studio: Owner, inline: SyncRunner, mailoutbox: list[EmailMessage]
) -> None:
    row = signed(inline, begun(studio))
    made = send_by_mail(inline.services, row, by="ann@example.org")
    notices.sent_by_hand(row, by="Ann")
    send_notices(inline.services, [made.pk])
    assert mailoutbox == []
    assert not NoticeMail.objects.exists()


@pytest.mark.long
def test_a_signature_is_taken_back_as_long_as_the_mail_waits_and_given_anew(studio: Owner, inline: SyncRunner) -> None:
    row = signed(inline, begun(studio))
    send_by_mail(inline.services, row, by="ann@example.org")
    notices.take_back(row, by="Ann")
    row = notices.notice(studio, row.number)
    assert (row.state, row.files, NoticeMail.objects.exists()) == ("draft", [], False)
    assert signed(inline, row).state == "signed"


def test_without_a_mail_server_nothing_is_said_to_be_sent(studio: Owner, inline: SyncRunner) -> None:
    mail_by(inline, "")
    row = signed(inline, begun(studio))
    with pytest.raises(WrongUseError):
        send_by_mail(inline.services, row, by="ann@example.org")
    notices.sent_by_hand(row, by="ann@example.org")
    assert notices.notice(studio, row.number).state == "sent"
