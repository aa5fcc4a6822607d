"""Log entries for cases: openings, extensions, captures, and actions of members."""

from collections.abc import Iterable, Mapping
from typing import Any

from exhibit.entries import EntryType
from exhibit.types import Json
from registry.cases.models import Case, CaseSighting
from registry.db.fields import StoredFile
from registry.log.log import NewEntry, submit_entries


def build_opening_entry(case: Case) -> NewEntry:
    """Build the log entry for the opening of a case."""
    return _build_case_entry(case, "opened", {"party": case.party, "work": case.work.number})


def build_extension_entry(case: Case, rows: Iterable[CaseSighting]) -> NewEntry:
    """Build the log entry for sightings added to a case, each with its match and the licence that covers it."""
    sightings = [
        {
            "licence": None if row.licence is None else row.licence.number,
            "match": row.match_id,
            "picture": row.sighting.picture.digest.hex,
            "sighting": row.sighting_id,
        }
        for row in rows
    ]
    return _build_case_entry(case, "extended", {"sightings": sightings})


def log_capture(case: Case, outcome: str, files: Iterable[StoredFile]) -> None:
    """Add a capture to the log with the digests of its files, so that they cannot be replaced before sealing."""
    stored_files = [{"digest": file["digest"], "role": file["role"]} for file in files if "because" not in file]
    submit_entries([_build_case_entry(case, "captured", {"files": stored_files, "outcome": outcome})])


def log_action(case: Case, action: str, *, by: str, **about: Json) -> None:
    """Log an action on a case that is not a decision, such as a note, a dispute, a view or a notice."""
    submit_entries([_build_case_entry(case, action, {"by": by, **about})])


def _build_case_entry(case: Case, action: str, extra_details: Mapping[str, Any]) -> NewEntry:
    details = {"case": case.number, "owner": case.owner.slug, **extra_details}
    return NewEntry(EntryType.CASE, {"case": case.pk, "what": action}, case.owner, details=details)
