"""The log's signed heads and entries, its outside witnesses, keys and partners, as commands and partners are told."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from desk.schemas.base import Answer, Moment
from registry import models
from registry.keys.keys import AnyKey, Use, use_of

Digits = Annotated[str, BeforeValidator(lambda value: value if isinstance(value, str) else bytes(value).hex())]
"""Bytes as hexadecimal digits."""


class Head(Answer):
    """A head of the log as it was signed."""

    origin: str
    size: int
    made_at: Moment
    root: Digits


class Entry(Answer):
    """An entry of the log with what it opens to, as far as that is kept."""

    sequence: int
    type: str
    time: Moment
    commitment: Digits
    salt: Digits | None = Field(alias="submission.opening.salt")
    opening: dict[str, Any] | None = Field(alias="submission.opening.content")
    details: dict[str, Any] | None = Field(alias="submission.opening.details")


class Witness(Answer):
    """An outside witness: how it has answered lately, and how many receipts it owes."""

    kind: str
    name: str
    development: bool
    configured: bool
    answered_at: Moment | None
    silent_since: Moment | None
    ask_after: Moment | None
    error: str
    owed: int


class Key(Answer):
    """A key that signs for an owner, or a device key of theirs that counter-signs."""

    owner: str = Field(alias="owner.slug")
    use: str
    public: Digits = Field(alias="public_key")
    holder: str
    name: str
    state: str
    created_at: Moment
    retired_at: Moment | None
    revoked_at: Moment | None
    revoked_reason: str

    @staticmethod
    def resolve_use(row: AnyKey) -> str:
        return str(use_of(row))

    @staticmethod
    def resolve_holder(row: AnyKey) -> str:
        return "owner" if use_of(row) is Use.DEVICE else "operator"

    @staticmethod
    def resolve_name(row: AnyKey) -> str:
        return getattr(row, "name", "")

    @staticmethod
    def resolve_state(row: AnyKey) -> str:
        return "revoked" if row.revoked_at else "retired" if row.retired_at else "in use"


class Fork(Answer):
    """Two heads of one log that can't both be true, as `GET /operator/forks` returns them."""

    log: str = Field(description="The log's key.")
    known: str = Field(description="The smaller head, or one of two of the same size.")
    other: str = Field(description="The other.")
    path: list[str] = Field(description="What shows it, hexadecimal; empty where the sizes are the same.")


class Heads(Answer):
    """Signed heads of logs, each a C2SP signed note."""

    heads: list[str] = Field(description="At most one of each log.")
    forks: list[Fork] = Field(description="Proofs that a log has signed two histories, of those known here.")


class Partner(Answer):
    """Another installation that this one works with."""

    name: str
    url: str
    log: str = Field(alias="log_key")
    witness: str = Field(alias="witness_key")
    made_at: Moment
    revoked_at: Moment | None
    reason: str
    looked_at: Moment | None
    fault: str
    captures: bool = Field(description="Whether it is asked to visit with us at each capture.")
    visits: int = Field(description="So many visits it may ask for in a day.")
    forked: bool

    @staticmethod
    def resolve_forked(row: models.Partner) -> bool:
        return row.forks.exists()


class Agreement(Answer):
    """What a partner may search here without seeing it."""

    number: int = Field(alias="pk")
    partner: str = Field(alias="partner.name")
    fields_told: list[str] = Field(alias="fields")
    queries: int
    used: int
    made_at: Moment
    until: Moment
    ended_at: Moment | None


class BlindFind(Answer):
    """A picture of a partner that a work matches, as the partner tells of it."""

    works: list[str]
    exact: bool
    bands: int
    told: dict[str, str]


class FeedFind(Answer):
    """Where a picture was seen here whose hash is near one of a partner's feed."""

    bits: int
    theirs: str
    page: str = Field(alias="page_url")
    image: str = Field(alias="image_url")
    seen: Moment | None = Field(alias="first_seen", description="Null where an archive states no moment.")
    digest: Digits = Field(alias="picture.digest.raw")
