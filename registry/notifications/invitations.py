"""Invitations by email."""

from django.core.mail import send_mail
from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from exhibit.config.config import Config
from registry.accounts.models import Owner
from registry.members import accounts, invitations
from registry.services.addresses import build_absolute_url


def invite_by_mail(config: Config, owner: Owner, email: str, role: str, *, by: str) -> str:
    """Invite a user to an owner by email.

    The email is in the language of the invited user or, if unknown, in the language of the inviting user.

    Returns:
        The invitation link if no mail server is configured. Otherwise an empty string, because opening the
        emailed link proves that the address belongs to the user.

    Raises:
        InvalidRequestError: As in :func:`registry.members.invitations.create_invitation`.
        OSError: The mail server does not respond. No invitation is created.
        smtplib.SMTPException: The mail server refuses the email. No invitation is created.
    """
    with transaction.atomic():
        row, secret = invitations.create_invitation(owner, email, role, by=by)
        link = build_absolute_url(config, reverse("invitation", args=[secret]))
        with translation.override(accounts.get_language(row.email, by) or translation.get_language()):
            subject = _("%(by)s invites you to join %(owner)s") % {"by": by, "owner": owner.name}
            text = _(
                "%(by)s invites you to manage the works of %(owner)s in Exhibit.\n\nTo join, open this link. It "
                "can be used once, until %(until)s UTC:\n%(link)s\n\nIf you did not expect this invitation, ignore "
                "this email."
            ) % {"by": by, "owner": owner.name, "until": f"{row.expires_at:%Y-%m-%d %H:%M}", "link": link}
        send_mail(" ".join(subject.split()), text, None, [row.email])
    return "" if config.mail_url else link


def create_operator_link(config: Config, *, by: str) -> str:
    """Create the single-use link for becoming the operator. Earlier links become invalid."""
    return build_absolute_url(config, reverse("invitation", args=[invitations.invite_operator(by=by)]))
