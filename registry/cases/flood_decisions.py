"""Decisions of members about a held work: open its cases, or dismiss the matches."""

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


class Answer(StrEnum):
    """An answer of a member; ``UNDO`` reverses a dismissal."""

    OPEN = "open"
    DISMISS = "dismiss"
    UNDO = "undo"


def answer_flood(services: Services, work: Work, answer: Answer, *, by: str, reason: str = "") -> None:
    """Open the cases of a held work, dismiss its matches (the work stays held), or undo the dismissal.

    Dismissed matches never open a case. Opened ones count towards the work's history from then on.

    Raises:
        ConflictError: The work is not held back, or somebody else has given the same answer meanwhile.
    """
    with lock_row(work.owner) as owner:  # lock out the counting of new matches
        flood = Flood.in_force().filter(work=work).first()
        if flood is None:
            raise ConflictError(Sentence("Work %(number)s is not on hold.", number=work.number))
        if answer is not Answer.OPEN and (answer is Answer.DISMISS) is (flood.decision == Decision.DISMISSED):
            raise ConflictError(
                Sentence("Another member has already made this decision for work %(number)s.", number=work.number)
            )
        matters = opening.list_held_back(work)
        if answer is Answer.OPEN:  # a multiple of this count becomes the limit, so that the work is not held back again
            today = FoundDay.objects.filter(work=work, day=now().date()).first()
            flood.released = len({matter.party for matter in matters}) + (0 if today is None else today.sites)
            flood.decision, flood.state = Decision.OPENED, StepState.TODO
        elif answer is Answer.DISMISS:
            flood.decision = Decision.DISMISSED
            queue_state.learn_flood(
                flood, {(matter.registered_picture, matter.found_picture) for matter in matters}, by
            )
        else:
            flood.decision = Decision.NONE
            flood.look_alikes.all().delete()
        flood.decided_at, flood.decided_by = now(), by
        flood.save()
        add_change(work, answer, {}, by=by, reason=reason)
        about = {"answer": str(answer), "reason": reason, "work": work.number}
        audit_log.log_change("held work", by=by, owner=owner, about=about)
    if answer is Answer.OPEN:
        services.enqueue(Flood, [flood.pk])
