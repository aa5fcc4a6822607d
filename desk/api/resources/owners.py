"""Owners, members, invitations and API tokens."""

from smtplib import SMTPException

from django.conf import settings
from ninja import Router
from pydantic import Field

from desk.api.common.auth import MANAGE, Call, of
from desk.api.common.idempotency import once
from desk.api.common.pagination import Cursor, Limit, page
from desk.schemas import owners as schemas, requests
from desk.schemas.base import Page
from exhibit.errors import ServiceMissingError
from registry.members import accounts, invitations, tokens
from registry.models import Role
from registry.notifications.invitations import invite_by_mail

router = Router(tags=["owners"])
member_router = Router(tags=["members"])


@router.get("/owners", response=Page[schemas.Owner])
def list_owners(request: Call, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Owner]:
    """List the owners that you can access: one with a token, all of your owners when signed in."""
    return page(request.auth.owners, schemas.Owner, cursor, limit)


OWNER = "/owners/{slug:owner}"
INVITATIONS, PERSON = OWNER + "/invitations", OWNER + "/members/{int:person}"


@router.get(OWNER, response=schemas.Owner)
def get_owner(request: Call, owner: str) -> schemas.Owner:
    """Get an owner."""
    return schemas.Owner.from_row(of(request))


class NewInvitation(requests.RequestBody):
    """A person to invite."""

    email: str = Field(
        min_length=3,
        max_length=254,
        pattern=requests.IN_LINE_SOMETHING,
        examples=["bob@example.org"],
        description="Email address of the person.",
    )
    role: Role = Field(Role.VIEWER, description="Role of the future member.")


class NewRole(requests.RequestBody):
    """A member's new role."""

    role: Role


@member_router.get(OWNER + "/members", response=Page[schemas.Member])
def list_members(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Member]:
    """List members and their roles."""
    return page(accounts.list_members(of(request)), schemas.Member, cursor, limit)


@member_router.post(PERSON + "/role", response=schemas.Member, auth=MANAGE)
@once
def change_role(request: Call, owner: str, person: int, new: NewRole) -> schemas.Member:
    """Change a member's role. At least one member must keep the role `owner`."""
    return schemas.Member.from_row(accounts.change_role(of(request), person, new.role, by=request.auth.by))


@member_router.delete(PERSON, response={204: None}, auth=MANAGE)
def remove_member(request: Call, owner: str, person: int) -> None:
    """Remove a member. Their tokens are revoked; their decisions stay."""
    accounts.remove_member(of(request), person, by=request.auth.by)


@member_router.get(INVITATIONS, response=Page[schemas.Invitation], auth=MANAGE)
def list_invitations(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Invitation]:
    """List pending invitations."""
    return page(invitations.list_open(of(request)), schemas.Invitation, cursor, limit)


@member_router.post(INVITATIONS, response={201: schemas.InvitationWithLink}, auth=MANAGE)
def invite_member(request: Call, owner: str, new: NewInvitation) -> schemas.InvitationWithLink:
    """Invite a person by email. Without a mail server, the link is returned once, so no idempotency key is taken."""
    to, by = of(request), request.auth.by
    try:
        link = invite_by_mail(settings.CONFIG, to, new.email, new.role, by=by)
    except (OSError, SMTPException) as error:
        sentence = "The mail couldn't be sent, so nobody was invited."
        raise ServiceMissingError(sentence, hint="Ask the operator.") from error
    row = invitations.list_open(to).get(email=new.email.strip().lower())
    return schemas.InvitationWithLink.from_row(row, link=link)


INVITATION, TOKEN = INVITATIONS + "/{int:invitation}", OWNER + "/tokens/{int:token}"


@member_router.delete(INVITATION, response={204: None}, auth=MANAGE)
def revoke_invitation(request: Call, owner: str, invitation: int) -> None:
    """Revoke a pending invitation."""
    invitations.revoke(of(request), invitation, by=request.auth.by)


@member_router.get(OWNER + "/tokens", response=Page[schemas.Token], auth=MANAGE)
def list_tokens(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Token]:
    """List API tokens of the members. Members create them on their account page."""
    return page(tokens.list_tokens(of(request)), schemas.Token, cursor, limit)


@member_router.delete(TOKEN, response={204: None}, auth=MANAGE)
def revoke_token(request: Call, owner: str, token: int) -> None:
    """Revoke an API token, effective immediately."""
    tokens.revoke(of(request), token, by=request.auth.by)
