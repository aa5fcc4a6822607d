"""Owners, members, invitations and API tokens."""

from smtplib import SMTPException

from django.conf import settings
from ninja import Router
from pydantic import Field

from desk.api.common.auth import MANAGE, Call, get_request_owner
from desk.api.common.idempotency import make_idempotent
from desk.api.common.pagination import Cursor, Limit, get_page
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
    """List the owners that you can access: the owner of the API token, or all of your owners if you are signed in."""
    return get_page(request.auth.owners, schemas.Owner, cursor, limit)


OWNER_PATH = "/owners/{slug:owner}"
INVITATIONS_PATH, MEMBER_PATH = OWNER_PATH + "/invitations", OWNER_PATH + "/members/{int:person}"


@router.get(OWNER_PATH, response=schemas.Owner)
def get_owner(request: Call, owner: str) -> schemas.Owner:
    """Get an owner."""
    return schemas.Owner.from_row(get_request_owner(request))


class NewInvitation(requests.RequestBody):
    """An invitation to send."""

    email: str = Field(
        min_length=3,
        max_length=254,
        pattern=requests.NONEMPTY_LINE_PATTERN,
        examples=["bob@example.org"],
        description="Email address to invite.",
    )
    role: Role = Field(Role.VIEWER, description="Role of the future member.")


class NewRole(requests.RequestBody):
    """A member's new role."""

    role: Role = Field(description="New role of the member.")


@member_router.get(OWNER_PATH + "/members", response=Page[schemas.Member])
def list_members(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Member]:
    """List members and their roles."""
    return get_page(accounts.list_members(get_request_owner(request)), schemas.Member, cursor, limit)


@member_router.post(MEMBER_PATH + "/role", response=schemas.Member, auth=MANAGE)
@make_idempotent
def change_role(request: Call, owner: str, person: int, new: NewRole) -> schemas.Member:
    """Change a member's role. At least one member must keep the role `owner`."""
    return schemas.Member.from_row(
        accounts.change_role(get_request_owner(request), person, new.role, by=request.auth.by)
    )


@member_router.delete(MEMBER_PATH, response={204: None}, auth=MANAGE)
def remove_member(request: Call, owner: str, person: int) -> None:
    """Remove a member. Their API tokens are revoked; their decisions remain."""
    accounts.remove_member(get_request_owner(request), person, by=request.auth.by)


@member_router.get(INVITATIONS_PATH, response=Page[schemas.Invitation], auth=MANAGE)
def list_invitations(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Invitation]:
    """List pending invitations."""
    return get_page(invitations.list_open_invitations(get_request_owner(request)), schemas.Invitation, cursor, limit)


@member_router.post(INVITATIONS_PATH, response={201: schemas.InvitationWithLink}, auth=MANAGE)
def invite_member(request: Call, owner: str, new: NewInvitation) -> schemas.InvitationWithLink:
    """Invite a new member by email. If no mail server is configured, the link is returned instead.

    The link is returned only once, so the operation does not accept an idempotency key.
    """
    owner_row, by = get_request_owner(request), request.auth.by
    try:
        link = invite_by_mail(settings.CONFIG, owner_row, new.email, new.role, by=by)
    except (OSError, SMTPException) as error:
        sentence = "The email could not be sent, so no invitation was created."
        raise ServiceMissingError(sentence, hint="Contact the operator.") from error
    row = invitations.list_open_invitations(owner_row).get(email=new.email.strip().lower())
    return schemas.InvitationWithLink.from_row(row, link=link)


INVITATION_PATH, TOKEN_PATH = INVITATIONS_PATH + "/{int:invitation}", OWNER_PATH + "/tokens/{int:token}"


@member_router.delete(INVITATION_PATH, response={204: None}, auth=MANAGE)
def revoke_invitation(request: Call, owner: str, invitation: int) -> None:
    """Revoke a pending invitation."""
    invitations.revoke_invitation(get_request_owner(request), invitation, by=request.auth.by)


@member_router.get(OWNER_PATH + "/tokens", response=Page[schemas.Token], auth=MANAGE)
def list_tokens(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Token]:
    """List API tokens of the members. Members create them on their account page."""
    return get_page(tokens.list_tokens(get_request_owner(request)), schemas.Token, cursor, limit)


@member_router.delete(TOKEN_PATH, response={204: None}, auth=MANAGE)
def revoke_token(request: Call, owner: str, token: int) -> None:
    """Revoke an API token with immediate effect."""
    tokens.revoke_token(get_request_owner(request), token, by=request.auth.by)
