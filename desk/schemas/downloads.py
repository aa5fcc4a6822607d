"""Responses about reports, packages, deposit records and download links."""

from typing import TYPE_CHECKING

from django.db.models import Prefetch, prefetch_related_objects
from pydantic import Field

from desk.schemas.base import EXAMPLE_TIME, Hex, ResponseBody, UtcTime
from registry import models
from registry.bundles import links
from registry.bundles.packages import list_printable_copies, list_skipped_languages

if TYPE_CHECKING:
    from registry.reports import scope as scopes

CASES_PREFETCH = Prefetch("bundles", models.Bundle.objects.select_related("case").only("case__number"))
"""Prefetch for lists of packages; loads only the case numbers of their bundles."""


class Deposit(ResponseBody):
    """A deposit record: a sealed, logged record of the declaration of a work. It is not an official registration."""

    work: int = Field(alias="work.number", description="Work number.")
    number: int = Field(description="Deposit record number.")
    seal: Hex = Field(alias="seal_digest", description="Digest of the sealed record.")
    sealed_at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the record was sealed.")
    created_by: str = Field(alias="made_by", description="Member who created the record.")


def _list_case_numbers(row: models.Package) -> list[int]:
    prefetch_related_objects([row], CASES_PREFETCH)  # Lists have prefetched them; single rows have not.
    return sorted(bundle.case.number for bundle in row.bundles.all())


def _parse_request(row: models.Report) -> "scopes.ReportRequest":
    from registry.reports import scope as scopes

    return scopes.parse_request(row.parameters)


class Scope(ResponseBody):
    """Works and cases that a report lists."""

    watch: str = Field(description="Name of the watch to which the report is limited; all watches if empty.")
    works: list[int] = Field(description="Work numbers to which the report is limited; all works if empty.")
    all_works: bool = Field(alias="every_work", description="Whether works without matches are listed too.")
    decisions: list[str] = Field(
        examples=[["open", "confirmed", "licensed"]], description="Decisions of the listed cases."
    )
    start_date: str = Field(
        alias="first",
        examples=["2026-11-01"],
        description="First day of the period that the report covers; empty if the period has no start.",
    )
    end_date: str = Field(
        alias="last",
        examples=["2026-11-30"],
        description="Last day of the period that the report covers; empty if the period has no end.",
    )


class Report(ResponseBody):
    """A report and the names of its files."""

    number: int = Field(examples=[1], description="Report number.")
    title: str = Field(examples=["November"], description="Title of the report.")
    state: str = Field(examples=["done"], description="State of the report: `queued`, `running`, `done` or `failed`.")
    error: str = Field(description="Reason why the report could not be generated; empty if there was no error.")
    created_at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the report was requested.")
    scope: Scope = Field(description="Works and cases that the report lists.")
    formats: list[str] = Field(examples=[["pdf", "csv"]], description="File formats: `pdf`, `csv`, `xlsx` or `json`.")
    languages: list[str] = Field(
        description="Languages of the PDFs; the installation's languages if empty.", examples=[["en"]]
    )
    volumes: int = Field(description="Number of volumes into which each file is divided.")
    files: list[str] = Field(
        examples=[["studio-example-report-1.pdf"]], description="Names of the files of the report."
    )

    @staticmethod
    def resolve_title(row: models.Report) -> object:
        return row.parameters.get("title", "")

    @staticmethod
    def resolve_scope(row: models.Report) -> object:
        return _parse_request(row).scope

    @staticmethod
    def resolve_formats(row: models.Report) -> list[str]:
        return list(_parse_request(row).formats)

    @staticmethod
    def resolve_languages(row: models.Report) -> list[str]:
        return list(_parse_request(row).languages)

    @staticmethod
    def resolve_volumes(row: models.Report) -> object:
        return row.progress.get("volumes", 1)

    @staticmethod
    def resolve_files(row: models.Report) -> list[str]:
        return [file["name"] for file in row.files]


class ListedPackage(ResponseBody):
    """A package with the names of its files, for commands."""

    number: int
    recipient: str
    created_at: UtcTime
    expires_at: UtcTime | None
    state: str
    error: str
    cases: list[int]
    files: list[str]

    resolve_cases = staticmethod(_list_case_numbers)

    @staticmethod
    def resolve_files(row: models.Package) -> list[str]:
        return [file["name"] for file in row.files]


class Package(ResponseBody):
    """Bundles of several cases as one ZIP, with printable copies as PDFs."""

    number: int = Field(examples=[1], description="Package number.")
    recipient: str = Field(
        examples=["court"],
        description=(
            "Recipient of the package: `court` or `other-side`. Original files are withheld from the other side."
        ),
    )
    reason: str = Field(description="Reason why original files are withheld; empty if they are included.")
    requested_by: str = Field(description="Member who requested the package.")
    cases: list[int] = Field(examples=[[3]], description="Case numbers.")
    state: str = Field(examples=["done"], description="State of the package: `queued`, `running`, `done` or `failed`.")
    error: str = Field(description="Reason why the package could not be generated; empty if there was no error.")
    created_at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the package was requested.")
    generated_at: UtcTime | None = Field(
        alias="made_at", description="Time at which the files were generated; null until then."
    )
    expires_at: UtcTime | None = Field(
        description="Time at which the files are deleted; null until they are generated."
    )
    is_ready: bool = Field(description="Whether the ZIP can be downloaded.")
    pdfs: list[str] = Field(
        description="Names of the printable copies, one for each language and volume.",
        examples=[["studio-shop.example-court-1-case-2026-11-20-exhibits.pdf"]],
    )
    missing_pdf_languages: list[str] = Field(
        description="Languages for which no PDF could be generated.", examples=[[]]
    )

    resolve_cases = staticmethod(_list_case_numbers)

    @staticmethod
    def resolve_is_ready(row: models.Package) -> bool:
        return bool(row.made_at and row.files)

    @staticmethod
    def resolve_pdfs(row: models.Package) -> list[str]:
        return [file["name"] for file in list_printable_copies(row)]

    resolve_missing_pdf_languages = staticmethod(list_skipped_languages)


class Link(ResponseBody):
    """A download link to a package or a report, for people without an account."""

    number: int = Field(examples=[1], description="Link number.")
    package: int | None = Field(alias="package.number", description="Package number; null if the link is for a report.")
    report: int | None = Field(
        alias="report.number", examples=[1], description="Report number; null if the link is for a package."
    )
    note: str = Field(examples=["For the court clerk"], description="Note about the link, for members.")
    has_password: bool = Field(description="Whether the download requires a password.")
    created_by: str = Field(alias="made_by", description="Member who created the link.")
    created_at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the link was created.")
    expires_at: UtcTime = Field(examples=["2026-11-27T12:00:00.000000Z"], description="Time at which the link expires.")
    revoked_at: UtcTime | None = Field(description="Time at which the link was revoked; null if it was not revoked.")
    is_valid: bool = Field(
        description=(
            "Whether the link can be used. It can no longer be used when it has expired, was revoked, or its "
            "files were deleted."
        )
    )
    downloads: int = Field(description="Number of downloads.")
    last_used_at: UtcTime | None = Field(description="Time of the latest download; null if the link was never used.")

    @staticmethod
    def resolve_has_password(row: models.DownloadLink) -> bool:
        return bool(row.password)

    resolve_is_valid = staticmethod(links.is_valid)


class LinkWithUrl(Link):
    """A download link with its URL, which is returned only once."""

    url: str = Field(alias="address", examples=["https://exhibit.example/d/…"], description="Download URL.")
