"""Recording of decisions: the case's row, a line of its history, and a log entry."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import DECISION_VERSION, EntryType
from exhibit.types import CaseDecision, Decision
from registry.cases import history, log_entries, queue_state
from registry.cases.history import HistoryPhrase
from registry.cases.models import Case, GroupDecision
from registry.db.claimable import StepState
from registry.db.rows import update_row
from registry.events import events
from registry.events.models import EventKind
from registry.log.log import submit_entry
from registry.log.models import LogSubmission

FINAL_DECISIONS = (Case.Decision.LICENSED, Case.Decision.DISMISSED)
"""Decisions that require no further action."""

LEDGER_ACTOR = "licence ledger"
"""The name recorded for decisions by the licence ledger."""


class Decider(StrEnum):
    """Type of decision-maker."""

    PERSON = "person"
    LEDGER = "ledger"
    DEMONSTRATION = "demonstration"


def record_decision(  # noqa: PLR0913 - all arguments are keyword arguments, and all are needed
    case: Case,
    decision: CaseDecision,
    *,
    by: str,
    reason: str = "",
    phrases: Sequence[HistoryPhrase] = (),
    decider: Decider = Decider.PERSON,
    copies: bool = False,
    assertion: Digest | None = None,
    group: GroupDecision | None = None,
) -> LogSubmission | None:
    """Record a decision with its reason: the row, a history line and a log entry. Call it in a transaction.

    The log entry contains the software's assessment and the decision; the installation's error rates are computed from
    these entries (``accuracy.error_rates``). Names and reasons are included only as a digest, so that the entry can be
    published without them.

    Args:
        case: The case.
        decision: The decision.
        by: Name of the member, or :data:`LEDGER_ACTOR`.
        reason: Free text by the member.
        phrases: History phrases recorded before the reason.
        decider: Type of decision-maker.
        copies: For a dismissed case: the pictures are copies, and the use is acceptable.
        assertion: Digest of the passkey assertion that signed the decision.
        group: The group decision that this one is part of.

    Returns:
        The log entry.
    """
    decided_at, full_reason = now(), history.render_english(phrases, reason)
    decision_columns = {
        "decision": decision,
        "decided_at": decided_at,
        "decided_by": by,
        "decided_in": group,
        "reason": full_reason,
    }
    is_related_again = decision == Case.Decision.OPEN and ("undone", {}) in phrases and _has_only_related_matches(case)
    needs_review, demonstration = (
        decision == Case.Decision.OPEN and not is_related_again,
        decider is Decider.DEMONSTRATION,
    )
    if case.is_related and decision != Case.Decision.DISMISSED:
        notify_case_opened(case)
    update_row(
        case,
        **decision_columns,
        disputed_at=None,
        is_pending=needs_review,
        is_related=is_related_again,
        demonstration=demonstration,
    )
    if decision == Case.Decision.OPEN:
        case.captures.filter(state=StepState.QUEUED).update(not_before=None)  # postponed while the case was decided
    phrase = f"{decision}-demonstration" if case.demonstration else str(decision)
    history.record_event(case, str(decision), by, (phrase, {}), *phrases, text=reason)
    if case.agency_asked_at is not None and decision in FINAL_DECISIONS:
        update_row(case, agency_asked_at=None)
        history.record_event(case, "agency", by, ("agency-spared", {"agency": case.agency}))
        log_entries.log_action(case, "agency inquiry ended", by=by, agency=case.agency)
    log_content = {
        "case": case.pk,
        "copies": None if decision == Case.Decision.OPEN else copies or decision != Case.Decision.DISMISSED,
        "decision": str(decision),
        "machine": _build_machine_assessment(case),
        **({"undone": True} if ("undone", {}) in phrases else {}),
        **({"assertion": assertion.hex} if assertion is not None else {}),
        "version": DECISION_VERSION,
        "who": str(decider),
    }
    log_details = {"case": case.number, "owner": case.owner.slug, "party": case.party, "work": case.work.number}
    event_details = {"case": case.number, "decision": str(decision), "party": case.party, "work": case.work.number}
    events.record_event(case.owner, EventKind.CASE_DECIDED, event_details)
    return submit_entry(
        EntryType.DECISION, log_content, case.owner, decided_at, {**log_details, "by": by, "reason": full_reason}
    )


def _has_only_related_matches(case: Case) -> bool:
    """Return True if all matches of a case are related pictures, and no member has made it a case."""
    manual_events, stronger_matches = (
        case.events.filter(kind="taken-out"),
        case.case_sightings.exclude(match__decision=Decision.RELATED),
    )
    return not manual_events.exists() and not stronger_matches.exists()


def _build_machine_assessment(case: Case) -> dict[str, Any] | None:
    """Build the assessment in a decision's log entry from the case's strongest match; None without matches."""
    matches = {row.match_id: row.match for row in case.case_sightings.select_related("match")}.values()
    best_match = max(matches, key=queue_state.get_strength_key, default=None)
    if best_match is None:
        return None
    return {
        "calibration": None if best_match.calibration is None else best_match.calibration.hex,
        "decision": best_match.decision,
        "matches": len(matches),
        "pipeline": best_match.pipeline,
        "probability": best_match.probability,
    }


def is_licensed_by_person(case: Case) -> bool:
    """Return True if a member, not the ledger, licensed the case."""
    return case.decision == Case.Decision.LICENSED and case.decided_by != LEDGER_ACTOR


def notify_case_opened(case: Case) -> None:
    """Notify subscribers of a new case."""
    details = {"party": case.party, "work": case.work.number}
    events.record_event(case.owner, EventKind.CASE_OPENED, {"case": case.number, **details})
