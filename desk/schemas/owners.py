"""Owners, their members, invitations and tokens, and whoever lends a machine, as programs are told of them."""

from pydantic import Field

from desk.schemas.base import NOON, Answer, Moment
from exhibit.types import CaseDecision
from registry import models, scoped


class Owner(Answer):
    """A rights holder, with counts."""

    owner: str = Field(alias="slug", examples=["studio-example"])
    name: str = Field(examples=["Studio Example"])
    contact: str
    works: int
    watches: int
    open_cases: int
    members: int
    derived: bool = Field(description="Whether works derived from theirs are shown.")
    passkeys: bool = Field(description="Whether grave decisions have to be signed with a passkey.")
    web_archive: bool = Field(description="Whether a web archive is asked to save pages of confirmed cases, too.")
    sample: bool = Field(description="Whether it is an example to look around in: nothing of it is real.")

    @staticmethod
    def resolve_works(row: models.Owner) -> int:
        return scoped.works(row).count()

    @staticmethod
    def resolve_watches(row: models.Owner) -> int:
        return scoped.watches(row).count()

    @staticmethod
    def resolve_open_cases(row: models.Owner) -> int:
        return scoped.cases(row).filter(decision=CaseDecision.OPEN).count()

    @staticmethod
    def resolve_members(row: models.Owner) -> int:
        return row.memberships.count()


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


class EdgeTarget(Answer):
    """An address of a picture."""

    target: int = Field(alias="pk", description="Its number in results.", examples=[71])
    url: str = Field(examples=["https://shop.example/1.jpg"])
    page_url: str = Field(description="The page that shows it; empty when unknown.")


class EdgeLease(Answer):
    """What is to be done next. Nobody else asks its hosts meanwhile."""

    lease: int = Field(default=0, description="Its number; 0 when there is nothing to do.", examples=[12])
    epoch: int = Field(default=0, examples=[1])
    seconds: int = Field(default=30, description="How long it lasts, or after how long to ask again.", examples=[600])
    delay: float = Field(default=1.0, description="Seconds between two requests to one host.", examples=[1.0])
    contact: str = Field(default="", description="Stands in the user agent.")
    targets: list[EdgeTarget] = []


class Taken(Answer):
    """How many pictures were taken up. Nothing is told of what they show."""

    pictures: int = Field(examples=[48])


class Contributor(Answer):
    """Somebody who lends a machine."""

    name: str = Field(examples=["Ann's machine"])
    key: str = Field(description="Ed25519, hexadecimal; empty before it joins.")
    made_at: Moment = Field(examples=[NOON])
    used_at: Moment | None
    revoked_at: Moment | None
    reason: str = Field(description="Why it was thrown out, where its results were wrong.")
    pictures: int = Field(description="That count.", examples=[4_812])
    seconds: int = Field(examples=[2_112])
    checked: int = Field(description="For which a picture came here too.", examples=[97])
    wrong: int = Field(description="Of these, for which something else came; and broken deliveries.", examples=[2])

    @staticmethod
    def resolve_key(row: models.Contributor) -> str:
        return bytes(row.public_key or b"").hex()

    @staticmethod
    def resolve_seconds(row: models.Contributor) -> int:
        return round(row.seconds)


class Collection(Answer):
    """A named set of the owner's works."""

    number: int = Field(examples=[2])
    name: str = Field(examples=["Harbours"])
    works: int = Field(alias="count", description="How many are in it.", examples=[120])
    made_at: Moment = Field(examples=[NOON])


class BulkEdit(Answer):
    """A change of many works at once."""

    number: int = Field(examples=[3])
    at: Moment = Field(examples=[NOON])
    by: str = Field(examples=["ann@example.org"])
    what: str = Field(description="A field, or `put` or `take` of a collection.", examples=["author"])
    value: str = Field(examples=["A. Example"])
    reason: str
    state: str = Field(description="`todo`, `doing`, `done` or `failed`.", examples=["done"])
    works: int = Field(alias="count", description="How many were chosen.", examples=[120])
    looked_at: int = Field(description="Of these.", examples=[120])
    changed: int = Field(description="Of those looked at; the others say so already.", examples=[118])
    undoes: int | None = Field(alias="undoes.number", description="The change that it undoes.", examples=[2])
    may_be_undone: bool
    sentence: str = Field(examples=["Author: “A. Example”"])

    @staticmethod
    def resolve_sentence(row: models.BulkEdit) -> str:
        from desk.texts import ownership

        return ownership.bulk_in_words(row)
