"""The owners whom a caller may act for, their members and invitations, and the tokens of programs."""

from smtplib import SMTPException

from django.conf import settings
from pydantic import Field

from desk.api.common.auth import MANAGE, Call, of
from desk.api.common.resource import Cursor, Limit, Resource, page
from desk.schemas import owners as schemas, requests
from desk.schemas.base import Piece
from exhibit.errors import ServiceMissingError
from registry.accounts import invitations, people, scoped, tokens
from registry.models import Owner, Role
from workers.notify.invitations import invite

router = Resource("owners")
member_router = Resource("members")


@router.get("/owners")
def list_owners(request: Call, cursor: Cursor = "", limit: Limit = 50) -> Piece[schemas.Owner]:
    """The owners whom the caller may act for: a token's one, or all of a signed-in member."""
    actor = request.auth
    rows = scoped.owners_of(actor.user) if actor.reach is None else Owner.objects.filter(pk=actor.reach.pk)
    return page(rows, schemas.Owner, cursor, limit)


OWNER = "/owners/{slug:owner}"
INVITATIONS, PERSON = OWNER + "/invitations", OWNER + "/members/{int:person}"

router.shows(OWNER, "get_owner", schemas.Owner, lambda owner: owner, "One owner.")


class NewInvitation(requests.Given):
    """Somebody who is to be a member."""

    email: str = Field(min_length=3, max_length=254, pattern=requests.IN_LINE_SOMETHING, examples=["bob@example.org"])
    role: Role = Role.VIEWER


class NewRole(requests.Given):
    """Another role of a member."""

    role: Role


WHO = "Who acts for the owner, and in which role."
member_router.lists(OWNER + "/members", "list_members", schemas.Member, people.members, WHO)


@member_router.post(PERSON + "/role", MANAGE)
def change_role(request: Call, person: int, new: NewRole) -> schemas.Member:
    """Give a member another role. Somebody is always left in the role of owner."""
    return schemas.Member.from_row(people.change_role(of(request), person, new.role, by=request.auth.by))


GONE = "Let a person be a member no more: their tokens end, what they decided stays."
member_router.removes(PERSON, "remove_member", people.remove_member, GONE, auth=MANAGE)

OPEN = "The invitations that can still be accepted."
member_router.lists(INVITATIONS, "list_invitations", schemas.Invitation, invitations.open_ones, OPEN, MANAGE)


@member_router.post(INVITATIONS, MANAGE, 201, keyed=False)
def invite_member(request: Call, new: NewInvitation) -> schemas.InvitationWithLink:
    """Invite a person by mail. Without a mail server the link is told instead, this once, and kept with no answer."""
    to, by = of(request), request.auth.by
    try:
        link = invite(settings.CONFIG, to, new.email, new.role, by=by)
    except (OSError, SMTPException) as error:
        sentence = "The mail couldn't be sent, so nobody was invited."
        raise ServiceMissingError(sentence, hint="Ask the operator.") from error
    row = invitations.open_ones(to).get(email=new.email.strip().lower())
    return schemas.InvitationWithLink.from_row(row, link=link)


INVITATION, TOKEN = INVITATIONS + "/{int:invitation}", OWNER + "/tokens/{int:token}"
BACK = "Take an open invitation back."
member_router.removes(INVITATION, "revoke_invitation", invitations.revoke, BACK, auth=MANAGE)

THEIRS = "The tokens of the members; a person makes them on the page of the account."
member_router.lists(OWNER + "/tokens", "list_tokens", schemas.Token, tokens.tokens_of, THEIRS, MANAGE)
REVOKED = "Let a token be valid no more, from the next request on."
member_router.removes(TOKEN, "revoke_token", tokens.revoke, REVOKED, auth=MANAGE)
