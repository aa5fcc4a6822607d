"""Test that a notice's mail is sent at most once, and that a person resolves unknown outcomes."""

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
    of: Owner = owner("studio")
    return Notice.objects.create(owner=of, number=1, state="signed", **about)


def asked(notice: Notice, state: str = "doing") -> NoticeMail:
    """Create a mail in this state."""
    made = mail.ask(notice, "agent@shop.example", "<1@studio.example>", by="Ann")
    NoticeMail.objects.filter(pk=made.pk).update(state=state)
    made.refresh_from_db()
    return made


def test_it_is_begun_once_and_only_while_its_notice_waits_for_it(notice: Notice) -> None:
    made = asked(notice)
    assert [mail.begin(made.pk, FILE) for _ in range(2)] == [True, False]
    mail.refused(made.pk, "451 Later", for_good=False)
    made.refresh_from_db()
    assert (made.state, made.begun_at, made.file, made.error) == ("todo", None, {}, "451 Later")
    assert not mail.begin(made.pk, FILE)  # nobody has claimed it
    asked(notice)
    Notice.objects.update(state="sent")
    assert not mail.begin(made.pk, FILE)


def test_asked_for_twice_it_is_one_mail_and_a_refused_one_is_tried_again(notice: Notice) -> None:
    made = asked(notice)
    mail.begin(made.pk, FILE)
    mail.refused(made.pk, "550 Nobody", for_good=True)
    made.refresh_from_db()
    assert (made.state, mail.may_have_left(made)) == ("failed", False)
    again = mail.ask(notice, "agent@shop.example", "<1@studio.example>", by="Ann")
    again.refresh_from_db()
    assert (again.pk, again.state) == (made.pk, "todo")


def test_of_a_mail_that_may_have_left_only_a_person_says_what_became_of_it(notice: Notice) -> None:
    for say in (mail.has_left, mail.never_left):
        with pytest.raises(WrongUseError):
            say(notice)
    made = asked(notice)
    with pytest.raises(WrongUseError):
        mail.stop(notice)
    mail.begin(made.pk, FILE)
    mail.unknown(made.pk)
    made.refresh_from_db()
    assert mail.may_have_left(made)
    assert mail.ask(notice, made.to, made.message_id, by="Ann").state == "failed"
    with pytest.raises(WrongUseError):
        mail.stop(notice)
    assert mail.has_left(notice).state == "done"
    NoticeMail.objects.update(state="failed")
    mail.never_left(notice)
    assert not NoticeMail.objects.exists()


def test_a_restore_doubts_what_waits_and_a_mail_that_waits_can_be_stopped(notice: Notice) -> None:
    mail.stop(notice)
    asked(notice, "todo")
    mail.stop(notice)
    assert not NoticeMail.objects.exists()
    made = asked(notice, "todo")
    mail.doubt_waiting()
    made.refresh_from_db()
    assert mail.may_have_left(made)
    assert made.error == mail.MAYBE
