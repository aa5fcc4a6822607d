"""Responses about licences."""

from datetime import date
from typing import Literal

from pydantic import Field

from desk.schemas.base import Answer
from desk.schemas.works import NamedColumn, SkippedRow
from registry import models

Effect = Literal["reopened", "licensed", "decided", "partly"]


class Licence(Answer):
    """A licence. It covers all works if ``works`` is empty."""

    number: int
    licensee: str = Field(examples=["Example Shop Ltd"], description="Person or organisation that holds the licence.")
    works: list[int] = Field(description="Numbers of works; all works if empty.")
    domain: str = Field(examples=["shop.example"], description="Domain including its subdomains.")
    url_pattern: str = Field(description="Pattern of URLs; `*` matches any characters.")
    account: str = Field(description="Account on the platform `domain`.")
    territories: list[str] = Field(description="Country codes (ISO 3166-1 alpha-2); all countries if empty.")
    valid_from: date | None = Field(description="First day; null if unlimited.")
    valid_until: date | None = Field(description="Last day; null if unlimited.")
    reason: str = Field(description="Note about the licence.")
    reseller: str = Field(description="Agency that sold the licence; empty if the owner did.", examples=["Alamy"])
    invoice: str = Field(description="Invoice number.", examples=["R-2026-17"])

    @staticmethod
    def resolve_works(row: models.Licence) -> list[int]:
        return sorted(work.number for work in row.works.all())


class ImportedLicences(Answer):
    """Result of importing a table of licences."""

    read: int = Field(description="Licences in the table.", examples=[41])
    new: int | None = Field(
        description="Licences that were not in the ledger; null in a dry run.",
        examples=[40],
    )
    encoding: str = Field(description="Encoding of the CSV table; empty for a workbook.", examples=["utf-8"])
    is_likely: bool = Field(description="Whether the encoding is a guess. Check names with non-English letters.")
    columns: list[NamedColumn] = Field(description="Meaning of each column.")
    columns_chosen_by: str = Field(
        description="Member who chose the column mapping; empty if all headings are known.",
        examples=[""],
    )
    skipped_rows: list[SkippedRow] = Field(description="Invalid rows that were skipped.")
    unread_sheets: list[str] = Field(
        description="Sheets of the workbook that contain data and were not read.", examples=[["Notes"]]
    )


class AffectedCase(Answer):
    """Effect of licences on a case."""

    number: int = Field(examples=[3])
    site: str = Field(alias="party", examples=["shop.example"])
    decision: str = Field(description="Current decision.", examples=["open"])
    effect: Effect = Field(
        examples=["licensed"],
        description=(
            "`reopened`, `licensed`, `decided` (unchanged, decided by a member) or `partly` (some uses are covered)."
        ),
    )


class LicencePreview(Answer):
    """Preview of the effect of licences on cases. Nothing was changed."""

    licensed: int = Field(description="Open cases that would become licensed.", examples=[41])
    partly: int = Field(description="Open cases of which some uses would be covered; they stay open.")
    decided: int = Field(description="Cases that a member decided otherwise; they stay unchanged.")
    reopened: int = Field(description="Cases that the ledger licensed and that would be reopened.")
    checked: int = Field(alias="looked_at", description="Number of cases checked in this request.", examples=[20_000])
    cases: list[AffectedCase] = Field(description="First affected cases, most important first.")
    next: int | None = Field(
        alias="after", description="Value for `after` in the next request; null if all cases were checked."
    )
