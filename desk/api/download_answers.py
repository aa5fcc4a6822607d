"""What answers about reports, packages and links look like."""

from datetime import datetime

from pydantic import Field

from desk.api.answers import NOON, Answer


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
    created_at: datetime = Field(examples=[NOON])
    scope: Scope
    formats: list[str] = Field(examples=[["pdf", "csv"]])
    languages: list[str] = Field(description="Of the PDFs; the installation's when empty.", examples=[["en"]])
    volumes: int
    files: list[str] = Field(examples=[["studio-example-report-1.pdf"]])


class Package(Answer):
    """Bundles of several cases that are handed over together, as one ZIP."""

    number: int = Field(examples=[1])
    recipient: str = Field(examples=["court"])
    reason: str
    asked_by: str
    cases: list[int] = Field(examples=[[3]])
    state: str = Field(examples=["done"])
    error: str
    created_at: datetime = Field(examples=[NOON])
    made_at: datetime | None
    expires_at: datetime | None
    kept: bool = Field(description="Whether the ZIP can be taken.")


class Link(Answer):
    """A link for somebody outside, to a package or a report."""

    number: int = Field(examples=[1])
    package: int | None
    report: int | None = Field(examples=[1])
    note: str = Field(examples=["For the court clerk"])
    has_password: bool
    made_by: str
    created_at: datetime = Field(examples=[NOON])
    expires_at: datetime = Field(examples=["2026-11-27T12:00:00.000000Z"])
    revoked_at: datetime | None
    holds: bool
    downloads: int
    last_used_at: datetime | None


class LinkWithAddress(Link):
    """A link with its address, which is told this once."""

    address: str = Field(examples=["https://exhibit.example/d/…"])
