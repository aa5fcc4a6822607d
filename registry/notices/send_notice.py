"""Delivery of signed notices by email, with exactly the signed bytes and the same Message-ID on every attempt."""

import contextlib
import smtplib
from collections.abc import Sequence
from functools import cached_property

from django.core.mail import EmailMessage, get_connection
from django.db import transaction

from exhibit.errors import ExhibitError, InvalidRequestError
from exhibit.types import Untyped
from registry.db import steps
from registry.db.fields import StoredFile
from registry.notices import mail, notices
from registry.notices.models import Notice, NoticeMail
from registry.notices.signing import PDF_NAME, TEXT_NAME, load_file, store_mail
from registry.services.mail import REFUSALS, describe_error, get_sender, is_permanent_error
from registry.services.services import Services


class StoredEmail(EmailMessage):
    """An email that is serialised once, so that the stored bytes equal the sent bytes."""

    @cached_property
    def _serialised_message(self) -> Untyped:
        return super().message()

    def message(self, **_: Untyped) -> Untyped:
        """Return the message for Django's email backends."""
        return self._serialised_message

    def to_bytes(self) -> bytes:
        """Return the message as sent over the wire."""
        return bytes(self._serialised_message.as_bytes(linesep="\r\n"))


def send_notices(services: Services, ids: Sequence[int]) -> None:
    """Send each pending notice at most once. If a server temporarily refuses it, retry later."""
    for pk in steps.claim(NoticeMail, ids, services.stale_after):
        _send(services, NoticeMail.objects.select_related("notice__owner").get(pk=pk))


def _send(services: Services, row: NoticeMail) -> None:
    if row.begun_at is not None:  # The process that sent it ended before it recorded the result.
        mail.record_uncertain_delivery(row.pk)
        return
    if row.notice.state != Notice.State.SIGNED:
        steps.finish(NoticeMail, [row.pk])
        return
    try:
        message = _build_message(services, row)
    except ExhibitError as error:  # An image in the letter was reported or removed after signing.
        mail.record_unsent(row.pk, error.sentence, is_permanent=True)
        return
    server = get_connection()
    try:
        server.open()
    except (OSError, smtplib.SMTPException) as error:
        mail.record_unsent(row.pk, describe_error(error), is_permanent=False)
        return
    try:
        with steps.guard_processing(NoticeMail, [row.pk]):
            _hand_over(services, row, server, message)
    finally:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.close()


def _hand_over(services: Services, row: NoticeMail, server: Untyped, message: StoredEmail) -> None:
    """Send an email to the mail server, at most once. Postpone it if one of the notice's cases was paused meanwhile."""
    try:
        file = _record_handover(services, row, message)
    except InvalidRequestError as error:
        mail.record_unsent(row.pk, error.sentence, is_permanent=False)
        return
    try:
        if file is not None:
            server.send_messages([message])
            with transaction.atomic():
                notices.record_sent(row.notice, "mail", by=row.by, files=[file])
                steps.finish(NoticeMail, [row.pk])
    except REFUSALS as error:
        mail.record_refusal(row.pk, describe_error(error), is_permanent=is_permanent_error(error))
    except (OSError, smtplib.SMTPException):
        mail.record_uncertain_delivery(row.pk)


def _record_handover(services: Services, row: NoticeMail, message: StoredEmail) -> StoredFile | None:
    """Record that an email is now being sent, and store its bytes; return None if it may not be sent.

    Raises:
        InvalidRequestError: A case of the notice is paused.
    """
    with transaction.atomic():
        notices.check_not_paused(notices.lock_cases(row.notice))
        file = store_mail(services, message.to_bytes())
        return file if mail.record_handover(row.pk, file) else None


def _build_message(services: Services, row: NoticeMail) -> StoredEmail:
    notice = row.notice
    text, pdf = load_file(services, notice, TEXT_NAME), load_file(services, notice, PDF_NAME)
    assert text is not None
    assert pdf is not None
    subject, _, body = text[0].decode().partition("\n\n")
    message = StoredEmail(
        subject=subject,
        body=body,
        from_email=get_sender(services.config),
        to=[row.to],
        reply_to=[str(notice.fields["sender_email"])],
        headers={"Message-ID": row.message_id},
    )
    message.attach(f"notice-{notice.number}.pdf", pdf[0], "application/pdf")
    for file in notice.files:
        if file["name"] not in (TEXT_NAME, PDF_NAME) and (content := load_file(services, notice, file["name"])):
            message.attach(file["name"], *content)
    return message
