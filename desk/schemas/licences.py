"""Responses about licences."""

from datetime import date
from typing import Literal

from pydantic import Field

from desk.schemas.base import ResponseBody
from desk.schemas.works import NamedColumn, SkippedRow
from registry import models

Effect = Literal["reopened", "licensed", "decided", "partly"]


class Licence(ResponseBody):
    """A licence for a site: a domain, URLs that match a pattern, or an account."""

    number: int = Field(description="Licence number.")
    licensee: str = Field(examples=["Example Shop Ltd"], description="Person or organisation that holds the licence.")
    works: list[int] = Field(description="Work numbers; the licence covers all works if the list is empty.")
    domain: str = Field(
        examples=["shop.example"],
        description=(
            "Domain to which the licence applies, including its subdomains; if `account` is set, the domain of "
            "the platform."
        ),
    )
    url_pattern: str = Field(description="Pattern of the URLs at which use is permitted; `*` matches any characters.")
    account: str = Field(description="Account on the platform given in `domain`.")
    territories: list[str] = Field(
        description="Countries in which use is permitted (ISO 3166-1 alpha-2 codes); all countries if empty."
    )
    valid_from: date | None = Field(description="First day of the licence; null if it has no start date.")
    valid_until: date | None = Field(description="Last day of the licence; null if it has no end date.")
    reason: str = Field(description="Note about the licence.")
    reseller: str = Field(description="Agency that sold the licence; empty if the owner sold it.", examples=["Alamy"])
    invoice: str = Field(description="Invoice number.", examples=["R-2026-17"])

    @staticmethod
    def resolve_works(row: models.Licence) -> list[int]:
        return sorted(work.number for work in row.works.all())


class ImportedLicences(ResponseBody):
    """Result of importing a table of licences."""

    read: int = Field(description="Number of licences in the table.", examples=[41])
    new: int | None = Field(
        description="Number of licences added to the ledger; null in a dry run.",
        examples=[40],
    )
    encoding: str = Field(description="Encoding of the CSV table; empty for a workbook.", examples=["utf-8"])
    is_likely: bool = Field(description="Whether the encoding is a guess. If so, check names with non-English letters.")
    columns: list[NamedColumn] = Field(description="Table headings and their meanings.")
    columns_chosen_by: str = Field(
        description="Member who chose the column mapping; empty if all headings were recognised.",
        examples=[""],
    )
    skipped_rows: list[SkippedRow] = Field(description="Invalid rows that were skipped.")
    unread_sheets: list[str] = Field(
        description="Sheets of the workbook that contain data and were not read.", examples=[["Notes"]]
    )


class AffectedCase(ResponseBody):
    """A case whose decision the licences would affect."""

    number: int = Field(examples=[3], description="Case number.")
    site: str = Field(alias="party", examples=["shop.example"], description="Site on which the pictures were found.")
    decision: str = Field(description="Current decision on the case.", examples=["open"])
    effect: Effect = Field(
        examples=["licensed"],
        description=(
            "Effect on the case: `reopened` (no longer licensed), `licensed` (becomes licensed), `decided` "
            "(decided by a member; the decision does not change) or `partly` (only some uses are covered; the "
            "case stays open)."
        ),
    )


class LicencePreview(ResponseBody):
    """Preview of the effect of licences on cases. Nothing was changed."""

    licensed: int = Field(description="Number of open cases that would become licensed.", examples=[41])
    partly: int = Field(
        description="Number of open cases in which only some uses are covered; these cases would stay open."
    )
    decided: int = Field(
        description="Number of cases for which a member made another decision; these decisions would not change."
    )
    reopened: int = Field(description="Number of cases set to licensed because of this licence that would be reopened.")
    checked: int = Field(alias="looked_at", description="Number of cases checked in this request.", examples=[20_000])
    cases: list[AffectedCase] = Field(
        description="Affected cases, most important first. The list contains only the first cases."
    )
    next: int | None = Field(
        alias="after", description="Value of `after` for the next request; null if all cases were checked."
    )
