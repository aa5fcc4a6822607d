"""Responses about owners, members, invitations, API tokens and contributors."""

from pydantic import Field

from desk.schemas.base import NOON, Answer, Moment
from exhibit.types import CaseDecision
from registry import models, scoped


class Owner(Answer):
    """A rights holder with counts."""

    owner: str = Field(alias="slug", examples=["studio-example"], description="Short name, used in URLs and commands.")
    name: str = Field(examples=["Studio Example"])
    contact: str = Field(description="Contact address for documents.")
    works: int = Field(description="Number of works.")
    watches: int = Field(description="Number of watches.")
    open_cases: int = Field(description="Number of open cases.")
    members: int = Field(description="Number of members.")
    derived_works: bool = Field(alias="derived", description="Whether works derived from the owner's works are shown.")
    requires_passkeys: bool = Field(alias="passkeys", description="Whether sensitive actions require a passkey.")
    web_archive: bool = Field(description="Whether pages of confirmed cases are saved in a web archive.")
    is_sample: bool = Field(alias="sample", description="Whether the owner and all its data are samples.")

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
    """A person with a role for the owner."""

    person: int = Field(alias="user_id", examples=[7], description="Number of the person.")
    email: str = Field(alias="user.email", examples=["ann@example.org"])
    role: str = Field(description="`owner`, `reviewer` or `viewer`.", examples=["reviewer"])


class Invitation(Answer):
    """An invitation to become a member."""

    number: int = Field(alias="pk", examples=[4])
    email: str = Field(examples=["bob@example.org"])
    role: str = Field(examples=["viewer"])
    invited_by: str = Field(alias="by", examples=["ann@example.org"], description="Member who sent the invitation.")
    created_at: Moment = Field(alias="made_at", examples=[NOON])
    expires_at: Moment = Field(examples=["2026-12-04T12:00:00.000000Z"])


class InvitationWithLink(Invitation):
    """An invitation as it was created."""

    link: str = Field(description="Link to forward; empty if it was sent by email.")


class Token(Answer):
    """An API token. Its value was returned only when it was created."""

    number: int = Field(alias="pk", examples=[2])
    name: str = Field(examples=["Nightly export"])
    prefix: str = Field(alias="begins", examples=["exh_3kPz2w"], description="First characters of the token.")
    email: str = Field(alias="user.email", examples=["ann@example.org"], description="Email address of the member.")
    scopes: list[str] = Field(examples=[["read"]], description="Permissions of the token.")
    created_at: Moment = Field(alias="made_at", examples=[NOON])
    expires_at: Moment = Field(examples=["2027-02-18T12:00:00.000000Z"])
    last_used_at: Moment | None = Field(
        alias="used_at", description="Time of the latest request; null if it was never used."
    )


class EdgeTarget(Answer):
    """A picture URL to fetch."""

    target: int = Field(alias="pk", description="Number of the URL in the results.", examples=[71])
    url: str = Field(examples=["https://shop.example/1.jpg"])
    page_url: str = Field(description="URL of the page that shows the picture; empty if unknown.")


class EdgeLease(Answer):
    """Leased URLs. No other crawler requests their hosts meanwhile."""

    lease: int = Field(default=0, description="Number of the lease; 0 if there is nothing to do.", examples=[12])
    epoch: int = Field(default=0, examples=[1], description="Epoch of the lease, to be returned with the results.")
    seconds: int = Field(
        default=30,
        description="Duration of the lease in seconds, or the delay before the next request.",
        examples=[600],
    )
    delay: float = Field(default=1.0, description="Minimum seconds between requests to one host.", examples=[1.0])
    contact: str = Field(default="", description="Contact for the user agent.")
    targets: list[EdgeTarget] = Field(default=[], description="URLs to fetch.")


class AcceptedPictures(Answer):
    """Number of accepted results. Nothing is disclosed about matches."""

    pictures: int = Field(examples=[48], description="Number of accepted pictures.")


class Contributor(Answer):
    """A contributor."""

    name: str = Field(examples=["Ann's machine"])
    key: str = Field(description="Ed25519 public key, hexadecimal; empty until the contributor joins.")
    created_at: Moment = Field(alias="made_at", examples=[NOON])
    last_used_at: Moment | None = Field(alias="used_at", description="Time of the latest request.")
    revoked_at: Moment | None = Field(description="Time of the removal; null if it is active.")
    reason: str = Field(description="Reason of an automatic removal because of wrong results.")
    pictures: int = Field(description="Number of accepted pictures.", examples=[4_812])
    seconds: int = Field(examples=[2_112], description="Processing time in seconds.")
    checked: int = Field(description="Pictures that were also fetched here.", examples=[97])
    wrong: int = Field(description="Checked pictures with a different result, and damaged deliveries.", examples=[2])

    @staticmethod
    def resolve_key(row: models.Contributor) -> str:
        return bytes(row.public_key or b"").hex()

    @staticmethod
    def resolve_seconds(row: models.Contributor) -> int:
        return round(row.seconds)


class Collection(Answer):
    """A named set of works."""

    number: int = Field(examples=[2])
    name: str = Field(examples=["Harbours"])
    works: int = Field(alias="count", description="Number of works.", examples=[120])
    created_at: Moment = Field(alias="made_at", examples=[NOON])


class BulkEdit(Answer):
    """A change of many works."""

    number: int = Field(examples=[3])
    at: Moment = Field(examples=[NOON])
    by: str = Field(examples=["ann@example.org"])
    field: str = Field(
        alias="what", description="Changed field, or `put` or `take` for a collection.", examples=["author"]
    )
    value: str = Field(examples=["A. Example"], description="New value, or the name of the collection.")
    reason: str
    state: str = Field(description="`todo`, `doing`, `done` or `failed`.", examples=["done"])
    works: int = Field(alias="count", description="Number of selected works.", examples=[120])
    processed: int = Field(alias="looked_at", description="Number of works processed so far.", examples=[120])
    changed: int = Field(description="Number of works changed; the others had the value already.", examples=[118])
    undoes: int | None = Field(
        alias="undoes.number", description="Number of the change that this one undoes.", examples=[2]
    )
    can_undo: bool = Field(alias="may_be_undone", description="Whether it can be undone.")
    sentence: str = Field(examples=["Author: “A. Example”"], description="Description of the change.")

    @staticmethod
    def resolve_sentence(row: models.BulkEdit) -> str:
        from desk.texts import ownership

        return ownership.bulk_in_words(row)
