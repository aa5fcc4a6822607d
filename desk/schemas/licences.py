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

    number: int = Field(description="Number of the licence.")
    licensee: str = Field(examples=["Example Shop Ltd"], description="Person or organisation that holds the licence.")
    works: list[int] = Field(description="Numbers of the licensed works; all works if empty.")
    domain: str = Field(examples=["shop.example"], description="Domain; its subdomains are included.")
    url_pattern: str = Field(description="URL pattern; `*` matches any characters.")
    account: str = Field(description="Account on the platform given in `domain`.")
    territories: list[str] = Field(description="Country codes (ISO 3166-1 alpha-2); all countries if empty.")
    valid_from: date | None = Field(description="First day; null if unlimited.")
    valid_until: date | None = Field(description="Last day; null if unlimited.")
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
    columns: list[NamedColumn] = Field(description="Meaning of each column.")
    columns_chosen_by: str = Field(
        description="Member who chose the column mapping; empty if all headings are known.",
        examples=[""],
    )
    skipped_rows: list[SkippedRow] = Field(description="Invalid rows that were skipped.")
    unread_sheets: list[str] = Field(
        description="Sheets of the workbook that contain data and were not read.", examples=[["Notes"]]
    )


class AffectedCase(ResponseBody):
    """A case whose decision the licences would affect."""

    number: int = Field(examples=[3], description="Number of the case.")
    site: str = Field(alias="party", examples=["shop.example"], description="Site that uses the work.")
    decision: str = Field(description="Current decision.", examples=["open"])
    effect: Effect = Field(
        examples=["licensed"],
        description=(
            "`reopened`, `licensed`, `decided` (decided by a member and unchanged) or `partly` (only some uses "
            "covered)."
        ),
    )


class LicencePreview(ResponseBody):
    """Preview of the effect of licences on cases. Nothing was changed."""

    licensed: int = Field(description="Number of open cases that would become licensed.", examples=[41])
    partly: int = Field(description="Number of open cases with only some uses covered; they would stay open.")
    decided: int = Field(description="Number of cases with another decision by a member; they would not change.")
    reopened: int = Field(description="Number of cases licensed by the ledger that would be reopened.")
    checked: int = Field(alias="looked_at", description="Number of cases checked in this request.", examples=[20_000])
    cases: list[AffectedCase] = Field(description="First affected cases, most important first.")
    next: int | None = Field(
        alias="after", description="Value of `after` for the next request; null if all cases were checked."
    )
