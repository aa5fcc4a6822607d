"""Reports, packages, deposit records and links for people outside, as programs are told of them."""

from typing import TYPE_CHECKING

from django.db.models import Prefetch, prefetch_related_objects
from pydantic import Field

from desk.schemas.base import NOON, Answer, Hex, Moment
from registry import models
from registry.bundles import links
from registry.bundles.packages import languages_without, reading_copies

if TYPE_CHECKING:
    from registry.reports import scope as scopes

CASES = Prefetch("bundles", models.Bundle.objects.select_related("case").only("case__number"))
"""What a list of packages is asked with: of their bundles only the numbers of the cases."""


class Deposit(Answer):
    """A deposit record: what was declared of a work, sealed and logged. It creates no right."""

    work: int = Field(alias="work.number")
    number: int
    seal: Hex = Field(alias="seal_digest")
    sealed_at: Moment = Field(examples=[NOON])
    made_by: str


def _cases(row: models.Package) -> list[int]:
    prefetch_related_objects([row], CASES)  # where the rows of a list don't have them already
    return sorted(bundle.case.number for bundle in row.bundles.all())


def _wanted(row: models.Report) -> "scopes.Wanted":
    from registry.reports import scope as scopes

    return scopes.wanted_of(row.parameters)


class Scope(Answer):
    """What a report is limited to."""

    watch: str = Field(description="The name of one; all when empty.")
    works: list[int] = Field(description="Numbers; all when empty.")
    every_work: bool = Field(description="Whether each is named, with or without finds.")
    decisions: list[str] = Field(examples=[["open", "confirmed", "licensed"]])
    first: str = Field(examples=["2026-11-01"])
    last: str = Field(examples=["2026-11-30"])


class Report(Answer):
    """A report, and the names of its files."""

    number: int = Field(examples=[1])
    title: str = Field(examples=["November"])
    state: str = Field(examples=["done"])
    error: str
    created_at: Moment = Field(examples=[NOON])
    scope: Scope
    formats: list[str] = Field(examples=[["pdf", "csv"]])
    languages: list[str] = Field(description="Of the PDFs; the installation's when empty.", examples=[["en"]])
    volumes: int
    files: list[str] = Field(examples=[["studio-example-report-1.pdf"]])

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
    """A package in a list of the command line, with the names of its files."""

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
    """Bundles of several cases that are handed over together, as one ZIP; and as a PDF beside it, to be read."""

    number: int = Field(examples=[1])
    recipient: str = Field(examples=["court"])
    reason: str
    asked_by: str
    cases: list[int] = Field(examples=[[3]])
    state: str = Field(examples=["done"])
    error: str
    created_at: Moment = Field(examples=[NOON])
    made_at: Moment | None
    expires_at: Moment | None
    kept: bool = Field(description="Whether the ZIP can be taken.")
    pdfs: list[str] = Field(
        description="Names of the PDFs beside it: its bundles as numbered exhibits, in each language, in volumes.",
        examples=[["studio-shop.example-court-1-case-2026-11-20-exhibits.pdf"]],
    )
    without_pdf: list[str] = Field(description="Languages in which the PDF couldn't be made.", examples=[[]])

    resolve_cases = staticmethod(_cases)

    @staticmethod
    def resolve_kept(row: models.Package) -> bool:
        return bool(row.made_at and row.files)

    @staticmethod
    def resolve_pdfs(row: models.Package) -> list[str]:
        return [file["name"] for file in reading_copies(row)]

    resolve_without_pdf = staticmethod(languages_without)


class Link(Answer):
    """A link for somebody outside, to a package or a report."""

    number: int = Field(examples=[1])
    package: int | None = Field(alias="package.number")
    report: int | None = Field(alias="report.number", examples=[1])
    note: str = Field(examples=["For the court clerk"])
    has_password: bool
    made_by: str
    created_at: Moment = Field(examples=[NOON])
    expires_at: Moment = Field(examples=["2026-11-27T12:00:00.000000Z"])
    revoked_at: Moment | None
    holds: bool = Field(
        description="Whether it leads anywhere: neither over nor revoked, and what it leads to is still there."
    )
    downloads: int
    last_used_at: Moment | None

    @staticmethod
    def resolve_has_password(row: models.DownloadLink) -> bool:
        return bool(row.password)

    resolve_holds = staticmethod(links.holds)


class LinkWithAddress(Link):
    """A link with its address, which is told this once."""

    address: str = Field(examples=["https://exhibit.example/d/…"])
