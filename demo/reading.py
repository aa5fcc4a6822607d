"""Parsers for the JSON output of the command line, limited to the fields that the demonstration uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from evidence.verify.checks.captures import NOT_FOUND_OUTCOME
from exhibit.errors import IntegrityError
from exhibit.types import Json

NOT_SHOWN_VERDICT = "incomplete, since no visit to their pages showed the picture"
"""Verdict for bundles that have no other gap."""


@dataclass(frozen=True, slots=True)
class RegisteredWork:
    """One work of `work add --json`. `flags` are the reasons why no match of it can be certain."""

    number: int
    file: str
    flags: tuple[str, ...]
    earlier_registrations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseUse:
    """A match on a page, within a case."""

    page_url: str
    image_url: str
    decision: str
    licence: int | None
    period: str = ""  # Period that an archive states if it has no exact time.


@dataclass(frozen=True, slots=True)
class ReportedCase:
    """One case of `case list --json`, with the numbers of bundles that are sealed and that are timestamped."""

    number: int
    work: str
    site: str
    decision: str
    uses: tuple[CaseUse, ...]
    sealed_bundles: int
    timestamped_bundles: int

    @property
    def is_certain(self) -> bool:
        """True if a use in the case is certain and not covered by a licence."""
        return any(use.decision == "certain" and use.licence is None for use in self.uses)


@dataclass(frozen=True, slots=True)
class CrawlRefusal:
    """One refusal of `watch show --json`."""

    url: str
    reason: str


@contextmanager
def _require_fields() -> Iterator[None]:
    """Raise ``IntegrityError`` if an expected field is missing."""
    try:
        yield
    except (KeyError, TypeError) as error:
        hint = "Look into the demonstration's log."
        raise IntegrityError(f"An answer of the command line lacks {error}.", hint=hint) from error


@_require_fields()
def parse_works(data: Json) -> list[RegisteredWork]:
    """Parse `work add --json`.

    `{"works": [{"number", "file", "flags": […], "earlier_registrations": [{"sentence"}]}]}`.
    """
    return [
        RegisteredWork(
            row["number"],
            row["file"],
            tuple(row["flags"]),
            tuple(conflict["sentence"] for conflict in row["earlier_registrations"]),
        )
        for row in data["works"]
    ]


@_require_fields()
def parse_cases(data: Json) -> list[ReportedCase]:
    """Parse `case list --json`.

    `{"cases": [{"number", "work": {"file"}, "site", "decision", "uses": [{"page_url", "image_url", "match",
    "licence", "period"}], "bundles": [{"seal", "receipts": [{"subject", "state"}]}]}]}`, where `match` is `certain` or
    `review`, `licence` the number of the licence that covers the use, or null, and `seal` null before a bundle is
    sealed.
    """
    return [
        ReportedCase(
            row["number"],
            row["work"]["file"],
            row["site"],
            row["decision"],
            tuple(
                CaseUse(use["page_url"], use["image_url"], use["match"], use["licence"], use["period"])
                for use in row["uses"]
            ),
            sum(bundle["seal"] is not None for bundle in row["bundles"]),
            sum(_has_receipts(bundle["receipts"]) for bundle in row["bundles"]),
        )
        for row in data["cases"]
    ]


def _has_receipts(receipts: Json) -> bool:
    """Return True if the log's checkpoint is timestamped and no receipt is pending."""
    complete = all(receipt["state"] == "complete" for receipt in receipts)
    return complete and any(receipt["subject"] == "checkpoint" for receipt in receipts)


@_require_fields()
def parse_refusals(rows: Json) -> list[CrawlRefusal]:
    """Parse the rows of a crawl's refusals: `[{"url", "reason"}]`."""
    return [CrawlRefusal(row["url"], row["reason"]) for row in rows]


@_require_fields()
def parse_verdicts(data: Json) -> dict[str, str]:
    """Parse `verify --json`: `{"bundles": [{"file", "verdict", "grades", "lines"}]}`, and return the verdict by file.

    Some pages of the demonstration refer to an image that is never visible. Bundles whose only gap is that no visit
    showed the image get the verdict :data:`NOT_SHOWN_VERDICT`.
    """
    return {row["file"]: _parse_verdict(row) for row in data["bundles"]}


def _parse_verdict(row: Json) -> str:
    failed_grades = {
        grade["name"] for grade in row.get("grades", ()) if grade["required"] and grade["state"] != "passed"
    }
    is_picture_unseen = any(
        line["of"] == "capture" and line["value"].startswith(NOT_FOUND_OUTCOME) for line in row.get("lines", ())
    )
    return (
        NOT_SHOWN_VERDICT
        if row["verdict"] == "incomplete" and is_picture_unseen and failed_grades == {"capture"}
        else str(row["verdict"])
    )
