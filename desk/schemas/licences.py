"""Licences, and what trying them would change, as programs are told of them."""

from datetime import date
from typing import Literal

from pydantic import Field

from desk.schemas.base import Answer
from desk.schemas.works import NamedColumn, SkippedRow
from registry import models

Effect = Literal["reopened", "licensed", "decided", "partly"]


class Licence(Answer):
    """A permitted use; ``works`` is empty when it is for all of them."""

    number: int
    licensee: str = Field(examples=["Example Shop Ltd"])
    works: list[int]
    domain: str = Field(examples=["shop.example"])
    url_pattern: str
    account: str
    territories: list[str]
    valid_from: date | None
    valid_until: date | None
    reason: str
    reseller: str = Field(description="The agency that sold it; empty where the owner did.", examples=["Alamy"])
    invoice: str = Field(description="The number of the invoice.", examples=["R-2026-17"])

    @staticmethod
    def resolve_works(row: models.Licence) -> list[int]:
        return sorted(work.number for work in row.works.all())


class ImportedLicences(Answer):
    """What came of a table of licences, and how it was understood."""

    read: int = Field(description="Licences in the table.", examples=[41])
    new: int | None = Field(
        description="Those that weren't in the ledger word for word; null in a dry run, which doesn't look.",
        examples=[40],
    )
    encoding: str = Field(description="Empty of a workbook.", examples=["utf-8"])
    is_likely: bool = Field(description="Whether that encoding is only likely: look at letters beyond English.")
    columns: list[NamedColumn]
    columns_by: str = Field(
        description="Who chose what the headings mean; empty where they say it by themselves.", examples=[""]
    )
    skipped_rows: list[SkippedRow] = Field(description="Rows that were skipped.")
    unread_sheets: list[str] = Field(
        description="Sheets of a workbook that hold something and were not read.", examples=[["Notes"]]
    )


class TriedCase(Answer):
    """What would become of a case."""

    number: int = Field(examples=[3])
    party: str = Field(examples=["shop.example"])
    decision: str = Field(description="As it is now.", examples=["open"])
    effect: Effect = Field(examples=["licensed"])


class TriedLicence(Answer):
    """What licences would do to the cases that were looked at; nothing is changed."""

    licensed: int = Field(description="Open cases that would be licensed.", examples=[41])
    partly: int = Field(description="Open cases that would be covered in part, and stay open.")
    decided: int = Field(description="Cases that a person decided otherwise; they stay as they are.")
    reopened: int = Field(description="Cases that the ledger licensed and that would be open again.")
    looked_at: int = Field(description="Cases that these figures are of.", examples=[20_000])
    cases: list[TriedCase] = Field(description="The first of these cases, what matters most first.")
    next: int | None = Field(
        alias="after", description="Send it as `after` for the next cases; null when all were looked at."
    )
