"""Bundles, their witnesses, and proofs of the log, as programs are told of them."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from pydantic import Field

from desk.schemas.base import NOON, Answer, Hex
from desk.schemas.rows import Plain, fields
from registry import models

if TYPE_CHECKING:
    from evidence.facts.case import WitnessFacts


class Receipt(Answer):
    """What an outside witness has answered."""

    kind: str = Field(examples=["rfc3161"])
    witness: str
    development: bool = Field(description="A witness made for trials, without legal weight.")
    state: str = Field(examples=["complete"])
    subject: str = Field(description="What was witnessed: the `manifest` or the `checkpoint` that covers it.")
    time: datetime | None
    qualified_as_of: str | None


class BundleLine(Answer):
    """A bundle in a list."""

    case: int
    number: int
    state: str = Field(examples=["done"])
    error: str
    seal: Hex | None
    sealed_at: datetime | None


class Counted(Answer):
    """How many witnesses have answered."""

    complete: int
    asked: int
    needed: int


class Bundle(BundleLine):
    """Sealed evidence, with what witnesses have answered."""

    witnessed: bool
    witnesses: Counted
    receipts: list[Receipt]


class LogHead(Answer):
    """A signed head of the log."""

    origin: str = Field(examples=["exhibit.example/log"])
    size: int
    checkpoint: str = Field(description="A C2SP signed note.")


class Inclusion(LogHead):
    """That an entry is in the log (RFC 9162, 2.1.3). What it commits to isn't told here."""

    sequence: int
    type: str
    time: datetime = Field(examples=[NOON])
    commitment: Hex
    path: list[Hex]


class Consistency(Answer):
    """That the longer log continues the shorter one (RFC 9162, 2.1.4)."""

    old: int
    new: int
    path: list[Hex]
    checkpoint: str


def bundle_line(row: models.Bundle) -> Plain:
    """A bundle in a list; what witnesses say of it stands in :func:`bundle`."""
    seal = None if row.seal_digest is None else row.seal_digest.hex
    return {"case": row.case.number, **fields(row, "number state error sealed_at"), "seal": seal}


def bundle(row: models.Bundle) -> Plain:
    """A bundle with what outside witnesses have answered. ``state`` of a receipt: ``asked``, ``pending``, ``complete``.

    ``subject`` is what was witnessed: the ``manifest`` itself, or the ``checkpoint`` of the log that covers it.
    """
    from workers.log.proofs import witnesses_of  # noqa: PLC0415 - loads the evidence room
    from workers.log.witnessed import witnessed  # noqa: PLC0415

    witnesses = witnesses_of(row) if row.seal_digest is not None else ()
    counted = witnessed(witnesses, settings.CONFIG.witnesses_needed)
    return {
        **bundle_line(row),
        "witnessed": counted.enough,
        "witnesses": fields(counted, "complete asked needed"),
        "receipts": [receipt(one) for one in witnesses],
    }


def receipt(one: "WitnessFacts") -> Plain:
    """What a witness has answered."""
    told = fields(one, "kind development state subject time")
    return {**told, "witness": one.name, "qualified_as_of": one.qualified or None}
