"""Members of an owner, invitations, and API tokens."""

from smtplib import SMTPException

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _, ngettext

from desk.texts.sentences import in_words
from desk.web.account.roles import MEANS, NAMES
from desk.web.common.access import is_manager, parse_number, person_of
from desk.web.common.pages import (
    ErrorMessages,
    forbidden,
    manager_post,
    member_page,
    member_post,
    page_of,
    show,
    shows_secret,
)
from exhibit.clock import now
from exhibit.errors import ExhibitError
from registry.members import accounts, invitations, tokens
from registry.models import Owner, Scope
from registry.notifications.invitations import invite_by_mail

PERIODS = (7, 30, 90, 365)
"""Periods of validity offered for a token, in days."""


@member_page()
def list_members(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show the members and their roles. Managers can change them."""
    return _members(request, owner)


@manager_post()
@shows_secret
def invite(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """Invite a person by email. Without a mail server, the link is shown once instead."""
    email, role = request.POST.get("email", ""), request.POST.get("role", "")
    try:
        link = invite_by_mail(settings.CONFIG, owner, email, role, by=request.user.get_username())
    except ExhibitError as error:
        messages.error(request, in_words(error))
    except (OSError, SMTPException):
        messages.error(request, _("The email could not be sent, so no one was invited. Contact the operator."))
    else:
        if link:
            return _members(request, owner, link)
        messages.success(request, _("An invitation was sent to %(email)s.") % {"email": email.strip()})
    return redirect("members", slug=owner.slug)


@manager_post(back="members")
def revoke_invitation(request: HttpRequest, owner: Owner, invitation: int) -> str:
    """Revoke an open invitation."""
    invitations.revoke(owner, invitation, by=request.user.get_username())
    return _("The invitation was revoked.")


@manager_post(back="members")
def change_role(request: HttpRequest, owner: Owner, person: int) -> str:
    """Change a member's role."""
    row = accounts.change_role(owner, person, request.POST.get("role", ""), by=request.user.get_username())
    return _("The role of %(email)s was saved.") % {"email": row.user.email}


@manager_post(back="members")
def remove_member(request: HttpRequest, owner: Owner, person: int) -> str:
    """Remove a member."""
    row = accounts.remove_member(owner, person, by=request.user.get_username())
    return _("%(email)s is no longer a member.") % {"email": row.user.email}


@member_post(back="members")
def leave(request: HttpRequest, owner: Owner) -> HttpResponseBase | None:
    """Leave the owner."""
    if not request.POST.get("sure"):
        return None
    accounts.remove_member(owner, person_of(request).pk, by=request.user.get_username())
    messages.success(request, _("You are no longer a member of %(owner)s.") % {"owner": owner.name})
    return redirect("owners")


@member_page()
def list_tokens(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show the tokens of the owner's members, and a form to create one."""
    return _tokens(request, owner)


@member_post()
@shows_secret
def make_token(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """Create a token."""
    name, scopes = request.POST.get("name", ""), request.POST.getlist("scopes")
    days = parse_number(request.POST.get("days")) or 0
    with ErrorMessages(request):
        new_token, secret = tokens.create_token(owner, person_of(request), name=name, scopes=scopes, days=days)
        return _tokens(request, owner, made=new_token, secret=secret)
    return _tokens(request, owner, typed=request.POST)


@member_post(back="tokens")
def revoke_token(request: HttpRequest, owner: Owner, token: int) -> HttpResponse | str:
    """Revoke a token: one's own, or any for a manager."""
    if not is_manager(owner) and not tokens.list_tokens(owner).filter(pk=token, user=request.user.pk).exists():
        return forbidden(request)
    tokens.revoke(owner, token, by=request.user.get_username())
    return _("The API token was revoked.")


def _members(request: HttpRequest, owner: Owner, link: str = "") -> HttpResponse:
    values = {
        "page": page_of(request, accounts.list_members(owner)),
        "offered": NAMES.items(),
        "meanings": zip(NAMES.values(), MEANS.values(), strict=True),
        "manages": is_manager(owner),
        "invitations": invitations.list_open(owner),
        "link": link,
    }
    return show(request, owner, "web/members.html", values)


def _tokens(request: HttpRequest, owner: Owner, **extra: object) -> HttpResponse:
    permitted = tokens.list_permitted_scopes(owner, person_of(request))
    words = {days: ngettext("after %(days)s day", "after %(days)s days", days) for days in PERIODS}
    values = {
        "page": page_of(request, tokens.list_tokens(owner)),
        "manages": is_manager(owner),
        "scopes": [(scope.value, scope.label, scope is Scope.READ) for scope in Scope if scope in permitted],
        "periods": [(days, label % {"days": days}) for days, label in words.items()],
        "now": now(),
    }
    return show(request, owner, "web/tokens.html", values | extra)
