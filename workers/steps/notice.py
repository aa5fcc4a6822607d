"""Sending signed notices by mail: the bytes that were signed, with the same message id each time it is tried."""

import smtplib
from collections.abc import Sequence

from django.core.mail import EmailMessage

from registry import notices, steps
from registry.models import Notice, NoticeMail
from workers.mail import sender
from workers.notices.signing import PDF_NAME, TEXT_NAME, file_of, keep_mail
from workers.wiring import House


def send_notices(house: House, ids: Sequence[int]) -> None:
    """Send each mail that waits; a server that doesn't take it is asked again later."""
    for pk in steps.claim(NoticeMail, ids, house.stale_after):
        row = NoticeMail.objects.select_related("notice__owner").get(pk=pk)
        if row.notice.state != Notice.State.SIGNED:
            steps.finish(NoticeMail, [pk])
            continue
        message = _message(house, row)
        try:
            message.send()
        except smtplib.SMTPRecipientsRefused:
            steps.fail(NoticeMail, pk, f"The mail server refuses the address {row.to}.", retry=False)
            continue
        except (OSError, smtplib.SMTPException) as error:
            steps.fail(NoticeMail, pk, f"The mail server didn't take it: {error}", retry=True)
            continue
        kept = keep_mail(house, message.message().as_bytes())
        notices.keep_sent(row.notice, "mail", by=row.by, files=[kept])
        steps.finish(NoticeMail, [pk])


def _message(house: House, row: NoticeMail) -> EmailMessage:
    notice = row.notice
    text, pdf = file_of(house, notice, TEXT_NAME), file_of(house, notice, PDF_NAME)
    assert text is not None
    assert pdf is not None
    subject, _, body = text[0].decode().partition("\n\n")
    reply = str(notice.fields.get("sender_email", ""))
    message = EmailMessage(
        subject=subject,
        body=body,
        from_email=sender(house.config),
        to=[row.to],
        reply_to=[reply] if reply else None,
        headers={"Message-ID": row.message_id},
    )
    message.attach(f"notice-{notice.number}.pdf", pdf[0], "application/pdf")
    return message
