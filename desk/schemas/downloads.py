"""Responses about reports, packages, deposit records and download links."""

from typing import TYPE_CHECKING

from django.db.models import Prefetch, prefetch_related_objects
from pydantic import Field

from desk.schemas.base import NOON, Answer, Hex, Moment
from registry import models
from registry.bundles import links
from registry.bundles.packages import reading_copies, skipped_languages

if TYPE_CHECKING:
    from registry.reports import scope as scopes

CASES = Prefetch("bundles", models.Bundle.objects.select_related("case").only("case__number"))
"""What a list of packages is asked with: of their bundles only the numbers of the cases."""


class Deposit(Answer):
    """A deposit record: a sealed and logged record of a work's declaration. It creates no right."""

    work: int = Field(alias="work.number", description="Number of the work.")
    number: int
    seal: Hex = Field(alias="seal_digest", description="Digest of the sealed record.")
    sealed_at: Moment = Field(examples=[NOON])
    created_by: str = Field(alias="made_by", description="Member who created the record.")


def _cases(row: models.Package) -> list[int]:
    prefetch_related_objects([row], CASES)  # where the rows of a list don't have them already
    return sorted(bundle.case.number for bundle in row.bundles.all())


def _wanted(row: models.Report) -> "scopes.ReportRequest":
    from registry.reports import scope as scopes

    return scopes.parse_request(row.parameters)


class Scope(Answer):
    """Content of a report."""

    watch: str = Field(description="Name of a watch; all watches if empty.")
    works: list[int] = Field(description="Numbers of works; all works if empty.")
    all_works: bool = Field(alias="every_work", description="Whether works without matches are listed too.")
    decisions: list[str] = Field(
        examples=[["open", "confirmed", "licensed"]], description="Decisions of the listed cases."
    )
    start_date: str = Field(alias="first", examples=["2026-11-01"], description="First day.")
    end_date: str = Field(alias="last", examples=["2026-11-30"], description="Last day.")


class Report(Answer):
    """A report and the names of its files."""

    number: int = Field(examples=[1])
    title: str = Field(examples=["November"])
    state: str = Field(examples=["done"], description="`todo`, `doing`, `done` or `failed`.")
    error: str = Field(description="Reason of a failure; empty otherwise.")
    created_at: Moment = Field(examples=[NOON])
    scope: Scope
    formats: list[str] = Field(examples=[["pdf", "csv"]])
    languages: list[str] = Field(
        description="Languages of the PDFs; the installation's languages if empty.", examples=[["en"]]
    )
    volumes: int = Field(description="Number of volumes of each file.")
    files: list[str] = Field(examples=[["studio-example-report-1.pdf"]], description="Names of the files.")

    @staticmethod
    def resolve_title(row: models.Report) -> object:
        return row.parameters.get("title", "")

    @staticmethod
    def resolve_scope(row: models.Report) -> object:
        return _wanted(row).scope

    @staticmethod
    def resolve_formats(row: models.Report) -> list[str]:
        return list(_wanted(row).formats)

    @staticmethod
    def resolve_languages(row: models.Report) -> list[str]:
        return list(_wanted(row).languages)

    @staticmethod
    def resolve_volumes(row: models.Report) -> object:
        return row.progress.get("volumes", 1)

    @staticmethod
    def resolve_files(row: models.Report) -> list[str]:
        return [file["name"] for file in row.files]


class ListedPackage(Answer):
    """A package with the names of its files, for commands."""

    number: int
    recipient: str
    created_at: Moment
    expires_at: Moment | None
    state: str
    error: str
    cases: list[int]
    files: list[str]

    resolve_cases = staticmethod(_cases)

    @staticmethod
    def resolve_files(row: models.Package) -> list[str]:
        return [file["name"] for file in row.files]


class Package(Answer):
    """Bundles of several cases as one ZIP, with PDFs for reading."""

    number: int = Field(examples=[1])
    recipient: str = Field(examples=["court"], description="`court` or the other side.")
    reason: str = Field(description="Reason why originals are withheld.")
    requested_by: str = Field(alias="asked_by", description="Member who requested the package.")
    cases: list[int] = Field(examples=[[3]], description="Numbers of the cases.")
    state: str = Field(examples=["done"], description="`todo`, `doing`, `done` or `failed`.")
    error: str = Field(description="Reason of a failure; empty otherwise.")
    created_at: Moment = Field(examples=[NOON])
    generated_at: Moment | None = Field(alias="made_at", description="Time at which the files were generated.")
    expires_at: Moment | None
    is_ready: bool = Field(description="Whether the ZIP can be downloaded.")
    pdfs: list[str] = Field(
        description="Names of the printable copies: bundles as numbered exhibits, by language and volume.",
        examples=[["studio-shop.example-court-1-case-2026-11-20-exhibits.pdf"]],
    )
    missing_pdf_languages: list[str] = Field(
        description="Languages for which no PDF could be generated.", examples=[[]]
    )

    resolve_cases = staticmethod(_cases)

    @staticmethod
    def resolve_is_ready(row: models.Package) -> bool:
        return bool(row.made_at and row.files)

    @staticmethod
    def resolve_pdfs(row: models.Package) -> list[str]:
        return [file["name"] for file in reading_copies(row)]

    resolve_missing_pdf_languages = staticmethod(skipped_languages)


class Link(Answer):
    """A download link to a package or a report, for people without an account."""

    number: int = Field(examples=[1])
    package: int | None = Field(alias="package.number", description="Number of the package; null for a report.")
    report: int | None = Field(
        alias="report.number", examples=[1], description="Number of the report; null for a package."
    )
    note: str = Field(examples=["For the court clerk"])
    has_password: bool
    created_by: str = Field(alias="made_by", description="Member who created the link.")
    created_at: Moment = Field(examples=[NOON])
    expires_at: Moment = Field(examples=["2026-11-27T12:00:00.000000Z"])
    revoked_at: Moment | None
    is_valid: bool = Field(description="Whether the link works: not expired, not revoked, and its file still exists.")
    downloads: int = Field(description="Number of downloads.")
    last_used_at: Moment | None

    @staticmethod
    def resolve_has_password(row: models.DownloadLink) -> bool:
        return bool(row.password)

    resolve_is_valid = staticmethod(links.is_valid)


class LinkWithUrl(Link):
    """A download link with its URL, which is returned only once."""

    url: str = Field(alias="address", examples=["https://exhibit.example/d/…"], description="URL of the download.")
