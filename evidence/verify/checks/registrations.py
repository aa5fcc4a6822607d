"""Checks of what was registered: the work, and each picture of it, by an entry of the log that names the owner."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from evidence.facts.case import CaseFacts
from evidence.formats.codec import to_plain
from evidence.log.notes import parse_note
from evidence.log.proofs import LogProof
from evidence.verdict.result import Check, failed, not_checked, passed
from evidence.verify.checks.inspection import Inspection
from evidence.verify.checks.proofs import OwnCheckpoint, check_log_proof, unvouched
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
        yield _check(inspection, own, name, facts, work.registration)
    for number, picture in enumerate(work.pictures, 1):
        found = next((proof for proof in proofs if proof.opening.get("picture") == picture.digest.hex), None)
        if found is None:
            yield not_checked(
                f"{name}:{number:02d}", "No entry of the log that the bundle holds is about this picture."
            )
        else:
            yield _check(inspection, own, f"{name}:{number:02d}", facts, found)


def _check(inspection: Inspection, own: OwnCheckpoint | None, name: str, facts: CaseFacts, proof: LogProof) -> Check:
    problem = check_log_proof(proof, EntryType.REGISTRATION) or _problem(facts, proof)
    if problem:
        return failed(name, problem)
    if unknown := unvouched(inspection, own, name, proof):
        return unknown
    if "owner_name" not in proof.opening:
        return not_checked(name, f"Entry {proof.sequence} of the log doesn't state whose registration it is.")
    words = f"Entry {proof.sequence} of the log, dated {proof.time:%Y-%m-%d}, commits to owner, work and picture."
    seen = _first_seen(facts, proof.opening.get("picture"))
    late = f" A copy had been seen before, at {seen:%Y-%m-%d %H:%M:%S} UTC." if seen and seen < proof.time else ""
    return passed(name, words + late, parse_note(proof.checkpoint).origin)


def _problem(facts: CaseFacts, proof: LogProof) -> str:
    """What the entry says otherwise than the facts, or an empty string."""
    opening: dict[str, Any] = proof.opening
    if opening.get("picture") not in [picture.digest.hex for picture in facts.work.pictures]:
        return "The log's entry is about another picture than those of the work."
    if (names_owner := "owner_name" in opening) and opening["owner_name"] != facts.owner.name:
        return "The log's entry states another owner than the facts."
    stated: dict[str, object] = to_plain(facts.work)
    is_first = proof == facts.work.registration  # that of a picture that was added declares nothing
    whole = is_first and names_owner
    told = {name: opening.get(name) for name in _DECLARED if whole or name in opening}
    told |= {name: opening.get(name, "") for name in _DECLARED_LATER if whole or (is_first and name in stated)}
    if names_owner or "work" in opening:
        number = opening.get("work")
        told["number"] = str(number) if type(number) is int else number
    wrong = sorted(name for name, value in told.items() if stated.get(name, "") != value)
    return f"The log's entry states another {wrong[0]} than the facts." if wrong else ""


def _first_seen(facts: CaseFacts, picture: object) -> datetime | None:
    """When a copy of a registered picture was seen first."""
    digest = Digest.from_hex(str(picture))
    shown = {number for match in facts.matches if match.work_picture == digest for number in match.sightings}
    return min((sighting.first_seen for sighting in facts.sightings if sighting.number in shown), default=None)
