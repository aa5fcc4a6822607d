"""What answers about members, invitations and tokens look like."""

from datetime import datetime

from pydantic import Field

from desk.api.answers import NOON, Answer


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
