"""Reports, packages and links for people outside, as programs are told of them."""

from typing import Self

from django.db.models import Prefetch, prefetch_related_objects
from pydantic import Field

from desk.schemas.base import NOON, Answer, Moment
from exhibit.clock import now
from registry import models


class Scope(Answer):
    """What a report is limited to."""

    watch: str = Field(description="The name of one; all when empty.")
    works: list[int] = Field(description="Numbers; all when empty.")
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

    @classmethod
    def from_row(cls, row: models.Report, **told: object) -> Self:
        """With what it is limited to, and the names of its files."""
        from workers.reports.scope import wanted_of  # noqa: PLC0415 - loads what typesets reports

        wanted = wanted_of(row.parameters)
        return super().from_row(
            row,
            title=row.parameters.get("title", ""),
            scope=Scope.from_row(wanted.scope),
            formats=list(wanted.formats),
            languages=list(wanted.languages),
            volumes=row.progress.get("volumes", 1),
            files=[file["name"] for file in row.files],
            **told,
        )


CASES = Prefetch("bundles", models.Bundle.objects.select_related("case").only("case__number"))
"""What a list of packages is asked with: of their bundles only the numbers of the cases."""


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

    @classmethod
    def from_row(cls, row: models.Package, **told: object) -> Self:
        """With the numbers of its cases."""
        cases = sorted(bundle.case.number for bundle in row.bundles.all())
        return super().from_row(row, cases=cases, files=[file["name"] for file in row.files], **told)


class Package(Answer):
    """Bundles of several cases that are handed over together, as one ZIP."""

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

    @classmethod
    def from_row(cls, row: models.Package, **told: object) -> Self:
        """With the numbers of its cases."""
        prefetch_related_objects([row], CASES)  # where the rows of a list don't have them already
        cases = sorted(bundle.case.number for bundle in row.bundles.all())
        return super().from_row(row, cases=cases, kept=bool(row.made_at and row.files), **told)


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
    holds: bool
    downloads: int
    last_used_at: Moment | None

    @classmethod
    def from_row(cls, row: models.DownloadLink, **told: object) -> Self:
        """With whether it still leads somewhere."""
        holds = row.revoked_at is None and row.expires_at > now()
        return super().from_row(row, has_password=bool(row.password), holds=holds, **told)


class LinkWithAddress(Link):
    """A link with its address, which is told this once."""

    address: str = Field(examples=["https://exhibit.example/d/…"])
