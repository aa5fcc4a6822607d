"""Comparison of the found with the planted copies."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from demo.edits import EDITS
from demo.plan import Plan, Trap, Use
from demo.reading import SeenCase, SeenRefusal


@dataclass(frozen=True, slots=True)
class Alarm:
    """A case about an image that is not a copy of the work."""

    case: int
    work: str
    image_url: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of the run.

    Attributes:
        planted: Copies by edit.
        found: Copies that are in a case and not covered by a licence, by edit.
        for_review: Number of found copies left to a person, because the match is not certain.
        missed: Copies in no case.
        licensed_spared: Licensed uses that were found and are recorded as covered by a licence.
        licensed_raised: Licensed uses in a case without their licence.
        licensed_unnoticed: Licensed uses in no case at all.
        false_alarms: Certain or confirmed uses that are not copies.
        refused: Refusals by reason.
        not_refused: Traps without a recorded refusal.
    """

    planted: dict[str, int]
    matched: dict[str, int]
    for_review: int
    missed_uses: tuple[Use, ...]
    licensed_spared: int
    licensed_raised: tuple[Use, ...]
    licensed_unnoticed: tuple[Use, ...]
    false_alarms: tuple[Alarm, ...]
    refused: dict[str, int]
    not_refused: tuple[Trap, ...]


def tally(plan: Plan, cases: Sequence[SeenCase], refusals: Sequence[SeenRefusal]) -> Tally:
    """Compare cases and refusals with the plan. Uses are identified by image URL, since each is on one page only."""
    uncovered = {(case.work, use.image_url): use.decision for case in cases for use in case.uses if use.licence is None}
    covered_uses = {(case.work, use.image_url) for case in cases for use in case.uses if use.licence is not None}
    matches = [use for use in plan.planted if _place(use) in uncovered]
    raised = tuple(use for use in plan.licensed if _place(use) in uncovered)
    spared = [use for use in plan.licensed if _place(use) in covered_uses and use not in raised]
    refused_urls = {refusal.url for refusal in refusals}
    return Tally(
        planted=_by_edit(plan.planted),
        matched=_by_edit(matches),
        for_review=sum(uncovered[_place(use)] != "certain" for use in matches),
        missed_uses=tuple(use for use in plan.planted if _place(use) not in uncovered),
        licensed_spared=len(spared),
        licensed_raised=raised,
        licensed_unnoticed=tuple(use for use in plan.licensed if _place(use) not in covered_uses and use not in raised),
        false_alarms=_false_alarms(plan, cases),
        refused=dict(sorted(Counter(refusal.reason for refusal in refusals).items())),
        not_refused=tuple(trap for trap in plan.traps if trap.image_url not in refused_urls),
    )


def _place(use: Use) -> tuple[str, str]:
    return use.work, use.image_url


def _by_edit(uses: Sequence[Use]) -> dict[str, int]:
    counts = Counter(use.edit for use in uses)
    return {edit: counts[edit] for edit in EDITS}


def _false_alarms(plan: Plan, cases: Sequence[SeenCase]) -> tuple[Alarm, ...]:
    copies = {_place(use) for use in (*plan.planted, *plan.licensed, *plan.forbidden)}
    return tuple(
        Alarm(case.number, case.work, use.image_url)
        for case in cases
        for use in case.uses
        if (use.decision == "certain" or case.decision == "confirmed") and (case.work, use.image_url) not in copies
    )
