"""Error rate of automatic results, computed from the decisions of reviewers in the log.

Each case is one trial. Its result is the first decision by a person, in the order of the log: copies or not copies.
Later changes are not counted: a person who has seen the rate could otherwise change its input, and an interval that is
valid at any time (:func:`exhibit.comparison.rate_bounds.compute_anytime_interval`) requires that trials stay unchanged.
Decisions by the licence ledger and by the switch for demonstrations are not decisions by a person.

A decision that the same person undoes within :data:`SLIP_PERIOD`, with no other decision on the case in between, is
treated as a slip and is not counted. The times of the log entries show this, so anybody can reproduce the count.

A decision whose opening was erased or cannot be read, or is of the first version, which did not include the machine's
result, is *unknown*. It may be the first decision on its case, or an earlier one on a case whose later decision is
counted. The interval is valid in both situations and for both classes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from exhibit.comparison.rate_bounds import compute_anytime_interval
from exhibit.entries import DECISION_VERSION
from exhibit.types import CaseDecision, Decision

DECISION_CLASSES = (Decision.CERTAIN, Decision.REVIEW)
SLIP_PERIOD = timedelta(seconds=60)  # a decision that the same person undoes within this time is a slip
_DECISION_SOURCES = ("person", "ledger", "demonstration")


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """Numbers of cases with the same automatic result, by the decisions of reviewers."""

    decided: int  # cases that a person has decided
    wrong: int  # number of these whose pictures are not copies
    unknown: int  # decisions that can no longer be read

    @property
    def interval(self) -> tuple[float, float]:
        """95% confidence interval of the error rate for any unknown decisions, valid simultaneously at all times."""
        max_wrong = self.wrong + self.unknown
        lower, _ = compute_anytime_interval(max(0, self.wrong - self.unknown), self.decided)
        _, upper = compute_anytime_interval(max_wrong, max(max_wrong, self.decided))
        return lower, upper


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Summary of the log's decisions."""

    decisions: int  # number of decisions in the log
    certain: ErrorRate  # rate of certain matches
    review: ErrorRate  # rate of matches for review
    changed: int  # cases with a different later decision; the first decision is counted
    other: int  # entries that are not a person's judgement: licence ledger, switch for demonstrations, reopenings
    slips: int  # decisions that were undone within :data:`SLIP_PERIOD` and are not counted

    def get_rate(self, decision: Decision) -> ErrorRate:
        """Return the error rate of a class of results."""
        return self.certain if decision is Decision.CERTAIN else self.review

    def to_plain(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {
            "decisions": self.decisions,
            **{
                str(decision_class): _rate_to_dict(self.get_rate(decision_class)) for decision_class in DECISION_CLASSES
            },
            "changed_later": self.changed,
            "no_judgement": self.other,
            "undone_at_once": self.slips,
        }


@dataclass(frozen=True, slots=True)
class _Judgement:
    case: int
    machine_decision: Decision
    is_copy: bool


_JudgementsByCase = dict[int, list[tuple[datetime, _Judgement]]]
DecisionEntry = tuple[datetime, Mapping[str, Any] | None]  # time of a decision's entry, and its opening if available


def count_decisions(entries: Iterable[DecisionEntry]) -> Accuracy:
    """Count all decisions in the log, given in its order."""
    by_case: _JudgementsByCase = {}
    decisions = unjudged_count = unknown = slip_count = 0
    for time, opening in entries:
        decisions += 1
        entry_judgement = None if opening is None else _parse_judgement(opening)
        if entry_judgement is None:
            unknown += 1
        elif isinstance(entry_judgement, _Judgement):
            by_case.setdefault(entry_judgement.case, []).append((time, entry_judgement))
        else:
            unjudged_count += 1
            slip_count += opening is not None and _undoes_slip(opening, time, by_case)
    judgements_by_case = [
        [entry_judgement for _, entry_judgement in case_judgements]
        for case_judgements in by_case.values()
        if case_judgements
    ]
    first_judgements = [case_judgements[0] for case_judgements in judgements_by_case]
    changed_count = sum(
        any(entry_judgement.is_copy != case_judgements[0].is_copy for entry_judgement in case_judgements)
        for case_judgements in judgements_by_case
    )
    classes = (
        [judgement for judgement in first_judgements if judgement.machine_decision is decision_class]
        for decision_class in DECISION_CLASSES
    )
    certain, review = (
        ErrorRate(len(judgements), sum(not judgement.is_copy for judgement in judgements), unknown)
        for judgements in classes
    )
    return Accuracy(decisions, certain, review, changed_count, unjudged_count, slip_count)


def _undoes_slip(opening: Mapping[str, Any], time: datetime, by_case: _JudgementsByCase) -> bool:
    """Remove the judgement that a reopening undoes as a slip; return True if there was one."""
    case, is_undone = opening.get("case"), opening.get("undone") is True and opening.get("decision") == "open"
    case_judgements = by_case.get(case, []) if type(case) is int else []
    if not is_undone or not case_judgements or not timedelta(0) <= time - case_judgements[-1][0] <= SLIP_PERIOD:
        return False
    case_judgements.pop()
    return True


def describe_accuracy(accuracy: Accuracy) -> str:
    """Format the error rates as a text table."""
    header = f"{{'automatic result'}}{'decided':>9}{'no copies':>11}{'unknown':>9}"
    lines = [f"{header}   error rate (95%, valid at any moment)"]
    for decision_class in DECISION_CLASSES:
        rate = accuracy.get_rate(decision_class)
        lines.append(
            f"{decision_class!s:<18}{rate.decided:>9,}{rate.wrong:>11,}{rate.unknown:>9,}   {_format_interval(rate)}"
        )
    lines.append("")
    lines.append("Each case counts once, with the first decision by a person. Undecided cases are not included.")
    if accuracy.changed:
        lines.append(f"Decision changed later (counted with the first decision): {accuracy.changed:,}.")
    if accuracy.slips:
        slip_seconds = f"{SLIP_PERIOD.total_seconds():.0f}"
        lines.append(f"Undone by the same person within {slip_seconds} s (not counted): {accuracy.slips:,}.")
    if accuracy.other:
        lines.append(f"Not decided by a person (licence ledger, demonstrations, reopened): {accuracy.other:,}.")
    return "\n".join(lines)


def _format_interval(rate: ErrorRate) -> str:
    if not rate.decided + rate.unknown:
        return "no decisions yet"
    lower, upper = rate.interval
    return f"between {lower:.2%} and {upper:.2%}"


def _rate_to_dict(rate: ErrorRate) -> dict[str, Any]:
    lower, upper = rate.interval
    counts = {"decided": rate.decided, "no_copies": rate.wrong, "unknown": rate.unknown}
    return {**counts, "at_least": round(lower, 6), "at_most": round(upper, 6)}


def _parse_judgement(opening: Mapping[str, Any]) -> _Judgement | str | None:
    """Parse a person's judgement; return the source of an entry without one, or ``None`` if it cannot be read."""
    source, decision, machine_result = opening.get("who"), opening.get("decision"), opening.get("machine")
    if opening.get("version") != DECISION_VERSION or source not in _DECISION_SOURCES or decision not in [*CaseDecision]:
        return None
    if source != "person" or decision == "open":
        return str(source)
    machine_decision = machine_result.get("decision") if isinstance(machine_result, Mapping) else None
    if machine_decision == Decision.RELATED:
        return str(machine_decision)
    case, is_copy = opening.get("case"), opening.get("copies")
    if machine_decision not in DECISION_CLASSES or type(case) is not int or type(is_copy) is not bool:
        return None
    return _Judgement(case, Decision(machine_decision), is_copy)
