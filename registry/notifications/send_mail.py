"""Delivery of digest emails to members."""

import logging
import smtplib
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction

from exhibit.clock import now
from exhibit.machine import describe_machine_fault
from exhibit.sentences import Sentence
from registry.db import steps
from registry.events import events, mail_choices
from registry.events.models import MailChoice
from registry.notifications.digests import build_digest
from registry.services.mail import REFUSALS, describe_error, is_permanent_error
from registry.services.services import Services

log = logging.getLogger(__name__)
NOT_ACCEPTED_ERROR = Sentence("The mail server did not accept the email.")

RETRY_DELAY, LONG_RETRY_DELAY = timedelta(minutes=10), timedelta(days=1)
"""Retry interval after a temporary refusal, and after a permanent one."""


def send_digests(services: Services, ids: Sequence[int]) -> None:
    """Send each email that is due. Once the server is unreachable, postpone the remaining emails without an attempt.

    An email may be sent twice if this process dies right after the server accepted it. Both have the same Message-ID.
    """
    is_unreachable = False
    for pk in steps.claim(MailChoice, ids, services.stale_after):
        row = MailChoice.objects.select_related("user", "owner").get(pk=pk)
        if not row.user.is_active or not row.owner.memberships.filter(user=row.user).exists():
            row.delete()
        elif row.mail_frequency == MailChoice.MailFrequency.NEVER:
            steps.postpone_by_id(MailChoice, pk, now())
        elif is_unreachable:
            steps.postpone_by_id(MailChoice, pk, now() + RETRY_DELAY, NOT_ACCEPTED_ERROR)
        else:
            is_unreachable = not _send_digest(services, row)


def _send_digest(services: Services, row: MailChoice) -> bool:
    """Send one email if there are new events. Return False if the server was unreachable."""
    new_events = events.list_events_after(row.owner, row.notified_until, mail_choices.REPORTED_KINDS)
    mail = build_digest(services, row, new_events) if new_events else None
    try:
        if mail is not None:
            mail.send()
    except REFUSALS as error:
        log.warning("An email to a member was rejected: %s", describe_error(error))
        steps.postpone_by_id(
            MailChoice,
            row.pk,
            now() + (LONG_RETRY_DELAY if is_permanent_error(error) else RETRY_DELAY),
            NOT_ACCEPTED_ERROR,
        )
        return True
    except (smtplib.SMTPException, OSError) as error:
        log.warning("An email to a member was not accepted: %s", describe_error(error))
        if fault := describe_machine_fault(error):
            steps.hold_up(MailChoice, [row.pk], fault)
        else:
            steps.postpone_by_id(MailChoice, row.pk, now() + RETRY_DELAY, NOT_ACCEPTED_ERROR)
        return False
    with transaction.atomic():
        last_event_id = new_events[-1].pk if new_events else row.notified_until
        MailChoice.objects.filter(pk=row.pk).update(notified_until=last_event_id)
        next_mail_at = mail_choices.compute_time_after_mail(row, last_event_id)
        if mail is not None:
            MailChoice.objects.filter(pk=row.pk).update(sent_at=now())
        elif row.mail_frequency == MailChoice.MailFrequency.AT_ONCE:
            next_mail_at = now()
        steps.postpone_by_id(MailChoice, row.pk, next_mail_at)
    return True
