"""Test that a notice's mail is sent at most once, and that a member resolves unknown outcomes."""

import pytest

from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry.models import Notice, NoticeMail, Owner
from registry.notices import mail
from tests.assets.rows import owner

FILE = {"name": "mail.eml", "digest": "00" * 32, "size": 1}


@pytest.fixture
def notice(db: None) -> Notice:
    about = {"kind": "dmca", "language": "en", "party": "shop.example", "created_by": "Ann", "created_at": now()}
    rights_holder: Owner = owner("studio")
    return Notice.objects.create(owner=rights_holder, number=1, state="signed", **about)


def create_mail(notice: Notice, state: str = "doing") -> NoticeMail:
    """Create a mail in this state."""
    notice_mail = mail.queue_mail(notice, "agent@shop.example", "<1@studio.example>", by="Ann")
    NoticeMail.objects.filter(pk=notice_mail.pk).update(state=state)
    notice_mail.refresh_from_db()
    return notice_mail


def test_mail_is_handed_over_once_and_only_while_its_notice_awaits_it(notice: Notice) -> None:
    notice_mail = create_mail(notice)
    assert [mail.record_handover(notice_mail.pk, FILE) for _ in range(2)] == [True, False]
    mail.record_refusal(notice_mail.pk, "451 Later", is_permanent=False)
    notice_mail.refresh_from_db()
    assert (notice_mail.state, notice_mail.begun_at, notice_mail.file, notice_mail.error) == (
        "todo",
        None,
        {},
        "451 Later",
    )
    assert not mail.record_handover(notice_mail.pk, FILE)  # no worker has claimed it
    create_mail(notice)
    Notice.objects.update(state="sent")
    assert not mail.record_handover(notice_mail.pk, FILE)


def test_mail_requested_twice_is_sent_once_and_refused_mail_is_retried(notice: Notice) -> None:
    notice_mail = create_mail(notice)
    mail.record_handover(notice_mail.pk, FILE)
    mail.record_refusal(notice_mail.pk, "550 Nobody", is_permanent=True)
    notice_mail.refresh_from_db()
    assert (notice_mail.state, mail.is_in_doubt(notice_mail)) == ("failed", False)
    second_mail = mail.queue_mail(notice, "agent@shop.example", "<1@studio.example>", by="Ann")
    second_mail.refresh_from_db()
    assert (second_mail.pk, second_mail.state) == (notice_mail.pk, "todo")


def test_mail_in_doubt_is_resolved_only_by_a_member(notice: Notice) -> None:
    for resolve in (mail.complete_in_doubt, mail.delete_in_doubt):
        with pytest.raises(WrongUseError):
            resolve(notice)
    notice_mail = create_mail(notice)
    with pytest.raises(WrongUseError):
        mail.cancel_mail(notice)
    mail.record_handover(notice_mail.pk, FILE)
    mail.record_doubt(notice_mail.pk)
    notice_mail.refresh_from_db()
    assert mail.is_in_doubt(notice_mail)
    assert mail.queue_mail(notice, notice_mail.to, notice_mail.message_id, by="Ann").state == "failed"
    with pytest.raises(WrongUseError):
        mail.cancel_mail(notice)
    assert mail.complete_in_doubt(notice).state == "done"
    NoticeMail.objects.update(state="failed")
    mail.delete_in_doubt(notice)
    assert not NoticeMail.objects.exists()


def test_restore_puts_pending_mail_in_doubt_and_mail_can_be_cancelled(notice: Notice) -> None:
    mail.cancel_mail(notice)
    create_mail(notice, "todo")
    mail.cancel_mail(notice)
    assert not NoticeMail.objects.exists()
    notice_mail = create_mail(notice, "todo")
    mail.mark_pending_as_in_doubt()
    notice_mail.refresh_from_db()
    assert mail.is_in_doubt(notice_mail)
    assert notice_mail.error == mail.DOUBT_MESSAGE
