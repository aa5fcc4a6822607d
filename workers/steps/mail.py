"""Mail to members about what happened."""

import logging
import smtplib
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction

from exhibit.clock import now
from registry import events, mail_choices, steps
from registry.models import MailChoice
from workers.digests import digest_mail
from workers.wiring import House

AGAIN = timedelta(minutes=10)
"""Until a server of mail that didn't take one is asked again."""


def send_digests(house: House, ids: Sequence[int]) -> None:
    """Send each mail that is due. One that a server has taken may come twice, when this process dies at that moment."""
    for pk in steps.claim(MailChoice, ids, house.stale_after):
        row = MailChoice.objects.select_related("user", "owner").get(pk=pk)
        if not row.user.is_active or not row.owner.memberships.filter(user=row.user).exists():
            row.delete()
            continue
        if row.how_often == MailChoice.HowOften.NEVER:
            steps.wait(MailChoice, pk, now())
            continue
        told = events.after(row.owner, row.told_until, mail_choices.TOLD)
        mail = digest_mail(house, row, told) if told else None
        try:
            if mail is not None:
                mail.send()
        except (smtplib.SMTPException, OSError) as error:
            logging.getLogger(__name__).warning("A mail to a member wasn't taken: %s", error)
            steps.wait(MailChoice, pk, now() + AGAIN, "The mail server didn't take it.")
            continue
        with transaction.atomic():
            if told:
                MailChoice.objects.filter(pk=pk).update(told_until=told[-1].pk)
            if mail is not None:
                MailChoice.objects.filter(pk=pk).update(sent_at=now())
            until = mail_choices.next_mail(row.user, row.how_often, house.config.time_zone)
            steps.wait(MailChoice, pk, until)
