"""Owners, their members, invitations and tokens, as programs are told of them."""

from typing import Annotated

from pydantic import Field

from desk.schemas.base import NOON, Answer, From, Moment
from exhibit.types import CaseDecision
from registry.accounts import scoped


class Owner(Answer):
    """A rights holder, with counts."""

    owner: str = Field(alias="slug", examples=["studio-example"])
    name: str = Field(examples=["Studio Example"])
    contact: str
    works: Annotated[int, From(lambda row: scoped.works(row).count())]
    watches: Annotated[int, From(lambda row: scoped.watches(row).count())]
    open_cases: Annotated[int, From(lambda row: scoped.cases(row).filter(decision=CaseDecision.OPEN).count())]
    members: Annotated[int, From(lambda row: row.memberships.count())]
    derived: bool = Field(description="Whether works derived from theirs are shown.")


class Member(Answer):
    """A person who acts for the owner."""

    person: int = Field(alias="user_id", examples=[7])
    email: str = Field(alias="user.email", examples=["ann@example.org"])
    role: str = Field(description="`owner`, `reviewer` or `viewer`.", examples=["reviewer"])


class Invitation(Answer):
    """A person who may become a member."""

    number: int = Field(alias="pk", examples=[4])
    email: str = Field(examples=["bob@example.org"])
    role: str = Field(examples=["viewer"])
    by: str = Field(examples=["ann@example.org"])
    made_at: Moment = Field(examples=[NOON])
    expires_at: Moment = Field(examples=["2026-12-04T12:00:00.000000Z"])


class InvitationWithLink(Invitation):
    """An invitation as it was made."""

    link: str = Field(description="To pass on, where no mail is sent; else empty.")


class Token(Answer):
    """A key for programs; what it is was told when it was made."""

    number: int = Field(alias="pk", examples=[2])
    name: str = Field(examples=["Nightly export"])
    begins: str = Field(examples=["exh_3kPz2w"])
    email: str = Field(alias="user.email", examples=["ann@example.org"])
    scopes: list[str] = Field(examples=[["read"]])
    made_at: Moment = Field(examples=[NOON])
    expires_at: Moment = Field(examples=["2027-02-18T12:00:00.000000Z"])
    used_at: Moment | None
