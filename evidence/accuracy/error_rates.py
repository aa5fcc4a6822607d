"""The error rate of the machine's results, from persons' decisions in the log.

A trial is a case. Its result is the first decision by a person, in the order of the log: whether the pictures are
copies. Later changes do not count: otherwise somebody who has seen the rate could change its input, and an interval
that is valid at any moment (``confidence.interval_at_any_time``) requires each trial to stay unchanged. The licence
ledger and the switch for demonstrations are not persons.

A slip is not a judgement: a decision that the same person took back within :data:`SLIP_PERIOD`, with no other decision
on the case in between, does not count. The entries' own times show this, so outsiders count the same.

A decision whose opening was erased or cannot be read, or is of the first version, which did not include the machine's
result, is *unknown*. It may have been the first one of its own case, or of a case whose later decision is counted
instead. The interval is valid in both situations, and in both classes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from exhibit.comparison.rate_bounds import interval_at_any_time
from exhibit.entries import DECISION_VERSION
from exhibit.types import CaseDecision, Decision

CLASSES = (Decision.CERTAIN, Decision.REVIEW)
SLIP_PERIOD = timedelta(seconds=60)  # a decision taken back by the same person within this time was a slip
_DECIDERS = ("person", "ledger", "demonstration")


@dataclass(frozen=True, slots=True)
class Rate:
    """Cases with the same machine result, and persons' findings."""

    decided: int  # cases that a person has decided
    wrong: int  # number of these whose pictures are not copies
    unknown: int  # decisions that can no longer be read

    @property
    def interval(self) -> tuple[float, float]:
        """Error rates that are not refuted, whatever the unknown decisions were; 95%, simultaneously at all moments."""
        worst = self.wrong + self.unknown
        lower, _ = interval_at_any_time(max(0, self.wrong - self.unknown), self.decided)
        _, upper = interval_at_any_time(worst, max(worst, self.decided))
        return lower, upper


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Summary of the log's decisions."""

    decisions: int  # number of decision entries
    certain: Rate  # rate of certain matches
    review: Rate  # rate of matches for review
    changed: int  # cases that a person later judged differently; their first decision counts
    other: int  # entries that are not a person's judgement: licence ledger, switch for demonstrations, reopenings
    slips: int  # decisions that were taken back at once and do not count

    def rate(self, decision: Decision) -> Rate:
        """Return the rate of a class."""
        return self.certain if decision is Decision.CERTAIN else self.review

    def to_plain(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {
            "decisions": self.decisions,
            **{str(kind): _plain(self.rate(kind)) for kind in CLASSES},
            "changed_later": self.changed,
            "no_judgement": self.other,
            "undone_at_once": self.slips,
        }


@dataclass(frozen=True, slots=True)
class _Judgement:
    case: int
    machine_decision: Decision
    copies: bool


_ByCase = dict[int, list[tuple[datetime, _Judgement]]]
Decided = tuple[datetime, Mapping[str, Any] | None]  # time of a decision's entry, and its opening if available


def count_decisions(entries: Iterable[Decided]) -> Accuracy:
    """Count every decision in the log, in its order."""
    by_case: _ByCase = {}
    decisions = other = unknown = slips = 0
    for time, opening in entries:
        decisions += 1
        entry_judgement = None if opening is None else _parse_judgement(opening)
        if entry_judgement is None:
            unknown += 1
        elif isinstance(entry_judgement, _Judgement):
            by_case.setdefault(entry_judgement.case, []).append((time, entry_judgement))
        else:
            other += 1
            slips += opening is not None and _undoes_slip(opening, time, by_case)
    judged = [[entry_judgement for _, entry_judgement in of_case] for of_case in by_case.values() if of_case]
    first = [of_case[0] for of_case in judged]
    changed = sum(any(entry_judgement.copies != of_case[0].copies for entry_judgement in of_case) for of_case in judged)
    classes = ([judgement for judgement in first if judgement.machine_decision is kind] for kind in CLASSES)
    certain, review = (
        Rate(len(judgements), sum(not judgement.copies for judgement in judgements), unknown) for judgements in classes
    )
    return Accuracy(decisions, certain, review, changed, other, slips)


def _undoes_slip(opening: Mapping[str, Any], time: datetime, by_case: _ByCase) -> bool:
    """Return True if a reopening undoes a slip; the judgement is then removed."""
    case, undone = opening.get("case"), opening.get("undone") is True and opening.get("decision") == "open"
    of_case = by_case.get(case, []) if type(case) is int else []
    if not undone or not of_case or not timedelta(0) <= time - of_case[-1][0] <= SLIP_PERIOD:
        return False
    of_case.pop()
    return True


def describe_accuracy(accuracy: Accuracy) -> str:
    """Return a table for a reader."""
    header = f"{{'automatic result'}}{'decided':>9}{'no copies':>11}{'unknown':>9}"
    lines = [f"{header}   error rate (95%, valid at any moment)"]
    for kind in CLASSES:
        rate = accuracy.rate(kind)
        lines.append(f"{kind!s:<18}{rate.decided:>9,}{rate.wrong:>11,}{rate.unknown:>9,}   {_format_interval(rate)}")
    lines.append("")
    lines.append("Each case counts once, with the first decision by a person. Undecided cases are not included.")
    if accuracy.changed:
        lines.append(f"Decision changed later (counted with the first decision): {accuracy.changed:,}.")
    if accuracy.slips:
        within = f"{SLIP_PERIOD.total_seconds():.0f}"
        lines.append(f"Undone by the same person within {within} s (not counted): {accuracy.slips:,}.")
    if accuracy.other:
        lines.append(f"Not decided by a person (licence ledger, demonstrations, reopened): {accuracy.other:,}.")
    return "\n".join(lines)


def _format_interval(rate: Rate) -> str:
    if not rate.decided + rate.unknown:
        return "no decisions yet"
    lower, upper = rate.interval
    return f"between {lower:.2%} and {upper:.2%}"


def _plain(rate: Rate) -> dict[str, Any]:
    lower, upper = rate.interval
    counts = {"decided": rate.decided, "no_copies": rate.wrong, "unknown": rate.unknown}
    return {**counts, "at_least": round(lower, 6), "at_most": round(upper, 6)}


def _parse_judgement(opening: Mapping[str, Any]) -> _Judgement | str | None:
    """Return a person's judgement, or the source of an entry without one; ``None`` if it cannot be read."""
    who, decision, machine = opening.get("who"), opening.get("decision"), opening.get("machine")
    if opening.get("version") != DECISION_VERSION or who not in _DECIDERS or decision not in [*CaseDecision]:
        return None
    if who != "person" or decision == "open":
        return str(who)
    machine_decision = machine.get("decision") if isinstance(machine, Mapping) else None
    if machine_decision == Decision.RESEMBLES:
        return str(machine_decision)
    case, copies = opening.get("case"), opening.get("copies")
    if machine_decision not in CLASSES or type(case) is not int or type(copies) is not bool:
        return None
    return _Judgement(case, Decision(machine_decision), copies)
