"""Works on hold after a flood of finds: the finds, and a member's decision."""

from typing import Any

from django.http import HttpRequest

from desk.texts.ownership import KINDS, why_held
from desk.web.common.access import said
from desk.web.common.pages import decider_post
from exhibit.errors import WrongUseError
from registry import scoped
from registry.cases.flood_decisions import Answer, answer_flood
from registry.cases.floods import unlike
from registry.cases.opening import held_back
from registry.models import Flood, Owner, Sighting, Work
from workers import wiring

LOOKED_AT, SHOWN = 1_000, 12
"""Maximum number of sightings examined, and of dissimilar images shown."""


def held(owner: Owner, work: Work) -> dict[str, Any] | None:
    """Return the template data of a work on hold, or None if it is not."""
    flood = Flood.in_force().filter(work=work).first()
    if flood is None:
        return None
    matters = held_back(work, LOOKED_AT)
    chosen = [matter.sighting for matter in unlike(matters).values()][:SHOWN]
    shown = Sighting.objects.filter(pk__in=chosen).select_related("picture").order_by("party", "pk")
    hidden = scoped.hidden_among(owner, [sighting.picture for sighting in shown])
    return {
        "flood": flood,
        "why": why_held(flood),
        "shown": [sighting for sighting in shown if sighting.picture_id not in hidden],
        "pictures": len({matter.found for matter in matters}),
        "sites": len({matter.party for matter in matters}),
        "more": len(matters) == LOOKED_AT,
    }


@decider_post(back="work")
def answer_held(request: HttpRequest, owner: Owner, number: int) -> str:
    """Open the cases of a work on hold, dismiss the finds, or undo that."""
    row, answer = scoped.work(owner, number), request.POST.get("answer", "")
    if answer not in set(Answer):
        raise WrongUseError(f"{answer!r} is no answer.")
    by, reason = request.user.get_username(), said(request.POST.get("reason", ""))
    answer_flood(wiring.services(), row, Answer(answer), by=by, reason=reason)
    return str(KINDS[answer])
