"""What operators are told by mail."""

from django.core.mail import send_mail
from django.utils import translation
from django.utils.translation import gettext as _

from registry.accounts.models import User
from registry.members import people


def tell_of_address(address: str, *, by: str) -> None:
    """Tell every operator that somebody changed the public address, each in their language where it is known.

    Raises ``OSError`` or ``smtplib.SMTPException`` when the mail server doesn't answer, or take the mail.
    """
    for person in User.objects.filter(is_staff=True, is_active=True).exclude(email="").order_by("pk"):
        with translation.override(people.language_of(person.email, by) or translation.get_language()):
            subject = _("The public address of this site was changed")
            text = _(
                "%(by)s changed the public address under Settings of this site. After the next restart the links of "
                "all mails and documents begin with:\n\n%(address)s\n\n"
                "If nobody of you meant this, change it back before a restart, and have that person change the "
                "password."
            ) % {"by": by, "address": address or "–"}
        send_mail(subject, text, None, [person.email])
