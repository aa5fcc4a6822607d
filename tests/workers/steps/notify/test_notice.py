"""A signed notice leaves by mail once, with the bytes that are kept, or it is said why not."""

import pytest
from pytest_django import Settings

from registry.models import Notice, NoticeMail, Owner
from registry.notices import mail as notice_mail
from tests.assets.mail_server import MailServer, mail_server
from tests.assets.noticed import begun, signed, studio
from workers.notices.signing import file_of, send_by_mail
from workers.notify.mail import django_mail
from workers.steps.notify.notice import send_notices
from workers.tasks.sync_runner import SyncRunner

__all__ = ["studio"]


@pytest.fixture
def waiting(studio: Owner, inline: SyncRunner, settings: Settings) -> NoticeMail:
    """The mail of a signed notice, which nobody has sent."""
    for name, value in django_mail(inline.services.config).items():
        setattr(settings, name, value)
    settings.EMAIL_HOST, settings.EMAIL_TIMEOUT = "127.0.0.1", 5
    return send_by_mail(inline.services, signed(inline, begun(studio)), by="ann@example.org")


def sent(inline: SyncRunner, mail: NoticeMail, settings: Settings, server: MailServer) -> NoticeMail:
    settings.EMAIL_PORT = server.port
    NoticeMail.objects.update(not_before=None)
    send_notices(inline.services, [mail.pk])
    mail.refresh_from_db()
    return mail


def test_it_is_tried_until_it_leaves_and_never_again(
    inline: SyncRunner, waiting: NoticeMail, settings: Settings
) -> None:
    with mail_server(to_recipient="451 4.7.1 Later") as server:
        assert sent(inline, waiting, settings, server).state == "todo"
        assert (server.mails, waiting.error) == ([], "451 4.7.1 Later")
        server.to_recipient = "250 OK"
        assert sent(inline, waiting, settings, server).state == "done"
        NoticeMail.objects.update(state="todo")
        sent(inline, waiting, settings, server)
        assert len(server.mails) == 1
    row = Notice.objects.get()
    kept = file_of(inline.services, row, "mail.eml")
    assert kept is not None
    assert (server.mails, row.state) == ([kept[0]], "sent")
    assert b"Reply-To: ann@example.org" in kept[0]
    assert b"notice-1.pdf" in kept[0]


def test_who_died_while_it_was_handed_over_leaves_a_question_to_a_person(
    inline: SyncRunner, waiting: NoticeMail, settings: Settings
) -> None:
    NoticeMail.objects.update(begun_at=waiting.notice.signed_at)
    with mail_server() as server:
        mail = sent(inline, waiting, settings, server)
    assert (server.mails, mail.error) == ([], notice_mail.MAYBE)
    assert notice_mail.may_have_left(mail)
