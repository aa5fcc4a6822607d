"""Checks of what was registered: the work, and each picture of it, by an entry of the log that names the owner."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from evidence.facts.case import CaseFacts
from evidence.formats.codec import to_plain
from evidence.log.notes import parse_note
from evidence.log.proofs import LogProof
from evidence.verdict.result import Check, checked, expect, failed, not_checked, passed, second
from evidence.verify.checks.inspection import Inspection
from evidence.verify.checks.proofs import OwnCheckpoint, expect_logged, expect_vouched
from exhibit.digests import Digest
from exhibit.entries import EntryType

_DECLARED = ("title", "author", "first_publication", "registered_at", "registrations", "rights_statement")
_DECLARED_LATER = ("created", "credit", "holder")
"""What an entry names only where something is said; facts beside an entry without an owner may leave it out."""


def check_registrations(inspection: Inspection, own: OwnCheckpoint | None, facts: CaseFacts) -> Iterator[Check]:
    """``registration`` of the work, and ``registration:`` of each picture of it: each needs an entry of its own."""
    work, name = facts.work, "registration"
    proofs = [proof for proof in (work.registration, *work.further_registrations) if proof is not None]
    known = {picture.digest.hex for picture in work.pictures}
    if work.registration is None:
        yield not_checked(name, "The bundle holds no log entry of the registration.")
    elif any(proof.opening.get("picture") not in known for proof in work.further_registrations):
        yield failed(name, "The facts hold a registration of a picture that isn't one of the work's.")
    else:
        yield checked(name, _registration, inspection, own, name, facts, work.registration)
    for number, picture in enumerate(work.pictures, 1):
        numbered = f"{name}:{number:02d}"
        found = next((proof for proof in proofs if proof.opening.get("picture") == picture.digest.hex), None)
        if found is None:
            yield not_checked(numbered, "No entry of the log that the bundle holds is about this picture.")
        else:
            yield checked(numbered, _registration, inspection, own, numbered, facts, found)


def _registration(
    inspection: Inspection, own: OwnCheckpoint | None, name: str, facts: CaseFacts, proof: LogProof
) -> Check:
    expect_logged(proof, EntryType.REGISTRATION)
    _expect_alike(facts, proof)
    expect_vouched(inspection, own, proof)
    if "owner_name" not in proof.opening:
        return not_checked(name, f"Entry {proof.sequence} of the log doesn't state whose registration it is.")
    words = f"Entry {proof.sequence} of the log, dated {proof.time:%Y-%m-%d}, commits to owner, work and picture."
    seen = _first_seen(facts, proof.opening.get("picture"))
    late = f" A copy had been seen before, at {second(seen)}." if seen and seen < proof.time else ""
    return passed(name, words + late, parse_note(proof.checkpoint).origin)


def _expect_alike(facts: CaseFacts, proof: LogProof) -> None:
    """Raise ``FormatError`` with what the entry says otherwise than the facts."""
    opening: dict[str, Any] = proof.opening
    known = opening.get("picture") in [picture.digest.hex for picture in facts.work.pictures]
    expect(known, "The log's entry is about another picture than those of the work.")
    names_owner = "owner_name" in opening
    same = opening.get("owner_name", facts.owner.name) == facts.owner.name
    expect(same, "The log's entry states another owner than the facts.")
    stated: dict[str, object] = to_plain(facts.work)
    is_first = proof == facts.work.registration  # that of a picture that was added declares nothing
    whole = is_first and names_owner
    told = {name: opening.get(name) for name in _DECLARED if whole or name in opening}
    told |= {name: opening.get(name, "") for name in _DECLARED_LATER if whole or (is_first and name in stated)}
    if names_owner or "work" in opening:
        number = opening.get("work")
        told["number"] = str(number) if type(number) is int else number
    wrong = min((name for name, value in told.items() if stated.get(name, "") != value), default="")
    expect(not wrong, f"The log's entry states another {wrong} than the facts.")


def _first_seen(facts: CaseFacts, picture: object) -> datetime | None:
    """When a copy of a registered picture was seen first."""
    digest = Digest.from_hex(str(picture))
    shown = {number for match in facts.matches if match.work_picture == digest for number in match.sightings}
    return min((sighting.first_seen for sighting in facts.sightings if sighting.number in shown), default=None)
