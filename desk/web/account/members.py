"""Members of an owner, invitations, and API tokens."""

from smtplib import SMTPException

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _, ngettext

from desk.texts.sentences import in_words
from desk.web.account.roles import ROLE_DESCRIPTIONS, ROLE_NAMES
from desk.web.common.access import get_user, is_manager, parse_number
from desk.web.common.pages import (
    ErrorMessages,
    get_page,
    manager_post,
    member_page,
    member_post,
    render_forbidden,
    render_page,
    secret_view,
)
from exhibit.clock import now
from exhibit.errors import ExhibitError
from registry.members import accounts, invitations, tokens
from registry.models import Owner, Scope
from registry.notifications.invitations import invite_by_mail

PERIOD_DAYS = (7, 30, 90, 365)
"""Periods of validity offered for an API token, in days."""


@member_page()
def list_members(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show the members and their roles. Managers can change them."""
    return _render_members(request, owner)


@manager_post()
@secret_view
def invite(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """Invite a new member by email. Without a mail server, show the invitation link once instead."""
    email, role = request.POST.get("email", ""), request.POST.get("role", "")
    try:
        link = invite_by_mail(settings.CONFIG, owner, email, role, by=request.user.get_username())
    except ExhibitError as error:
        messages.error(request, in_words(error))
    except (OSError, SMTPException):
        messages.error(request, _("The email could not be sent, so no one was invited. Contact the operator."))
    else:
        if link:
            return _render_members(request, owner, link)
        messages.success(request, _("An invitation was sent to %(email)s.") % {"email": email.strip()})
    return redirect("members", slug=owner.slug)


@manager_post(back="members")
def revoke_invitation(request: HttpRequest, owner: Owner, invitation: int) -> str:
    """Revoke an open invitation."""
    invitations.revoke_invitation(owner, invitation, by=request.user.get_username())
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
def leave_owner(request: HttpRequest, owner: Owner) -> HttpResponseBase | None:
    """End the user's own membership."""
    if not request.POST.get("sure"):
        return None
    accounts.remove_member(owner, get_user(request).pk, by=request.user.get_username())
    messages.success(request, _("You are no longer a member of %(owner)s.") % {"owner": owner.name})
    return redirect("owners")


@member_page()
def list_tokens(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show the API tokens of the owner's members, and a form to create one."""
    return _render_tokens(request, owner)


@member_post()
@secret_view
def make_token(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """Create an API token and show it once."""
    name, scopes = request.POST.get("name", ""), request.POST.getlist("scopes")
    days = parse_number(request.POST.get("days")) or 0
    with ErrorMessages(request):
        new_token, secret = tokens.create_token(owner, get_user(request), name=name, scopes=scopes, days=days)
        return _render_tokens(request, owner, made=new_token, secret=secret)
    return _render_tokens(request, owner, typed=request.POST)


@member_post(back="tokens")
def revoke_token(request: HttpRequest, owner: Owner, token: int) -> HttpResponse | str:
    """Revoke an API token. Only managers can revoke tokens of other members."""
    if not is_manager(owner) and not tokens.list_tokens(owner).filter(pk=token, user=request.user.pk).exists():
        return render_forbidden(request)
    tokens.revoke_token(owner, token, by=request.user.get_username())
    return _("The API token was revoked.")


def _render_members(request: HttpRequest, owner: Owner, link: str = "") -> HttpResponse:
    values = {
        "page": get_page(request, accounts.list_members(owner)),
        "offered": ROLE_NAMES.items(),
        "meanings": zip(ROLE_NAMES.values(), ROLE_DESCRIPTIONS.values(), strict=True),
        "manages": is_manager(owner),
        "invitations": invitations.list_open_invitations(owner),
        "link": link,
    }
    return render_page(request, owner, "web/members.html", values)


def _render_tokens(request: HttpRequest, owner: Owner, **extra: object) -> HttpResponse:
    permitted = tokens.list_permitted_scopes(owner, get_user(request))
    templates = {days: ngettext("after %(days)s day", "after %(days)s days", days) for days in PERIOD_DAYS}
    values = {
        "page": get_page(request, tokens.list_tokens(owner)),
        "manages": is_manager(owner),
        "scopes": [(scope.value, scope.label, scope is Scope.READ) for scope in Scope if scope in permitted],
        "periods": [(days, label % {"days": days}) for days, label in templates.items()],
        "now": now(),
    }
    return render_page(request, owner, "web/tokens.html", values | extra)
