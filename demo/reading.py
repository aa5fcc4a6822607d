"""Parsers for the JSON of the command line, reduced to what the demonstration needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from evidence.verify.checks.captures import NOT_FOUND
from exhibit.errors import IntegrityError
from exhibit.types import Json

NOT_SHOWN = "incomplete, since no visit to their pages showed the picture"
"""Verdict for bundles with no other shortcoming."""


@dataclass(frozen=True, slots=True)
class RegisteredWork:
    """One line of `work add --json`. `flags` has reasons why no match is certain, `conflicts` earlier registrations."""

    number: int
    file: str
    flags: tuple[str, ...]
    conflicts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeenUse:
    """A match on a page, within a case."""

    page_url: str
    image_url: str
    decision: str
    licence: int | None
    period: str = ""  # the period that an archive states instead of a moment


@dataclass(frozen=True, slots=True)
class SeenCase:
    """One line of `case list --json`. `sealed` counts bundles, `anchored` those with complete timestamp receipts."""

    number: int
    work: str
    party: str
    decision: str
    uses: tuple[SeenUse, ...]
    sealed: int
    anchored: int

    @property
    def is_certain(self) -> bool:
        """True if a use in the case is certain and not covered by a licence."""
        return any(use.decision == "certain" and use.licence is None for use in self.uses)


@dataclass(frozen=True, slots=True)
class SeenRefusal:
    """One refusal of `watch show --json`."""

    url: str
    reason: str


@contextmanager
def _as_described() -> Iterator[None]:
    """Raise ``IntegrityError`` if an expected field is missing."""
    try:
        yield
    except (KeyError, TypeError) as error:
        hint = "Look into the demonstration's log."
        raise IntegrityError(f"An answer of the command line lacks {error}.", hint=hint) from error


@_as_described()
def works_of(answer: Json) -> list[RegisteredWork]:
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
        for row in answer["works"]
    ]


@_as_described()
def cases_of(answer: Json) -> list[SeenCase]:
    """Parse `case list --json`.

    `{"cases": [{"number", "work": {"file"}, "site", "decision", "uses": [{"page_url", "image_url", "match",
    "licence", "period"}], "bundles": [{"seal", "receipts": [{"subject", "state"}]}]}]}`, where `match` is `certain` or
    `review`, `licence` the number of the licence that covers the use, or null, and `seal` null before a bundle is
    sealed.
    """
    return [
        SeenCase(
            row["number"],
            row["work"]["file"],
            row["site"],
            row["decision"],
            tuple(
                SeenUse(use["page_url"], use["image_url"], use["match"], use["licence"], use["period"])
                for use in row["uses"]
            ),
            sum(bundle["seal"] is not None for bundle in row["bundles"]),
            sum(_has_receipts(bundle["receipts"]) for bundle in row["bundles"]),
        )
        for row in answer["cases"]
    ]


def _has_receipts(receipts: Json) -> bool:
    """Return True if the log's checkpoint is timestamped and no receipt is pending."""
    complete = all(receipt["state"] == "complete" for receipt in receipts)
    return complete and any(receipt["subject"] == "checkpoint" for receipt in receipts)


@_as_described()
def refusals_of(answer: Json) -> list[SeenRefusal]:
    """Parse the rows of a crawl's refusals: `[{"url", "reason"}]`."""
    return [SeenRefusal(row["url"], row["reason"]) for row in answer]


@_as_described()
def verdicts_of(answer: Json) -> dict[str, str]:
    """Parse `verify --json`: `{"bundles": [{"file", "verdict", "grades", "lines"}]}`, and return the verdict by file.

    Some pages of the demonstration refer to an image that is never visible. Bundles whose only shortcoming is that no
    visit showed the image get the verdict :data:`NOT_SHOWN`.
    """
    return {row["file"]: _verdict(row) for row in answer["bundles"]}


def _verdict(row: Json) -> str:
    failed = {grade["name"] for grade in row.get("grades", ()) if grade["required"] and grade["state"] != "passed"}
    unseen = any(line["of"] == "capture" and line["value"].startswith(NOT_FOUND) for line in row.get("lines", ()))
    return NOT_SHOWN if row["verdict"] == "incomplete" and unseen and failed == {"capture"} else str(row["verdict"])
