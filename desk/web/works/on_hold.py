"""Works on hold after unusually many matches: the matches, and a member's decision."""

from typing import Any

from django.http import HttpRequest

from desk.texts.ownership import CHANGE_LABELS, describe_hold
from desk.web.common.access import clean_text
from desk.web.common.pages import decider_post
from exhibit.errors import InvalidRequestError
from registry import scoped
from registry.cases.flood_decisions import FloodAction, decide_flood
from registry.cases.floods import find_distinct_candidates
from registry.cases.opening import list_held_candidates
from registry.models import Flood, Owner, Sighting, Work
from workers import wiring

MAX_EXAMINED, MAX_SHOWN = 1_000, 12
"""Maximum number of sightings examined, and of distinct pictures shown."""


def build_hold_values(owner: Owner, work: Work) -> dict[str, Any] | None:
    """Return the template data of a work on hold, or None if it is not."""
    flood = Flood.list_active().filter(work=work).first()
    if flood is None:
        return None
    held_matches = list_held_candidates(work, MAX_EXAMINED)
    sighting_ids = [held_match.sighting for held_match in find_distinct_candidates(held_matches).values()][:MAX_SHOWN]
    sightings = Sighting.objects.filter(pk__in=sighting_ids).select_related("picture").order_by("party", "pk")
    hidden_ids = scoped.find_hidden_pictures(owner, [sighting.picture for sighting in sightings])
    return {
        "flood": flood,
        "why": describe_hold(flood),
        "shown": [sighting for sighting in sightings if sighting.picture_id not in hidden_ids],
        "pictures": len({held_match.found_picture for held_match in held_matches}),
        "sites": len({held_match.party for held_match in held_matches}),
        "more": len(held_matches) == MAX_EXAMINED,
    }


@decider_post(back="work")
def decide_hold(request: HttpRequest, owner: Owner, number: int) -> str:
    """Open the cases of a work on hold, dismiss the matches, or undo the dismissal."""
    row, decision = scoped.get_work(owner, number), request.POST.get("answer", "")
    if decision not in set(FloodAction):
        raise InvalidRequestError(f"{decision!r} is not a valid answer.")
    by, reason = request.user.get_username(), clean_text(request.POST.get("reason", ""))
    decide_flood(wiring.services(), row, FloodAction(decision), by=by, reason=reason)
    return str(CHANGE_LABELS[decision])
