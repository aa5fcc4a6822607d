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
from registry.db.rows import write
from registry.events import events
from registry.events.models import EventKind
from registry.log.log import submit
from registry.log.models import LogSubmission

FINAL_DECISIONS = (Case.Decision.LICENSED, Case.Decision.CLEARED)
"""Decisions after which nobody has to act."""

LEDGER = "licence ledger"
"""The name recorded for decisions by the licence ledger."""


class Decider(StrEnum):
    """The kind of decision-maker."""

    PERSON = "person"
    LEDGER = "ledger"
    DEMONSTRATION = "demonstration"


def record_decision(  # noqa: PLR0913 - each is named at the call, and a decision is no less than that
    case: Case,
    decision: CaseDecision,
    *,
    by: str,
    reason: str = "",
    why: Sequence[HistoryPhrase] = (),
    who: Decider = Decider.PERSON,
    copies: bool = False,
    assertion: Digest | None = None,
    group: GroupDecision | None = None,
) -> LogSubmission | None:
    """Record a decision with its reason: the row, a history line and a log entry. Call it in a transaction.

    The log entry states the machine's assessment and whether the person agreed; the installation's error rate is
    computed from these entries (``accuracy.error_rates``). It contains names and reasons only as a digest, so that it
    can be published without them.

    Args:
        case: The case.
        decision: The decision.
        by: Name of the person, or :data:`LEDGER`.
        reason: The person's own words.
        why: Phrases recorded before the reason.
        who: Kind of decision-maker.
        copies: For a cleared case: the pictures are copies, and the use is fine.
        assertion: Digest of the passkey answer that signed the decision.
        group: The group decision that this one is part of.

    Returns:
        The log entry.
    """
    moment, full_reason = now(), history.render_english(why, reason)
    decided = {"decision": decision, "decided_at": moment, "decided_by": by, "decided_in": group, "reason": full_reason}
    is_related_again = decision == Case.Decision.OPEN and ("undone", {}) in why and _only_resembles(case)
    waits, demonstration = decision == Case.Decision.OPEN and not is_related_again, who is Decider.DEMONSTRATION
    if case.resembles and decision != Case.Decision.CLEARED:
        notify_opened(case)
    write(case, **decided, disputed_at=None, waits=waits, resembles=is_related_again, demonstration=demonstration)
    if decision == Case.Decision.OPEN:
        case.captures.filter(state=StepState.TODO).update(not_before=None)  # these waited while the case was set aside
    phrase = f"{decision}-demonstration" if case.demonstration else str(decision)
    history.record(case, str(decision), by, (phrase, {}), *why, text=reason)
    if case.asked_at is not None and decision in FINAL_DECISIONS:
        write(case, asked_at=None)
        history.record(case, "agency", by, ("agency-spared", {"agency": case.agency}))
        log_entries.log_note(case, "agency asked no more", by=by, agency=case.agency)
    opening = {
        "case": case.pk,
        "copies": None if decision == Case.Decision.OPEN else copies or decision != Case.Decision.CLEARED,
        "decision": str(decision),
        "machine": _machine_assessment(case),
        **({"undone": True} if ("undone", {}) in why else {}),
        **({"assertion": assertion.hex} if assertion is not None else {}),
        "version": DECISION_VERSION,
        "who": str(who),
    }
    identity = {"case": case.number, "owner": case.owner.slug, "party": case.party, "work": case.work.number}
    event = {"case": case.number, "decision": str(decision), "party": case.party, "work": case.work.number}
    events.record(case.owner, EventKind.CASE_DECIDED, event)
    return submit(EntryType.DECISION, opening, case.owner, moment, {**identity, "by": by, "reason": full_reason})


def _only_resembles(case: Case) -> bool:
    """Return True if a case consists of resemblances only, and no person has made it a case."""
    manual, stronger = (
        case.events.filter(kind="taken-out"),
        case.case_sightings.exclude(match__decision=Decision.RESEMBLES),
    )
    return not manual.exists() and not stronger.exists()


def _machine_assessment(case: Case) -> dict[str, Any] | None:
    """Return the strongest of a case's matches, as the log entry of a decision states it."""
    matches = {row.match_id: row.match for row in case.case_sightings.select_related("match")}.values()
    best = max(matches, key=queue_state.strength_key, default=None)
    if best is None:
        return None
    return {
        "calibration": None if best.calibration is None else best.calibration.hex,
        "decision": best.decision,
        "matches": len(matches),
        "pipeline": best.pipeline,
        "probability": best.probability,
    }


def is_licensed_by_person(case: Case) -> bool:
    """Return True if a person, not the ledger, licensed the case."""
    return case.decision == Case.Decision.LICENSED and case.decided_by != LEDGER


def notify_opened(case: Case) -> None:
    """Notify subscribers of a new case."""
    about = {"party": case.party, "work": case.work.number}
    events.record(case.owner, EventKind.CASE_OPENED, {"case": case.number, **about})
