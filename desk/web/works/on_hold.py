"""Works on hold after a flood of finds: the finds, and a member's decision."""

from typing import Any

from django.http import HttpRequest

from desk.texts.ownership import KINDS, describe_hold
from desk.web.common.access import clean_text
from desk.web.common.pages import decider_post
from exhibit.errors import WrongUseError
from registry import scoped
from registry.cases.flood_decisions import Answer, answer_flood
from registry.cases.floods import find_distinct
from registry.cases.opening import list_held_back
from registry.models import Flood, Owner, Sighting, Work
from workers import wiring

MAX_EXAMINED, MAX_SHOWN = 1_000, 12
"""Maximum number of sightings examined, and of dissimilar images shown."""


def hold_values(owner: Owner, work: Work) -> dict[str, Any] | None:
    """Return the template data of a work on hold, or None if it is not."""
    flood = Flood.in_force().filter(work=work).first()
    if flood is None:
        return None
    matters = list_held_back(work, MAX_EXAMINED)
    sighting_ids = [matter.sighting for matter in find_distinct(matters).values()][:MAX_SHOWN]
    sightings = Sighting.objects.filter(pk__in=sighting_ids).select_related("picture").order_by("party", "pk")
    hidden_ids = scoped.find_hidden(owner, [sighting.picture for sighting in sightings])
    return {
        "flood": flood,
        "why": describe_hold(flood),
        "shown": [sighting for sighting in sightings if sighting.picture_id not in hidden_ids],
        "pictures": len({matter.found_picture for matter in matters}),
        "sites": len({matter.party for matter in matters}),
        "more": len(matters) == MAX_EXAMINED,
    }


@decider_post(back="work")
def decide_hold(request: HttpRequest, owner: Owner, number: int) -> str:
    """Open the cases of a work on hold, dismiss the finds, or undo that."""
    row, answer = scoped.work(owner, number), request.POST.get("answer", "")
    if answer not in set(Answer):
        raise WrongUseError(f"{answer!r} is no answer.")
    by, reason = request.user.get_username(), clean_text(request.POST.get("reason", ""))
    answer_flood(wiring.services(), row, Answer(answer), by=by, reason=reason)
    return str(KINDS[answer])
