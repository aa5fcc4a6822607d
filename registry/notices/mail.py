"""Delivery state of a signed notice's email, which is sent at most once.

Exhibit records the attempt before it sends the email to the mail server. If the process or the connection ends before
the server responds, it is unknown whether the email was sent. The delivery is then uncertain, and a member decides.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from registry.db import steps
from registry.db.claimable import UNFINISHED, StepState
from registry.db.rows import update_row
from registry.notices.models import Notice, NoticeMail

RETRY_DELAY = timedelta(minutes=10)
"""Time before a mail server that temporarily refused an email is tried again."""

UNCERTAIN_DELIVERY_MESSAGE = "The email may have been sent: the mail server's response is missing. A member must check."


def queue_mail(notice: Notice, to: str, message_id: str, *, by: str) -> NoticeMail:
    """Queue the email of a notice that the caller has locked. A second call has no effect, or retries a refused email.

    Emails with the same text have the same Message-ID.
    """
    row, _new = NoticeMail.objects.get_or_create(notice=notice, defaults={"to": to, "by": by, "message_id": message_id})
    if row.state == StepState.FAILED and row.begun_at is None:
        steps.retry_failed(NoticeMail, NoticeMail.objects.filter(pk=row.pk))
    return row


def has_uncertain_delivery(mail: NoticeMail) -> bool:
    """Return True if it is unknown whether an email was sent, so that a member has to decide."""
    return mail.state == StepState.FAILED and mail.begun_at is not None


def cancel_mail(notice: Notice) -> None:
    """Cancel a pending or refused email of a notice that the caller has locked.

    Raises:
        InvalidRequestError: The email is being sent, or may have been sent.
    """
    mail = NoticeMail.objects.select_for_update(no_key=True).filter(notice=notice).first()
    if mail is None:
        return
    if has_uncertain_delivery(mail):
        raise InvalidRequestError(
            _("The notice may have been sent by email."), hint=_("First record whether the email was sent.")
        )
    if mail.state == StepState.RUNNING:
        raise InvalidRequestError(_("The notice is being sent by email."), hint=_("Try again in a few minutes."))
    mail.delete()


def record_handover(pk: int, file: Mapping[str, Any]) -> bool:
    """Record that a claimed email is now being sent to a mail server, with exactly these bytes.

    Returns:
        True if it may be sent: its notice is signed and unsent, and the email was not sent to a server before.
    """
    with transaction.atomic():
        mail = NoticeMail.objects.select_for_update(no_key=True).filter(pk=pk, state=StepState.RUNNING).first()
        if mail is None or mail.begun_at is not None or mail.notice.state != Notice.State.SIGNED:
            return False
        update_row(mail, begun_at=now(), file=dict(file))
    return True


def record_refusal(pk: int, sentence: str, *, is_permanent: bool) -> None:
    """Record that the mail server refused an email and did not send it."""
    with transaction.atomic():
        NoticeMail.objects.filter(pk=pk).update(begun_at=None, file={})
        record_unsent(pk, sentence, is_permanent=is_permanent)


def record_unsent(pk: int, sentence: str, *, is_permanent: bool) -> None:
    """Record that an email was not sent: it may not be sent now, or the mail server could not be reached."""
    if is_permanent:
        steps.record_failure(NoticeMail, pk, sentence, retry=False)
    else:
        steps.postpone_by_id(NoticeMail, pk, now() + RETRY_DELAY, sentence)


def record_uncertain_delivery(pk: int) -> None:
    """Record that it is unknown whether the mail server accepted an email."""
    steps.record_failure(NoticeMail, pk, UNCERTAIN_DELIVERY_MESSAGE, retry=False)


def mark_pending_as_uncertain() -> None:
    """Mark every pending email as uncertain. After a restore, it is unknown what was sent since the backup."""
    pending_mails = NoticeMail.objects.filter(state__in=UNFINISHED)
    pending_mails.update(state=StepState.FAILED, error=UNCERTAIN_DELIVERY_MESSAGE, begun_at=Coalesce("begun_at", now()))


def delete_uncertain_mail(notice: Notice) -> None:
    """Delete an email with uncertain delivery after a member stated that it was not sent.

    The caller has locked its notice.

    Raises:
        InvalidRequestError: The notice has no email with uncertain delivery.
    """
    _lock_uncertain_mail(notice).delete()


def complete_uncertain_mail(notice: Notice) -> NoticeMail:
    """Complete an uncertain email after a member's statement that it was sent.

    Raises:
        InvalidRequestError: The delivery of no email of the notice is uncertain.
    """
    mail = _lock_uncertain_mail(notice)
    update_row(mail, state=StepState.DONE)
    return mail


def _lock_uncertain_mail(row: Notice) -> NoticeMail:
    mail = NoticeMail.objects.select_for_update(no_key=True).filter(notice=row).first()
    if mail is None or not has_uncertain_delivery(mail):
        raise InvalidRequestError(
            _("Notice %(number)d has no email with unknown sending status.") % {"number": row.number}
        )
    return mail
