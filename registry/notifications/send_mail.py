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
from registry.notifications.digests import digest_mail
from registry.services.mail import REFUSALS, is_final, words_of
from registry.services.services import Services

log = logging.getLogger(__name__)
NOT_TAKEN = Sentence("The mail server did not accept the email.")

AGAIN, MUCH_LATER = timedelta(minutes=10), timedelta(days=1)
"""Retry interval after a temporary refusal, and after a permanent one."""


def send_digests(services: Services, ids: Sequence[int]) -> None:
    """Send each email that is due. If the server is unreachable, the others are postponed without trying.

    An email may be sent twice if this process dies right after the server accepted it. Both have the same Message-ID.
    """
    down = False
    for pk in steps.claim(MailChoice, ids, services.stale_after):
        row = MailChoice.objects.select_related("user", "owner").get(pk=pk)
        if not row.user.is_active or not row.owner.memberships.filter(user=row.user).exists():
            row.delete()
        elif row.how_often == MailChoice.HowOften.NEVER:
            steps.wait(MailChoice, pk, now())
        elif down:
            steps.wait(MailChoice, pk, now() + AGAIN, NOT_TAKEN)
        else:
            down = not _send(services, row)


def _send(services: Services, row: MailChoice) -> bool:
    """Send one email if there is news. Return False if the server was unreachable."""
    new_events = events.after(row.owner, row.told_until, mail_choices.TOLD)
    mail = digest_mail(services, row, new_events) if new_events else None
    try:
        if mail is not None:
            mail.send()
    except REFUSALS as error:
        log.warning("A mail to a member was refused: %s", words_of(error))
        steps.wait(MailChoice, row.pk, now() + (MUCH_LATER if is_final(error) else AGAIN), NOT_TAKEN)
        return True
    except (smtplib.SMTPException, OSError) as error:
        log.warning("A mail to a member wasn't taken: %s", words_of(error))
        if fault := machine_fault(error):
            steps.hold_up(MailChoice, [row.pk], fault)
        else:
            steps.wait(MailChoice, row.pk, now() + AGAIN, NOT_TAKEN)
        return False
    with transaction.atomic():
        told_until = new_events[-1].pk if new_events else row.told_until
        MailChoice.objects.filter(pk=row.pk).update(told_until=told_until)
        until = mail_choices.after_mail(row, told_until)
        if mail is not None:
            MailChoice.objects.filter(pk=row.pk).update(sent_at=now())
        elif row.how_often == MailChoice.HowOften.AT_ONCE:
            until = now()
        steps.wait(MailChoice, row.pk, until)
    return True
