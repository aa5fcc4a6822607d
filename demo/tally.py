"""Holds what was found against what was planted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from demo.edits import EDITS
from demo.plan import Plan, Trap, Use
from demo.reading import SeenCase, SeenRefusal


@dataclass(frozen=True, slots=True)
class Alarm:
    """A case about a picture that is no copy of the work."""

    case: int
    work: str
    image_url: str


@dataclass(frozen=True, slots=True)
class Tally:
    """The result of the run.

    Attributes:
        planted: copies by edit.
        found: those of them that stand in a case and that no licence covers, by edit.
        for_review: how many of the found ones are left to a person, because the match isn't certain.
        missed: copies in no case.
        licensed_spared: licensed uses that were noticed and that a licence covers in the record.
        licensed_raised: licensed uses that stand in a case without their licence.
        licensed_unnoticed: licensed uses in no case at all.
        false_alarms: certain or confirmed uses that are no copies.
        refused: refusals by reason.
        not_refused: traps that no refusal was recorded for.
    """

    planted: dict[str, int]
    found: dict[str, int]
    for_review: int
    missed: tuple[Use, ...]
    licensed_spared: int
    licensed_raised: tuple[Use, ...]
    licensed_unnoticed: tuple[Use, ...]
    false_alarms: tuple[Alarm, ...]
    refused: dict[str, int]
    not_refused: tuple[Trap, ...]


def tally(plan: Plan, cases: Sequence[SeenCase], refusals: Sequence[SeenRefusal]) -> Tally:
    """Compare cases and refusals with the plan. A place is an image URL: each stands on one page only."""
    uncovered = {(case.work, use.image_url): use.decision for case in cases for use in case.uses if use.licence is None}
    covered = {(case.work, use.image_url) for case in cases for use in case.uses if use.licence is not None}
    found = [use for use in plan.planted if _place(use) in uncovered]
    raised = tuple(use for use in plan.licensed if _place(use) in uncovered)
    spared = [use for use in plan.licensed if _place(use) in covered and use not in raised]
    refused_urls = {refusal.url for refusal in refusals}
    return Tally(
        planted=_by_edit(plan.planted),
        found=_by_edit(found),
        for_review=sum(uncovered[_place(use)] != "certain" for use in found),
        missed=tuple(use for use in plan.planted if _place(use) not in uncovered),
        licensed_spared=len(spared),
        licensed_raised=raised,
        licensed_unnoticed=tuple(use for use in plan.licensed if _place(use) not in covered and use not in raised),
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
