"""Responses about owners, members, invitations, API tokens and contributors."""

from pydantic import Field

from desk.schemas.base import EXAMPLE_TIME, ResponseBody, UtcTime
from exhibit.types import CaseDecision
from registry import models, scoped


class Owner(ResponseBody):
    """A rights holder, with numbers of works, watches, cases and members."""

    owner: str = Field(alias="slug", examples=["studio-example"], description="Short name, used in URLs and commands.")
    name: str = Field(examples=["Studio Example"], description="Name of the owner.")
    contact: str = Field(description="Contact details shown in documents.")
    works: int = Field(description="Number of works.")
    watches: int = Field(description="Number of watches.")
    open_cases: int = Field(description="Number of open cases.")
    members: int = Field(description="Number of members.")
    derived_works: bool = Field(
        alias="derived", description="Whether works derived from the owner's works are listed as matches."
    )
    requires_passkeys: bool = Field(alias="passkeys", description="Whether sensitive actions require a passkey.")
    web_archive: bool = Field(description="Whether pages of confirmed cases are saved in a web archive.")
    is_sample: bool = Field(alias="sample", description="Whether the owner and all its data are sample data.")

    @staticmethod
    def resolve_works(row: models.Owner) -> int:
        return scoped.list_owner_works(row).count()

    @staticmethod
    def resolve_watches(row: models.Owner) -> int:
        return scoped.list_watches(row).count()

    @staticmethod
    def resolve_open_cases(row: models.Owner) -> int:
        return scoped.list_owner_cases(row).filter(decision=CaseDecision.OPEN).count()

    @staticmethod
    def resolve_members(row: models.Owner) -> int:
        return row.memberships.count()


class Member(ResponseBody):
    """A user with a role for an owner."""

    person: int = Field(alias="user_id", examples=[7], description="User number.")
    email: str = Field(alias="user.email", examples=["ann@example.org"], description="Email address of the member.")
    role: str = Field(description="Role of the member: `owner`, `reviewer` or `viewer`.", examples=["reviewer"])


class Invitation(ResponseBody):
    """An invitation to become a member."""

    number: int = Field(alias="pk", examples=[4], description="Invitation number.")
    email: str = Field(examples=["bob@example.org"], description="Email address of the invited user.")
    role: str = Field(examples=["viewer"], description="Role of the future member: `owner`, `reviewer` or `viewer`.")
    invited_by: str = Field(alias="by", examples=["ann@example.org"], description="Member who sent the invitation.")
    created_at: UtcTime = Field(alias="made_at", examples=[EXAMPLE_TIME])
    expires_at: UtcTime = Field(
        examples=["2026-12-04T12:00:00.000000Z"], description="Time at which the invitation expires."
    )


class InvitationWithLink(Invitation):
    """A new invitation with its link, which is returned only once."""

    link: str = Field(description="Link to send to the invited person; empty if the invitation was sent by email.")


class Token(ResponseBody):
    """An API token. Its value was returned only when it was created."""

    number: int = Field(alias="pk", examples=[2], description="Token number.")
    name: str = Field(examples=["Nightly export"], description="Name of the token.")
    prefix: str = Field(alias="begins", examples=["exh_3kPz2w"], description="First characters of the token.")
    email: str = Field(alias="user.email", examples=["ann@example.org"], description="Email address of the member.")
    scopes: list[str] = Field(examples=[["read"]], description="Permissions of the token.")
    created_at: UtcTime = Field(alias="made_at", examples=[EXAMPLE_TIME])
    expires_at: UtcTime = Field(
        examples=["2027-02-18T12:00:00.000000Z"], description="Time at which the token expires."
    )
    last_used_at: UtcTime | None = Field(
        alias="used_at", description="Time of the latest request; null if the token was never used."
    )


class LeaseTarget(ResponseBody):
    """A picture URL to fetch."""

    target: int = Field(alias="pk", description="Number that identifies the URL in the results.", examples=[71])
    url: str = Field(examples=["https://shop.example/1.jpg"], description="URL of the picture.")
    page_url: str = Field(description="URL of the page with the picture; empty if unknown.")


class ContributorLease(ResponseBody):
    """A lease of URLs to fetch. During the lease, no other crawler sends requests to the hosts of these URLs."""

    lease: int = Field(default=0, description="Lease number; 0 if there are no URLs to fetch.", examples=[12])
    epoch: int = Field(default=0, examples=[1], description="Epoch of the lease. Send it back with the results.")
    seconds: int = Field(
        default=30,
        description="Duration of the lease in seconds; without a lease, the time to wait before the next request.",
        examples=[600],
    )
    delay: float = Field(
        default=1.0, description="Minimum delay between requests to one host in seconds.", examples=[1.0]
    )
    contact: str = Field(default="", description="Contact details to include in the user agent.")
    targets: list[LeaseTarget] = Field(default=[], description="URLs to fetch.")


class AcceptedPictures(ResponseBody):
    """Number of accepted pictures. Matches are not disclosed."""

    pictures: int = Field(examples=[48], description="Number of accepted pictures.")


class Contributor(ResponseBody):
    """A contributor: a remote machine that fetches and measures pictures."""

    name: str = Field(examples=["Ann's machine"], description="Name of the contributor.")
    key: str = Field(description="Ed25519 public key, hexadecimal; empty until the contributor joins.")
    created_at: UtcTime = Field(alias="made_at", examples=[EXAMPLE_TIME])
    last_used_at: UtcTime | None = Field(
        alias="used_at", description="Time of the latest request; null if there was none."
    )
    revoked_at: UtcTime | None = Field(
        description="Time at which the contributor was removed; null if the contributor is active."
    )
    reason: str = Field(
        description="Reason why the contributor was removed automatically because of wrong results; empty otherwise."
    )
    pictures: int = Field(description="Number of pictures that were accepted from the contributor.", examples=[4_812])
    seconds: int = Field(examples=[2_112], description="Processing time in seconds.")
    checked: int = Field(
        description="Number of pictures that this installation also fetched, to check the contributor's results.",
        examples=[97],
    )
    wrong: int = Field(
        description=(
            "Number of checked pictures for which the contributor and this installation obtained different "
            "results, plus the number of damaged deliveries."
        ),
        examples=[2],
    )

    @staticmethod
    def resolve_key(row: models.Contributor) -> str:
        return bytes(row.public_key or b"").hex()

    @staticmethod
    def resolve_seconds(row: models.Contributor) -> int:
        return round(row.seconds)


class Collection(ResponseBody):
    """A named set of works."""

    number: int = Field(examples=[2], description="Collection number.")
    name: str = Field(examples=["Harbours"], description="Name of the collection.")
    works: int = Field(alias="count", description="Number of works.", examples=[120])
    created_at: UtcTime = Field(alias="made_at", examples=[EXAMPLE_TIME])


class BulkEdit(ResponseBody):
    """A bulk edit: the same change to many works."""

    number: int = Field(examples=[3], description="Bulk edit number.")
    at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the bulk edit was requested.")
    by: str = Field(examples=["ann@example.org"], description="Member who requested the bulk edit.")
    field: str = Field(
        alias="what",
        description=(
            "Changed field, or `put` (works added to a collection) or `take` (works removed from a collection)."
        ),
        examples=["author"],
    )
    value: str = Field(examples=["A. Example"], description="New value, or the name of the collection.")
    reason: str = Field(description="Reason for the change.")
    state: str = Field(
        description="State of the bulk edit: `queued`, `running`, `done` or `failed`.",
        examples=["done"],
    )
    works: int = Field(alias="count", description="Number of selected works.", examples=[120])
    processed: int = Field(alias="looked_at", description="Number of works processed so far.", examples=[120])
    changed: int = Field(
        description="Number of changed works. Works that already had the value are not changed.", examples=[118]
    )
    undoes: int | None = Field(
        alias="undoes.number",
        description="Number of the bulk edit that this one undoes; null if it undoes none.",
        examples=[2],
    )
    can_undo: bool = Field(alias="may_be_undone", description="Whether the bulk edit can be undone.")
    sentence: str = Field(examples=["Author: “A. Example”"], description="Description of the change.")

    @staticmethod
    def resolve_sentence(row: models.BulkEdit) -> str:
        from desk.texts import ownership

        return ownership.bulk_edit_in_words(row)
