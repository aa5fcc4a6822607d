"""Trials of licences on existing cases, before the licences are saved."""

import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.db.models import Count, Q, QuerySet

from exhibit.network.addresses import get_registrable_domain
from registry.accounts.models import Owner
from registry.cases.licence_check import Ledger, SightingPlace, load_ledger
from registry.cases.models import Case, CaseSighting
from registry.cases.record_decision import LEDGER_ACTOR
from registry.db.rows import get_next_number
from registry.works.licences import NewLicence
from registry.works.models import Licence

MAX_LISTED = 50
"""Maximum number of cases that a trial lists; all affected cases are counted."""

BATCH_SIZE = 1_000
"""Initial batch size; it is doubled after each quick batch."""

QUICK_SECONDS = 0.05
"""Duration below which a batch counts as quick, in seconds."""

MAX_FILTERED_LICENCES = 20
"""Maximum number of licences for which sightings are preselected; for more licences, all of the owner's
sightings are checked."""

EFFECT_ORDER = ("reopened", "licensed", "decided", "partly")
"""Possible effects on a case, the most important first."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The effects that licences would have on existing cases; may be a partial result.

    Effects are ``reopened`` (licensed by the ledger and no longer covered), ``licensed`` (currently open), ``decided``
    (fully covered, but decided by a member, so not changed) and ``partly`` (open, with only some sightings covered).
    """

    counts: dict[str, int]  # by effect
    effects: dict[int, str]  # effects of the first affected cases, by case number
    looked_at: int  # number of cases checked
    after: int | None  # number of the last case checked; ``None`` when no cases are left

    def merge(self, later: "Trial") -> "Trial":
        """Merge this trial with its continuation."""
        counts = {effect: self.counts.get(effect, 0) + later.counts.get(effect, 0) for effect in EFFECT_ORDER}
        merged_effects = {**self.effects, **later.effects}
        listed_numbers = sorted(
            merged_effects, key=lambda number: (EFFECT_ORDER.index(merged_effects[number]), number)
        )[:MAX_LISTED]
        effects = {number: merged_effects[number] for number in listed_numbers}
        return Trial(counts, effects, self.looked_at + later.looked_at, later.after)


EMPTY_TRIAL = Trial({}, {}, 0, 0)
"""The initial state of a trial, before any case was checked."""


def try_licences(
    owner: Owner,
    new_licences: Sequence[NewLicence],
    *,
    replaced_licence: Licence | None = None,
    previous: Trial = EMPTY_TRIAL,
    seconds: float = math.inf,
) -> Trial:
    """Determine the effects of new licences on the owner's cases without saving anything.

    Args:
        owner: The owner.
        new_licences: The licences to try.
        replaced_licence: An existing licence that they would replace.
        previous: The result of an earlier call, to continue it.
        seconds: Time limit in seconds, after which a partial result is returned.
    """
    deadline, batch_size = time.monotonic() + seconds, BATCH_SIZE
    rows = [
        (new_licence.to_row(owner, number), new_licence)
        for number, new_licence in enumerate(new_licences, get_next_number(owner.licences))
    ]
    ledger = Ledger((row, frozenset(work.pk for work in new_licence.works)) for row, new_licence in rows)
    coverage_filter = _build_coverage_filter([row for row, _ in rows])
    other_ledger = load_ledger(owner.pk, excluded=frozenset({replaced_licence.pk})) if replaced_licence else None
    result = previous
    while result.after is not None:
        batch_start = time.monotonic()
        remaining_cases = Case.objects.filter(owner=owner, number__gt=result.after).order_by("number")
        batch = list(remaining_cases.values_list("number", flat=True)[:batch_size])
        if not batch:
            return replace(result, after=None)
        sightings = CaseSighting.objects.filter(
            case__owner=owner, case__number__gt=result.after, case__number__lte=batch[-1]
        )
        gained_sightings = Counter(
            case
            for case, is_covered in _check_coverage(sightings.filter(coverage_filter, licence=None), [ledger])
            if is_covered
        )
        lost_sightings = Counter[int]()
        if other_ledger is not None:
            coverage = _check_coverage(sightings.filter(licence=replaced_licence), [ledger, other_ledger])
            lost_sightings = Counter(case for case, is_covered in coverage if not is_covered)
        next_number_after = batch[-1] if len(batch) == batch_size else None
        result = result.merge(_count_effects(gained_sightings, lost_sightings, len(batch), next_number_after))
        if time.monotonic() > deadline:
            break
        if time.monotonic() - batch_start < QUICK_SECONDS:
            batch_size *= 2
    return result


def list_trial_cases(owner: Owner, trial: Trial) -> list[tuple[Case, str]]:
    """Return the cases listed by a trial, each with its effect."""
    matching = Case.objects.filter(owner=owner, number__in=trial.effects).select_related("work")
    rows = {case.number: case for case in matching}
    return [(rows[number], effect) for number, effect in trial.effects.items() if number in rows]


def _build_coverage_filter(rows: Sequence[Licence]) -> Q:
    """Build a filter for sightings that one of the licences may cover; it matches all if there are many licences."""
    if len(rows) > MAX_FILTERED_LICENCES:
        return Q()
    condition = Q(pk__in=())
    for row in rows:
        condition |= _build_licence_filter(row)
    return condition


def _build_licence_filter(licence: Licence) -> Q:
    """Build a filter for sightings that a licence may cover. The exact rule is applied to the filtered sightings."""
    condition = Q()
    if licence.domain:
        domain = licence.domain
        condition &= Q(case__party__startswith=get_registrable_domain(domain)) | Q(case__party__endswith=f".{domain}")
        condition &= Q(sighting__host=domain) | Q(sighting__host__endswith=f".{domain}")
    longest_part = max(licence.url_pattern.split("*"), key=len)
    if longest_part:
        condition &= Q(sighting__page_url__contains=longest_part) | Q(sighting__image_url__contains=longest_part)
    return condition


def _check_coverage(rows: QuerySet[CaseSighting], ledgers: Sequence[Ledger]) -> Iterable[tuple[int, bool]]:
    """Yield the case of each sighting, and True if one of the ledgers covers the sighting."""
    columns = ("host", "party", "page_url", "image_url", "last_seen", "period")
    values_rows = rows.values_list("case_id", "case__work_id", *(f"sighting__{name}" for name in columns))
    for case, work, *values in values_rows.iterator(chunk_size=5_000):
        place = SightingPlace(*values)
        yield case, any(ledger.find_covering_licence(work, place) is not None for ledger in ledgers)


def _count_effects(
    gained_sightings: Counter[int], lost_sightings: Counter[int], checked_count: int, after: int | None
) -> Trial:
    """Determine the effect on each case that gains or loses covered sightings; arguments are counts by case."""
    effects: dict[int, str] = {}
    uncovered_sightings = Count("case_sightings", filter=Q(case_sightings__licence=None))
    rows = (
        Case.objects.filter(pk__in={*gained_sightings, *lost_sightings}).annotate(left=uncovered_sightings).order_by()
    )
    for pk, number, decision, by, open_rows in rows.values_list("pk", "number", "decision", "decided_by", "left"):
        uncovered_count = open_rows + lost_sightings[pk] - gained_sightings[pk]
        if effect := _determine_effect(
            decision, by_ledger=by == LEDGER_ACTOR, uncovered_count=uncovered_count, gained_count=gained_sightings[pk]
        ):
            effects[number] = effect
    return Trial(dict(Counter(effects.values())), effects, checked_count, after)


def _determine_effect(decision: str, *, by_ledger: bool, uncovered_count: int, gained_count: int) -> str:
    if decision == Case.Decision.LICENSED:
        return "reopened" if by_ledger and uncovered_count > 0 else ""
    if decision == Case.Decision.OPEN:
        return "licensed" if uncovered_count <= 0 else "partly" if gained_count else ""
    return "decided" if uncovered_count <= 0 and gained_count else ""
