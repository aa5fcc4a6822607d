"""What the log keeps of cases: that they were opened and extended, visits, and what members did with them."""

from collections.abc import Iterable, Mapping
from typing import Any

from exhibit.entries import EntryType
from exhibit.types import Json
from registry.cases.models import Case, CaseSighting
from registry.db.fields import KeptFile
from registry.log.log import Deed, submit_all


def opening_of(case: Case) -> Deed:
    """The opening of a case, for the log."""
    return _of_case(case, "opened", {"party": case.party, "work": case.work.number})


def extension_of(case: Case, rows: Iterable[CaseSighting]) -> Deed:
    """Which sightings a case gained, with which match, and which licence covers each from now on, for the log."""
    told = [
        {
            "licence": None if row.licence is None else row.licence.number,
            "match": row.match_id,
            "picture": row.sighting.picture.digest.hex,
            "sighting": row.sighting_id,
        }
        for row in rows
    ]
    return _of_case(case, "extended", {"sightings": told})


def log_capture(case: Case, outcome: str, files: Iterable[KeptFile]) -> None:
    """Put a visit for a case into the log, with the digests of what it kept: nobody exchanges it before the seal."""
    kept = [{"digest": file["digest"], "role": file["role"]} for file in files if "because" not in file]
    submit_all([_of_case(case, "captured", {"files": kept, "outcome": outcome})])


def log_note(case: Case, what: str, *, by: str, **about: Json) -> None:
    """Put into the log what a member did with a case that decides nothing: a note, a dispute, a view, a notice."""
    submit_all([_of_case(case, what, {"by": by, **about})])


def _of_case(case: Case, what: str, about: Mapping[str, Any]) -> Deed:
    details = {"case": case.number, "owner": case.owner.slug, **about}
    return Deed(EntryType.CASE, {"case": case.pk, "what": what}, case.owner, details=details)
