"""The log's signed heads and entries, its outside witnesses, and keys, as commands tell of them."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field

from desk.schemas.base import Answer, Moment
from registry import models
from registry.log.keys import AnyKey, Use, use_of

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
    salt: Digits | None
    opening: dict[str, Any] | None
    details: dict[str, Any] | None

    @classmethod
    def from_row(cls, row: models.LogEntry, **told: object) -> Self:
        """With its opening, unless that was erased."""
        opening = getattr(row.submission, "opening", None)
        if opening is None:
            return super().from_row(row, salt=None, opening=None, details=None, **told)
        return super().from_row(row, salt=opening.salt, opening=opening.content, details=opening.details, **told)


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

    @classmethod
    def from_row(cls, row: AnyKey, **told: object) -> Self:
        """With whoever holds it, and whether it is in use."""
        use = use_of(row)
        return super().from_row(
            row,
            use=str(use),
            holder="owner" if use is Use.DEVICE else "operator",
            name=getattr(row, "name", ""),
            state="revoked" if row.revoked_at else "retired" if row.retired_at else "in use",
            **told,
        )
