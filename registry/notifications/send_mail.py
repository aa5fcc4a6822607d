"""Delivery of digest emails to members."""

import logging
import smtplib
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction

from exhibit.clock import now
from exhibit.machine import machine_fault
from exhibit.sentences import Sentence
from registry.db import steps
from registry.events import events, mail_choices
from registry.events.models import MailChoice
from registry.notifications.digests import build_digest
from registry.services.mail import REFUSALS, error_text, is_final
from registry.services.services import Services

log = logging.getLogger(__name__)
NOT_ACCEPTED = Sentence("The mail server did not accept the email.")

RETRY_DELAY, LONG_RETRY_DELAY = timedelta(minutes=10), timedelta(days=1)
"""Retry interval after a temporary refusal, and after a permanent one."""


def send_digests(services: Services, ids: Sequence[int]) -> None:
    """Send each email that is due. If the server is unreachable, the others are postponed without trying.

    An email may be sent twice if this process dies right after the server accepted it. Both have the same Message-ID.
    """
    is_unreachable = False
    for pk in steps.claim(MailChoice, ids, services.stale_after):
        row = MailChoice.objects.select_related("user", "owner").get(pk=pk)
        if not row.user.is_active or not row.owner.memberships.filter(user=row.user).exists():
            row.delete()
        elif row.how_often == MailChoice.HowOften.NEVER:
            steps.wait(MailChoice, pk, now())
        elif is_unreachable:
            steps.wait(MailChoice, pk, now() + RETRY_DELAY, NOT_ACCEPTED)
        else:
            is_unreachable = not _send(services, row)


def _send(services: Services, row: MailChoice) -> bool:
    """Send one email if there is news. Return False if the server was unreachable."""
    new_events = events.list_after(row.owner, row.told_until, mail_choices.REPORTED_KINDS)
    mail = build_digest(services, row, new_events) if new_events else None
    try:
        if mail is not None:
            mail.send()
    except REFUSALS as error:
        log.warning("A mail to a member was refused: %s", error_text(error))
        steps.wait(MailChoice, row.pk, now() + (LONG_RETRY_DELAY if is_final(error) else RETRY_DELAY), NOT_ACCEPTED)
        return True
    except (smtplib.SMTPException, OSError) as error:
        log.warning("A mail to a member wasn't taken: %s", error_text(error))
        if fault := machine_fault(error):
            steps.hold_up(MailChoice, [row.pk], fault)
        else:
            steps.wait(MailChoice, row.pk, now() + RETRY_DELAY, NOT_ACCEPTED)
        return False
    with transaction.atomic():
        told_until = new_events[-1].pk if new_events else row.told_until
        MailChoice.objects.filter(pk=row.pk).update(told_until=told_until)
        next_mail_at = mail_choices.after_mail(row, told_until)
        if mail is not None:
            MailChoice.objects.filter(pk=row.pk).update(sent_at=now())
        elif row.how_often == MailChoice.HowOften.AT_ONCE:
            next_mail_at = now()
        steps.wait(MailChoice, row.pk, next_mail_at)
    return True
