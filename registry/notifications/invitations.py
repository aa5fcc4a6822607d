"""Invitations by mail."""

from django.core.mail import send_mail
from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from exhibit.config.config import Config
from registry.accounts.models import Owner
from registry.members import invitations, people
from registry.services.addresses import absolute


def invite(config: Config, owner: Owner, email: str, role: str, *, by: str) -> str:
    """Invite a person to an owner, by mail; returns the link where no mail is sent and somebody has to pass it on.

    The mail is in the language of the person, or of who invites, where it is known.
    Else the text is empty, since the link shows that the address is the person's. Raises ``WrongUseError`` as
    :func:`registry.members.invitations.invite` does, and ``OSError`` or ``smtplib.SMTPException`` when the mail server
    doesn't answer, or take the mail; nobody is invited then.
    """
    with transaction.atomic():
        row, secret = invitations.invite(owner, email, role, by=by)
        link = absolute(config, reverse("invitation", args=[secret]))
        with translation.override(people.language_of(row.email, by) or translation.get_language()):
            subject = _("%(by)s invites you to %(owner)s") % {"by": by, "owner": owner.name}
            text = _(
                "%(by)s invites you to look after the works of %(owner)s with Exhibit.\n\n"
                "This link lets you in, once, until %(until)s UTC:\n%(link)s\n\n"
                "If you don't know what this is about, do nothing."
            ) % {"by": by, "owner": owner.name, "until": f"{row.expires_at:%Y-%m-%d %H:%M}", "link": link}
        send_mail(" ".join(subject.split()), text, None, [row.email])
    return "" if config.mail_url else link


def operator_link(config: Config, *, by: str) -> str:
    """Make the one-time link with which somebody becomes the operator; earlier ones are of no use any more."""
    return absolute(config, reverse("invitation", args=[invitations.invite_operator(by=by)]))
