"""Test that a notice's mail is sent at most once, and that a member resolves unknown outcomes."""

import pytest

from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from registry.models import Notice, NoticeMail, Owner
from registry.notices import mail
from tests.assets.rows import owner

FILE = {"name": "mail.eml", "digest": "00" * 32, "size": 1}


@pytest.fixture
def notice(db: None) -> Notice:
    about = {"kind": "dmca", "language": "en", "party": "shop.example", "created_by": "Ann", "created_at": now()}
    rights_holder: Owner = owner("studio")
    return Notice.objects.create(owner=rights_holder, number=1, state="signed", **about)


def create_mail(notice: Notice, state: str = "running") -> NoticeMail:
    """Create a mail in this state."""
    notice_mail = mail.queue_mail(notice, "agent@shop.example", "<1@studio.example>", by="Ann")
    NoticeMail.objects.filter(pk=notice_mail.pk).update(state=state)
    notice_mail.refresh_from_db()
    return notice_mail


def test_mail_is_handed_to_the_server_once_and_only_while_claimed_by_a_worker(notice: Notice) -> None:
    notice_mail = create_mail(notice)
    assert [mail.record_handover(notice_mail.pk, FILE) for _ in range(2)] == [True, False]
    mail.record_refusal(notice_mail.pk, "451 Later", is_permanent=False)
    notice_mail.refresh_from_db()
    assert (notice_mail.state, notice_mail.begun_at, notice_mail.file, notice_mail.error) == (
        "queued",
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
    assert (notice_mail.state, mail.has_uncertain_delivery(notice_mail)) == ("failed", False)
    second_mail = mail.queue_mail(notice, "agent@shop.example", "<1@studio.example>", by="Ann")
    second_mail.refresh_from_db()
    assert (second_mail.pk, second_mail.state) == (notice_mail.pk, "queued")


def test_mail_with_unknown_outcome_is_resolved_only_by_a_member(notice: Notice) -> None:
    for resolve in (mail.complete_uncertain_mail, mail.delete_uncertain_mail):
        with pytest.raises(InvalidRequestError):
            resolve(notice)
    notice_mail = create_mail(notice)
    with pytest.raises(InvalidRequestError):
        mail.cancel_mail(notice)
    mail.record_handover(notice_mail.pk, FILE)
    mail.record_uncertain_delivery(notice_mail.pk)
    notice_mail.refresh_from_db()
    assert mail.has_uncertain_delivery(notice_mail)
    assert mail.queue_mail(notice, notice_mail.to, notice_mail.message_id, by="Ann").state == "failed"
    with pytest.raises(InvalidRequestError):
        mail.cancel_mail(notice)
    assert mail.complete_uncertain_mail(notice).state == "done"
    NoticeMail.objects.update(state="failed")
    mail.delete_uncertain_mail(notice)
    assert not NoticeMail.objects.exists()


def test_pending_mail_has_unknown_outcome_after_restore_and_can_be_cancelled(notice: Notice) -> None:
    mail.cancel_mail(notice)
    create_mail(notice, "queued")
    mail.cancel_mail(notice)
    assert not NoticeMail.objects.exists()
    notice_mail = create_mail(notice, "queued")
    mail.mark_pending_as_uncertain()
    notice_mail.refresh_from_db()
    assert mail.has_uncertain_delivery(notice_mail)
    assert notice_mail.error == mail.UNCERTAIN_DELIVERY_MESSAGE
