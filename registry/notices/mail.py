"""The mail of a signed notice leaves at most once: it is begun before it is sent, and what ended in between is told.

Nobody can know whether a mail left when the sender died, or the line broke, between handing it over and hearing the
answer. Such a mail may have left; a person looks, and says which it is.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry.db import steps
from registry.db.claimable import UNFINISHED, StepState
from registry.db.rows import write
from registry.notices.models import Notice, NoticeMail

AGAIN = timedelta(minutes=10)
"""Until a mail server that didn't take a mail for now is asked again."""

MAYBE = "It may have left: nobody heard what the mail server said of it. A member looks and says so."


def ask(held: Notice, to: str, message_id: str, *, by: str) -> NoticeMail:
    """Have a mail wait for its step; asked for twice it is one mail, and one that was refused is tried again.

    The caller holds the notice. The message's id is the same for the same words.
    """
    made, _new = NoticeMail.objects.get_or_create(notice=held, defaults={"to": to, "by": by, "message_id": message_id})
    if made.state == StepState.FAILED and made.begun_at is None:
        steps.try_again(NoticeMail, NoticeMail.objects.filter(pk=made.pk))
    return made


def may_have_left(mail: NoticeMail) -> bool:
    """Whether a person has to say what became of it."""
    return mail.state == StepState.FAILED and mail.begun_at is not None


def stop(held: Notice) -> None:
    """Let go of a mail that waits or was refused; the caller holds its notice.

    Raises ``WrongUseError`` when it is leaving at this moment, or may have left.
    """
    mail = NoticeMail.objects.select_for_update(no_key=True).filter(notice=held).first()
    if mail is None:
        return
    if may_have_left(mail):
        raise WrongUseError(_("It may have left by mail."), hint=_("Say first whether it has."))
    if mail.state == StepState.DOING:
        raise WrongUseError(_("It is leaving by mail at this moment."), hint=_("Look again in some minutes."))
    mail.delete()


def begin(pk: int, file: Mapping[str, Any]) -> bool:
    """Note that a claimed mail, of these exact bytes, is handed to a server now.

    Says whether it may be sent: its notice waits for that, and it wasn't begun before.
    """
    with transaction.atomic():
        mail = NoticeMail.objects.select_for_update(no_key=True).filter(pk=pk, state=StepState.DOING).first()
        if mail is None or mail.begun_at is not None or mail.notice.state != Notice.State.SIGNED:
            return False
        write(mail, begun_at=now(), file=dict(file))
    return True


def refused(pk: int, sentence: str, *, for_good: bool) -> None:
    """Record that the server has refused a mail that was begun, perhaps for good: it hasn't left."""
    with transaction.atomic():
        NoticeMail.objects.filter(pk=pk).update(begun_at=None, file={})
        not_taken(pk, sentence, for_good=for_good)


def not_taken(pk: int, sentence: str, *, for_good: bool) -> None:
    """Record that no server could be asked to take a mail."""
    if for_good:
        steps.fail(NoticeMail, pk, sentence, retry=False)
    else:
        steps.wait(NoticeMail, pk, now() + AGAIN, sentence)


def unknown(pk: int) -> None:
    """Record that a mail that was begun may have left."""
    steps.fail(NoticeMail, pk, MAYBE, retry=False)


def doubt_waiting() -> None:
    """Record of each mail that waits that it may have left: a restore doesn't know what was sent since the backup."""
    waiting = NoticeMail.objects.filter(state__in=UNFINISHED)
    waiting.update(state=StepState.FAILED, error=MAYBE, begun_at=Coalesce("begun_at", now()))


def never_left(held: Notice) -> None:
    """Let go of a mail that may have left, as a person says that it hasn't; the caller holds its notice.

    Raises ``WrongUseError`` when nothing has to be said of it.
    """
    _doubted(held).delete()


def has_left(held: Notice) -> NoticeMail:
    """End a mail that may have left, as a person says that it has; as :func:`never_left`."""
    mail = _doubted(held)
    write(mail, state=StepState.DONE)
    return mail


def _doubted(row: Notice) -> NoticeMail:
    mail = NoticeMail.objects.select_for_update(no_key=True).filter(notice=row).first()
    if mail is None or not may_have_left(mail):
        raise WrongUseError(_("Nothing has to be said of a mail of notice %(number)d.") % {"number": row.number})
    return mail
