"""What the log witnesses besides deeds with rows of their own: who took or saw evidence, and who changed what is set.

The openings name nobody: who it was stands in the details, apart.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from exhibit.entries import EntryType
from exhibit.types import Json
from registry.db.fields import KeptFile
from registry.log.log import Deed, submit, submit_all
from registry.models import Case, CaseSighting, Owner


class Evidence(StrEnum):
    """What was accessed."""

    BUNDLE = "bundle"
    MANIFEST = "manifest"
    DEPOSIT = "deposit record"
    ATTACHMENT = "document of a work"
    REPORT = "report"
    PACKAGE = "package of bundles"
    CAPTURE = "file of a capture"
    CASE = "case"
    PAPER = "draft paper"
    SHEET = "signed exhibit sheet"


class Way(StrEnum):
    """How."""

    TAKEN = "taken away"
    SEEN = "looked at"


def accessed(what: Evidence, way: Way, owner: Owner, *, by: str, **about: Json) -> None:
    """Put an access into the log, before what was asked for is handed out."""
    submit(EntryType.ACCESS, {"way": str(way), "what": str(what)}, owner, details={"by": by, "of": owner.slug, **about})


def changed(what: str, *, by: str, owner: Owner | None = None, about: Mapping[str, Any]) -> None:
    """Put a change of what is set into the log, in its transaction; ``by`` is empty for the installation itself."""
    submit(EntryType.SETTING, {"what": what}, owner, details={"by": by, **about})


def opened(case: Case) -> Deed:
    """The opening of a case, for the log."""
    return _of_case(case, "opened", {"party": case.party, "work": case.work.number})


def extended(case: Case, rows: Iterable[CaseSighting]) -> Deed:
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


def captured(case: Case, outcome: str, files: Iterable[KeptFile]) -> None:
    """Put a visit for a case into the log, with the digests of what it kept: nobody exchanges it before the seal."""
    kept = [{"digest": file["digest"], "role": file["role"]} for file in files if "because" not in file]
    submit_all([_of_case(case, "captured", {"files": kept, "outcome": outcome})])


def noted(case: Case, what: str, *, by: str, **about: Json) -> None:
    """Put into the log what a member did with a case that decides nothing: a note, a dispute, a view, a notice."""
    submit_all([_of_case(case, what, {"by": by, **about})])


def _of_case(case: Case, what: str, about: Mapping[str, Any]) -> Deed:
    details = {"case": case.number, "owner": case.owner.slug, **about}
    return Deed(EntryType.CASE, {"case": case.pk, "what": what}, case.owner, details=details)
