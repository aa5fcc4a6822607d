"""Decisions of members about works on hold: open the cases, or dismiss the matches."""

from enum import StrEnum

from exhibit.clock import now
from exhibit.errors import ConflictError
from exhibit.sentences import Sentence
from registry.cases import opening, queue_state
from registry.cases.models import Flood, FoundDay
from registry.db.claimable import StepState
from registry.db.rows import lock_row
from registry.log import audit_log
from registry.services.services import Services
from registry.works.models import Work
from registry.works.ownership import add_change

Decision = Flood.Decision


class FloodAction(StrEnum):
    """A member's action; `undo` reverses a dismissal."""

    OPEN = "open"
    DISMISS = "dismiss"
    UNDO = "undo"


def decide_flood(services: Services, work: Work, action: FloodAction, *, by: str, reason: str = "") -> None:
    """Open the cases of a work on hold, dismiss its matches (the work stays on hold), or undo the dismissal.

    Dismissed matches never open a case. The sites of opened cases raise the work's future limit.

    Raises:
        ConflictError: The work is not on hold, or another member has already made the same decision.
    """
    with lock_row(work.owner) as owner:  # prevents concurrent counting of new matches
        flood = Flood.list_active().filter(work=work).first()
        if flood is None:
            raise ConflictError(Sentence("Work %(number)s is not on hold.", number=work.number))
        if action is not FloodAction.OPEN and (action is FloodAction.DISMISS) is (flood.decision == Decision.DISMISSED):
            raise ConflictError(
                Sentence("Another member has already made this decision for work %(number)s.", number=work.number)
            )
        candidates = opening.list_held_candidates(work)
        if action is FloodAction.OPEN:  # this count raises the limit, so that the work is not put on hold again
            today = FoundDay.objects.filter(work=work, day=now().date()).first()
            flood.released = len({candidate.party for candidate in candidates}) + (0 if today is None else today.sites)
            flood.decision, flood.state = Decision.OPENED, StepState.QUEUED
        elif action is FloodAction.DISMISS:
            flood.decision = Decision.DISMISSED
            queue_state.store_flood_look_alikes(
                flood, {(candidate.registered_picture, candidate.found_picture) for candidate in candidates}, by
            )
        else:
            flood.decision = Decision.NONE
            flood.look_alikes.all().delete()
        flood.decided_at, flood.decided_by = now(), by
        flood.save()
        add_change(work, action, {}, by=by, reason=reason)
        details = {"answer": str(action), "reason": reason, "work": work.number}
        audit_log.log_change("held work", by=by, owner=owner, details=details)
    if action is FloodAction.OPEN:
        services.enqueue(Flood, [flood.pk])
