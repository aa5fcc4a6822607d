"""Comparison of found copies with the ground truth."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from demo.edits import EDIT_NAMES
from demo.plan import CopyUse, Plan, Trap
from demo.reading import CrawlRefusal, ReportedCase


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """A case about an image that is not a copy of the work."""

    case: int
    work: str
    image_url: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of the run.

    Attributes:
        planted_counts: Number of copies on the sites, by edit.
        matched_counts: Number of copies that are in a case and not covered by a licence, by edit.
        review_count: Number of matched copies that require review, because the match is not certain.
        missed_uses: Copies in no case.
        spared_count: Number of licensed uses that were found and are recorded as covered by a licence.
        raised_uses: Licensed uses in a case without their licence.
        unnoticed_uses: Licensed uses in no case at all.
        false_alarms: Certain or confirmed uses that are not copies.
        refusal_counts: Number of refusals, by reason.
        unrefused_traps: Traps without a recorded refusal.
    """

    planted_counts: dict[str, int]
    matched_counts: dict[str, int]
    review_count: int
    missed_uses: tuple[CopyUse, ...]
    spared_count: int
    raised_uses: tuple[CopyUse, ...]
    unnoticed_uses: tuple[CopyUse, ...]
    false_alarms: tuple[FalseAlarm, ...]
    refusal_counts: dict[str, int]
    unrefused_traps: tuple[Trap, ...]


def compute_tally(plan: Plan, cases: Sequence[ReportedCase], refusals: Sequence[CrawlRefusal]) -> Tally:
    """Compare cases and refusals with the ground truth. Uses are identified by image URL, which is on one page only."""
    uncovered_uses = {
        (case.work, use.image_url): use.decision for case in cases for use in case.uses if use.licence is None
    }
    covered_uses = {(case.work, use.image_url) for case in cases for use in case.uses if use.licence is not None}
    matches = [use for use in plan.planted_uses if _get_key(use) in uncovered_uses]
    raised_uses = tuple(use for use in plan.licensed_uses if _get_key(use) in uncovered_uses)
    spared_uses = [use for use in plan.licensed_uses if _get_key(use) in covered_uses and use not in raised_uses]
    refused_urls = {refusal.url for refusal in refusals}
    return Tally(
        planted_counts=_count_by_edit(plan.planted_uses),
        matched_counts=_count_by_edit(matches),
        review_count=sum(uncovered_uses[_get_key(use)] != "certain" for use in matches),
        missed_uses=tuple(use for use in plan.planted_uses if _get_key(use) not in uncovered_uses),
        spared_count=len(spared_uses),
        raised_uses=raised_uses,
        unnoticed_uses=tuple(
            use for use in plan.licensed_uses if _get_key(use) not in covered_uses and use not in raised_uses
        ),
        false_alarms=_find_false_alarms(plan, cases),
        refusal_counts=dict(sorted(Counter(refusal.reason for refusal in refusals).items())),
        unrefused_traps=tuple(trap for trap in plan.traps if trap.image_url not in refused_urls),
    )


def _get_key(use: CopyUse) -> tuple[str, str]:
    return use.work, use.image_url


def _count_by_edit(uses: Sequence[CopyUse]) -> dict[str, int]:
    counts = Counter(use.edit for use in uses)
    return {edit: counts[edit] for edit in EDIT_NAMES}


def _find_false_alarms(plan: Plan, cases: Sequence[ReportedCase]) -> tuple[FalseAlarm, ...]:
    copies = {_get_key(use) for use in (*plan.planted_uses, *plan.licensed_uses, *plan.forbidden_uses)}
    return tuple(
        FalseAlarm(case.number, case.work, use.image_url)
        for case in cases
        for use in case.uses
        if (use.decision == "certain" or case.decision == "confirmed") and (case.work, use.image_url) not in copies
    )
