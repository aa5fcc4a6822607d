"""Owners, their members, invitations and tokens, as programs are told of them."""

from datetime import datetime

from pydantic import Field

from desk.schemas.base import NOON, Answer
from desk.schemas.rows import Plain, fields
from registry import models
from registry.accounts import scoped


class Owner(Answer):
    """A rights holder, with counts."""

    owner: str = Field(examples=["studio-example"])
    name: str = Field(examples=["Studio Example"])
    contact: str
    works: int
    watches: int
    open_cases: int
    members: int


class Member(Answer):
    """A person who acts for the owner."""

    person: int = Field(examples=[7])
    email: str = Field(examples=["ann@example.org"])
    role: str = Field(description="`owner`, `reviewer` or `viewer`.", examples=["reviewer"])


class Invitation(Answer):
    """A person who may become a member."""

    number: int = Field(examples=[4])
    email: str = Field(examples=["bob@example.org"])
    role: str = Field(examples=["viewer"])
    by: str = Field(examples=["ann@example.org"])
    made_at: datetime = Field(examples=[NOON])
    expires_at: datetime = Field(examples=["2026-12-04T12:00:00.000000Z"])


class InvitationWithLink(Invitation):
    """An invitation as it was made."""

    link: str = Field(description="To pass on, where no mail is sent; else empty.")


class Token(Answer):
    """A key for programs; what it is was told when it was made."""

    number: int = Field(examples=[2])
    name: str = Field(examples=["Nightly export"])
    begins: str = Field(examples=["exh_3kPz2w"])
    email: str = Field(examples=["ann@example.org"])
    scopes: list[str] = Field(examples=[["read"]])
    made_at: datetime = Field(examples=[NOON])
    expires_at: datetime = Field(examples=["2027-02-18T12:00:00.000000Z"])
    used_at: datetime | None


def owner(row: models.Owner) -> Plain:
    """A rights holder with counts."""
    return {
        "owner": row.slug,
        **fields(row, "name contact"),
        "works": scoped.works(row).count(),
        "watches": scoped.watches(row).count(),
        "open_cases": scoped.cases(row).filter(decision=models.Case.Decision.OPEN).count(),
        "members": row.memberships.count(),
    }


def member(row: models.Membership) -> Plain:
    """A person who acts for an owner."""
    return {"person": row.user_id, "email": row.user.email, "role": row.role}


def invitation(row: models.Invitation) -> Plain:
    """A person who may become a member; the link is told once, elsewhere."""
    return {"number": row.pk, **fields(row, "email role by made_at expires_at")}


def token(row: models.ApiToken) -> Plain:
    """A key for programs; what it is was told once."""
    told = fields(row, "name begins scopes made_at expires_at used_at")
    return {"number": row.pk, "email": row.user.email, **told}
