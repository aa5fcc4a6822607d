"""Log entries for cases: openings, extensions, captures, and actions of members."""

from collections.abc import Iterable, Mapping
from typing import Any

from exhibit.entries import EntryType
from exhibit.types import Json
from registry.cases.models import Case, CaseSighting
from registry.db.fields import StoredFile
from registry.log.log import NewEntry, submit_all


def opening_of(case: Case) -> NewEntry:
    """Return the log entry for the opening of a case."""
    return _of_case(case, "opened", {"party": case.party, "work": case.work.number})


def extension_of(case: Case, rows: Iterable[CaseSighting]) -> NewEntry:
    """Return the log entry for sightings that a case gained, each with its match and the licence that covers it."""
    sightings = [
        {
            "licence": None if row.licence is None else row.licence.number,
            "match": row.match_id,
            "picture": row.sighting.picture.digest.hex,
            "sighting": row.sighting_id,
        }
        for row in rows
    ]
    return _of_case(case, "extended", {"sightings": sightings})


def log_capture(case: Case, outcome: str, files: Iterable[StoredFile]) -> None:
    """Add a capture to the log with the digests of its files, so that they cannot be replaced before sealing."""
    stored = [{"digest": file["digest"], "role": file["role"]} for file in files if "because" not in file]
    submit_all([_of_case(case, "captured", {"files": stored, "outcome": outcome})])


def log_note(case: Case, what: str, *, by: str, **about: Json) -> None:
    """Log a member's action on a case that decides nothing: a note, a dispute, a view or a notice."""
    submit_all([_of_case(case, what, {"by": by, **about})])


def _of_case(case: Case, what: str, about: Mapping[str, Any]) -> NewEntry:
    details = {"case": case.number, "owner": case.owner.slug, **about}
    return NewEntry(EntryType.CASE, {"case": case.pk, "what": what}, case.owner, details=details)
