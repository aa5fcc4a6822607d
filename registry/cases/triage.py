"""Which cases wait for a person, and what their queue sorts by: kept beside each case, so that lists stay quick."""

from collections.abc import Iterable

from django.db import transaction

from exhibit.types import Decision
from registry.cases import look_alikes
from registry.models import Case, CaseSighting, Match

LIKELIHOODS = {Decision.CERTAIN: 0.9, Decision.REVIEW: 0.3, Decision.DERIVED: 0.1}
"""Where nothing is calibrated: how likely a match stands in the queue, by what was decided."""


def look_after(case: Case, gained: Iterable[CaseSighting] = ()) -> None:
    """Bring up to date what the queue knows of a case with its new rows; inside a transaction that has locked it.

    An open case waits, unless each of its matches is licensed or a look-alike that was learned: those lie in a drawer.
    A case that was cleared or licensed waits again when it gains what its decision didn't see.
    """
    matches = list(Match.objects.filter(case_sightings__case=case).distinct())
    best = max(matches, key=strength, default=None)
    rows = case.case_sightings.order_by("-sighting__last_seen", "-pk")
    case.shown = rows.filter(match=best).first()
    case.likelihood = max(map(likelihood, matches), default=0.0)
    case.places = rows.order_by().values("sighting__page_key", "sighting__image_key").distinct().count()
    case.waits = _waits(case, matches, list(gained))
    case.save(update_fields=["shown", "likelihood", "places", "waits"])


def likelihood(match: Match) -> float:
    """How likely a match is a copy, for sorting only."""
    if match.probability is not None:
        return match.probability
    return LIKELIHOODS[Decision(match.decision)]


def strength(match: Match) -> tuple[float, float, float, int]:
    """By which the strongest of several matches is found."""
    return LIKELIHOODS[Decision(match.decision)], match.probability or 0.0, match.dense, -match.pk


def set_aside(case: Case) -> None:
    """Look again after the owner's other open cases that what a case taught concerns, or no longer teaches.

    Each in a transaction of its own.
    """
    registered = Match.objects.filter(case_sightings__case=case).values("registered_id")
    others = Case.objects.filter(
        owner=case.owner_id, decision=Case.Decision.OPEN, case_sightings__match__registered__in=registered
    ).exclude(pk=case.pk)
    for pk in others.distinct().values_list("pk", flat=True):
        with transaction.atomic():
            look_after(Case.objects.select_for_update(no_key=True).get(pk=pk))


def take_out(case: Case) -> bool:
    """Take a case out of the drawer: it waits for a person, whatever was learned; returns whether it lay there."""
    return Case.objects.filter(pk=case.pk, decision=Case.Decision.OPEN, waits=False).update(waits=True) == 1


def _waits(case: Case, matches: list[Match], gained: list[CaseSighting]) -> bool:
    decision = Case.Decision
    if case.decision == decision.CONFIRMED:
        return False
    if case.decision == decision.OPEN:
        unlicensed = set(case.case_sightings.filter(licence=None).values_list("match_id", flat=True))
        asked = [match for match in matches if match.pk in unlicensed]
        return not asked or bool({match.pk for match in asked} - look_alikes.known_among(case.owner_id, asked))
    new = [row for row in gained if row.licence_id is None]
    if case.decision == decision.CLEARED:
        seen = set(case.case_sightings.exclude(pk__in=[row.pk for row in gained]).values_list("match_id", flat=True))
        new = [row for row in new if row.match_id not in seen]
        gains = {row.match_id for row in new}
        known = look_alikes.known_among(case.owner_id, [match for match in matches if match.pk in gains])
        new = [row for row in new if row.match_id not in known]
    return bool(new) or case.waits
