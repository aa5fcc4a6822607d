"""Emails to operators."""

from django.core.mail import send_mail
from django.utils import translation
from django.utils.translation import gettext as _

from registry.accounts.models import User
from registry.members import accounts


def notify_of_address_change(address: str, *, by: str) -> None:
    """Notify every operator that the public address was changed, each in their preferred language if it is known.

    Raises:
        OSError: The mail server does not respond.
        smtplib.SMTPException: The mail server refuses an email.
    """
    for operator in User.objects.filter(is_staff=True, is_active=True).exclude(email="").order_by("pk"):
        with translation.override(accounts.get_language(operator.email, by) or translation.get_language()):
            subject = _("The public URL of this installation was changed")
            text = _(
                "%(by)s changed the public URL in the settings of this installation. After the next restart, "
                "the links in all emails and documents start with:\n\n%(address)s\n\nIf none of the operators "
                "intended this change, reverse it before the next restart, and ask that person to change their "
                "password."
            ) % {"by": by, "address": address or "–"}
        send_mail(subject, text, None, [operator.email])
