"""Bundles, their witnesses, and proofs of the log, as programs are told of them."""

from typing import TYPE_CHECKING, Self

from django.conf import settings
from pydantic import Field

from desk.schemas.base import NOON, Answer, Hex, Moment
from registry import models

if TYPE_CHECKING:
    from evidence.facts.case import WitnessFacts


class Receipt(Answer):
    """What an outside witness has answered."""

    kind: str = Field(examples=["rfc3161"])
    witness: str = Field(alias="name")
    development: bool = Field(description="A witness made for trials, without legal weight.")
    state: str = Field(description="`asked`, `pending` or `complete`.", examples=["complete"])
    subject: str = Field(description="What was witnessed: the `manifest` or the `checkpoint` that covers it.")
    time: Moment | None
    qualified_as_of: str | None = Field(description="A day of the operator's list.")

    @classmethod
    def from_row(cls, row: "WitnessFacts", **told: object) -> Self:
        """With the day as of which its witness was named as qualified, if it was."""
        return super().from_row(row, qualified_as_of=row.qualified or None, **told)


class BundleLine(Answer):
    """A bundle in a list."""

    case: int = Field(alias="case.number")
    number: int
    state: str = Field(examples=["done"])
    error: str
    seal: Hex | None = Field(alias="seal_digest")
    sealed_at: Moment | None


class Counted(Answer):
    """How many different witnesses have answered in full, were asked, and are needed."""

    complete: int
    asked: int
    needed: int


class Bundle(BundleLine):
    """Sealed evidence, with what witnesses have answered."""

    witnessed: bool = Field(description="Whether as many witnesses as are needed have answered in full.")
    witnesses: Counted
    receipts: list[Receipt]

    @classmethod
    def from_row(cls, row: models.Bundle, **told: object) -> Self:
        """With what outside witnesses have answered."""
        from workers.log.proofs import witnesses_of  # noqa: PLC0415 - loads the evidence room
        from workers.log.witnessed import witnessed  # noqa: PLC0415

        witnesses = witnesses_of(row) if row.seal_digest is not None else ()
        counted = witnessed(witnesses, settings.CONFIG.witnesses_needed)
        receipts = Receipt.from_rows(witnesses)
        return super().from_row(
            row, witnessed=counted.enough, witnesses=Counted.from_row(counted), receipts=receipts, **told
        )


class LogHead(Answer):
    """A signed head of the log."""

    origin: str = Field(examples=["exhibit.example/log"])
    size: int
    checkpoint: str = Field(alias="note", description="A C2SP signed note.")


class Inclusion(LogHead):
    """That an entry is in the log (RFC 9162, 2.1.3). What it commits to isn't told here."""

    sequence: int
    type: str
    time: Moment = Field(examples=[NOON])
    commitment: Hex
    path: list[Hex]


class Consistency(Answer):
    """That the longer log continues the shorter one (RFC 9162, 2.1.4)."""

    old: int
    new: int
    path: list[Hex]
    checkpoint: str
