"""The log's signed heads and entries, its outside witnesses, and keys, as commands tell of them."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from desk.schemas.base import Answer, From, Moment
from registry.log.keys import Use, use_of

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
    use: Annotated[str, From(lambda row: str(use_of(row)))]
    public: Digits = Field(alias="public_key")
    holder: Annotated[str, From(lambda row: "owner" if use_of(row) is Use.DEVICE else "operator")]
    name: Annotated[str, From(lambda row: getattr(row, "name", ""))]
    state: Annotated[str, From(lambda row: "revoked" if row.revoked_at else "retired" if row.retired_at else "in use")]
    created_at: Moment
    retired_at: Moment | None
    revoked_at: Moment | None
    revoked_reason: str
