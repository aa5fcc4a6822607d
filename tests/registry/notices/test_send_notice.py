"""Test that a signed notice is mailed at most once, whatever the mail server or a crash does, or is sent manually."""

import smtplib
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.mail import EmailMessage
from pytest_django import Settings

from exhibit.clock import now
from exhibit.errors import InvalidRequestError, NotFoundError
from registry.models import Notice, NoticeMail, NoticeReply, Owner, PictureReport
from registry.notices import agencies, mail as notice_mail, notices, replies
from registry.notices.send_notice import send_notices
from registry.notices.signing import load_file, send_by_mail
from registry.retention.purge import purge_picture
from registry.services.mail import build_mail_settings
from tests.assets.mail_server import MailServer, mail_server
from tests.assets.notice_drafts import create_draft, set_mail_server, sign_notice
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases
from workers.operations.backlog import list_failures
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]
MailFactory = Callable[[MailServer], NoticeMail]


@pytest.fixture
def make_mail(studio: Owner, inline: SyncRunner, settings: Settings) -> MailFactory:
    """A function that creates a signed notice and queues its mail for a server."""

    def make(server: MailServer) -> NoticeMail:
        for name, value in build_mail_settings(inline.services.config).items():
            setattr(settings, name, value)
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", server.port, 0.5
        return send_by_mail(inline.services, sign_notice(inline, create_draft(studio)), by="ann@example.org")

    return make


def send(inline: SyncRunner, mail: NoticeMail) -> NoticeMail:
    """Run the mail's step even if it is not due yet, and reload the mail."""
    NoticeMail.objects.filter(pk=mail.pk).update(not_before=None)
    send_notices(inline.services, [mail.pk])
    mail.refresh_from_db()
    return mail


@pytest.mark.long
def test_stored_mail_equals_the_bytes_sent(inline: SyncRunner, make_mail: MailFactory) -> None:
    with mail_server() as server:
        mail = send(inline, make_mail(server))
        send(inline, mail)
    row = Notice.objects.get()
    stored_file = load_file(inline.services, row, "mail.eml")
    assert stored_file is not None
    assert server.mails == [stored_file[0]]
    assert (mail.state, row.state) == ("done", "sent")


@pytest.mark.long
@pytest.mark.parametrize("response", ["550 5.1.1 Nobody of that name", "554 5.7.1 Not from you"])
def test_refused_mail_fails_and_is_resent_on_request(inline: SyncRunner, make_mail: MailFactory, response: str) -> None:
    with mail_server(to_recipient=response) as server:
        mail = send(inline, make_mail(server))
        assert (mail.state, mail.error, mail.begun_at) == ("failed", response, None)
        server.to_recipient = "250 OK"
        second_mail = send_by_mail(inline.services, Notice.objects.get(), by="ann@example.org")
        assert (second_mail.pk, send(inline, second_mail).state, len(server.mails)) == (mail.pk, "done", 1)


@pytest.mark.long
@pytest.mark.parametrize(
    "behaviour",
    [{"to_recipient": "451 4.7.1 Come back in ten minutes"}, {"after_data": "452 4.3.1 No room"}, {"greets": False}],
)
def test_temporarily_refusing_mail_server_is_retried_forever(
    inline: SyncRunner, make_mail: MailFactory, behaviour: dict[str, object]
) -> None:
    with mail_server(**behaviour) as server:
        mail = make_mail(server)
        for _ in range(7):
            mail = send(inline, mail)
            assert (mail.state, mail.begun_at) == ("queued", None)
            assert mail.error
            assert mail.not_before is not None
            assert mail.not_before - now() > timedelta(minutes=9)
        notices.withdraw_signature(Notice.objects.get(), by="Ann")
        assert not NoticeMail.objects.exists()


@pytest.mark.long
def test_mail_is_not_sent_while_agency_inquiry_or_dispute_is_open(
    inline: SyncRunner, make_mail: MailFactory, studio: Owner
) -> None:
    with mail_server(greets=False) as server:
        mail = send(inline, make_mail(server))
        server.greets = True
        case, row = studio.cases.get(number=1), Notice.objects.get()
        agencies.record_inquiry(case, "Alamy", by="ann")
        mail = send(inline, mail)
        assert (mail.state, mail.begun_at, server.mails) == ("queued", None, [])
        assert "Alamy" in mail.error
        assert mail.not_before is not None
        agencies.record_reply(case, "Not sold by us.", by="ann")
        NoticeReply.objects.create(notice=row, number=1, kind="dispute", at=now())
        mail = send(inline, mail)
        assert (mail.state, server.mails) == ("queued", [])
        assert "Alamy" not in mail.error
        replies.mark_replies_read(row, by="ann")
        assert (send(inline, mail).state, len(server.mails)) == ("done", 1)


@pytest.mark.long
def test_mail_with_unknown_outcome_is_resent_only_after_confirmation(
    inline: SyncRunner, make_mail: MailFactory
) -> None:
    with mail_server(after_data="") as server:
        mail = send(inline, make_mail(server))
        assert notice_mail.has_uncertain_delivery(mail)
        row = Notice.objects.get()
        assert row.state == "signed"
        assert send_by_mail(inline.services, row, by="Ann").pk == mail.pk
        mail = send(inline, mail)
        for complete in (notices.withdraw_signature, notices.record_sent_by_hand):
            with pytest.raises(InvalidRequestError):
                complete(row, by="Ann")
        assert len(server.mails) == 1
        assert list_failures() == []  # a member must resolve this, not the operator
        notices.record_not_sent(row, by="Ann")
        server.after_data = "250 Taken"
        second_mail = send(inline, send_by_mail(inline.services, row, by="Ann"))
        assert (second_mail.state, len(server.mails), second_mail.message_id) == ("done", 2, mail.message_id)
    with pytest.raises(InvalidRequestError):
        notices.record_not_sent(row, by="Ann")


@pytest.mark.long
def test_mail_confirmed_as_sent_keeps_its_bytes(inline: SyncRunner, make_mail: MailFactory) -> None:
    with mail_server(after_data="") as server:
        send(inline, make_mail(server))
        notices.record_sent_by_mail(Notice.objects.get(), by="Ann")
        row = Notice.objects.get()
        stored_file = load_file(inline.services, row, "mail.eml")
        assert stored_file is not None
        assert (row.state, server.mails) == ("sent", [stored_file[0]])


def test_mail_server_stub_speaks_smtp() -> None:
    with mail_server() as server, smtplib.SMTP("127.0.0.1", server.port, timeout=5) as client:
        client.sendmail("a@example.org", ["b@example.org"], "Subject: x\r\n\r\n.a line that begins with a point\r\n")
    assert server.mails == [b"Subject: x\r\n\r\n.a line that begins with a point\r\n"]


@pytest.mark.long
def test_notice_with_reported_picture_must_be_signed_again(
    inline: SyncRunner, make_mail: MailFactory, studio: Owner
) -> None:
    with mail_server() as server:
        mail = make_mail(server)
        case = studio.cases.get(number=1)
        assert case.shown is not None
        fields = {"picture": case.shown.match.found, "case": case, "reported_by": "Ann", "reason": "x"}
        PictureReport.objects.create(owner=studio, reported_at=now(), **fields)
        mail = send(inline, mail)
        assert (mail.state, mail.begun_at, server.mails) == ("failed", None, [])
        row = Notice.objects.get()
        assert load_file(inline.services, row, "notice.txt") is not None
        with pytest.raises(NotFoundError):
            load_file(inline.services, row, "notice.pdf")
        notices.withdraw_signature(row, by="Ann")
        second_mail = send_by_mail(
            inline.services, sign_notice(inline, notices.get_notice(studio, row.number)), by="Ann"
        )
        assert send(inline, second_mail).state == "done"


@pytest.mark.long
def test_purge_removes_signed_documents_that_show_the_picture(
    inline: SyncRunner, make_mail: MailFactory, studio: Owner
) -> None:
    with mail_server() as server:
        send(inline, make_mail(server))
    case_sighting = studio.cases.get(number=1).shown
    assert case_sighting is not None
    purge_picture(inline.services, case_sighting.match.found.digest, by="Ann", reason="An order of a court.")
    row = Notice.objects.get()
    assert load_file(inline.services, row, "notice.txt") is not None
    for name in ("notice.pdf", "mail.eml"):
        with pytest.raises(NotFoundError):
            load_file(inline.services, row, name)


@pytest.mark.long
def test_mail_is_sent_once_with_the_signed_bytes(
    studio: Owner, inline: SyncRunner, mailoutbox: list[EmailMessage]
) -> None:
    row = sign_notice(inline, create_draft(studio))
    first = send_by_mail(inline.services, row, by="ann@example.org")
    assert send_by_mail(inline.services, row, by="ann@example.org") == first
    send_notices(inline.services, [first.pk])
    send_notices(inline.services, [first.pk])
    (message,) = mailoutbox
    assert (message.to, message.reply_to) == (["agent@shop.example"], ["ann@example.org"])
    text = load_file(inline.services, row, "notice.txt")
    assert text is not None
    assert f"{message.subject}\n\n{message.body}".encode() == text[0]
    row = notices.get_notice(studio, row.number)
    assert (row.state, row.due_reason) == ("sent", "reminder")
    eml = load_file(inline.services, row, "mail.eml")
    assert eml is not None
    assert eml[0] == message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg] # Django's own
    assert first.message_id.encode() in eml[0]


def test_notice_sent_manually_is_not_mailed(studio: Owner, inline: SyncRunner, mailoutbox: list[EmailMessage]) -> None:
    row = sign_notice(inline, create_draft(studio))
    result = send_by_mail(inline.services, row, by="ann@example.org")
    notices.record_sent_by_hand(row, by="Ann")
    send_notices(inline.services, [result.pk])
    assert mailoutbox == []
    assert not NoticeMail.objects.exists()


@pytest.mark.long
def test_signature_can_be_withdrawn_while_mail_is_pending(studio: Owner, inline: SyncRunner) -> None:
    row = sign_notice(inline, create_draft(studio))
    send_by_mail(inline.services, row, by="ann@example.org")
    notices.withdraw_signature(row, by="Ann")
    row = notices.get_notice(studio, row.number)
    assert (row.state, row.files, NoticeMail.objects.exists()) == ("draft", [], False)
    assert sign_notice(inline, row).state == "signed"


def test_notice_is_not_mailed_without_a_mail_server(studio: Owner, inline: SyncRunner) -> None:
    set_mail_server(inline, "")
    row = sign_notice(inline, create_draft(studio))
    with pytest.raises(InvalidRequestError):
        send_by_mail(inline.services, row, by="ann@example.org")
    notices.record_sent_by_hand(row, by="ann@example.org")
    assert notices.get_notice(studio, row.number).state == "sent"
