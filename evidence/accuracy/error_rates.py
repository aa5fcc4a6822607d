"""The error rate of what the machine said, from the decisions of persons in the log.

A trial is a case. What counts of it is a person's first decision on it, in the order of the log: whether the pictures
are copies. A later change stays out: whoever has seen the rate could else change what went into it, and an interval
that is valid at any moment (``confidence.interval_at_any_time``) needs each trial to stay what it was. The
licence ledger and the switch for demonstrations aren't persons.

A hand that slips judges nothing: a decision that the same person took back within :data:`SLIP` of making it, with
nothing else decided on the case between, counts for nobody. The entries' own times say so, so outsiders count alike.

A decision whose opening was erased, can't be read, or is of the first version, which said nothing of the machine, is
*unknown*. It may have been the first one of a case of its own, or of one whose later decision is counted instead. The
interval holds whichever it was, in both classes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from exhibit.comparison.confidence import interval_at_any_time
from exhibit.entries import DECISION_VERSION
from exhibit.types import CaseDecision, Decision

CLASSES = (Decision.CERTAIN, Decision.REVIEW)
SLIP = timedelta(seconds=60)  # a decision that the same person takes back within so long was a slip
_DECIDERS = ("person", "ledger", "demonstration")


@dataclass(frozen=True, slots=True)
class Rate:
    """Cases of which the machine said the same, and what persons found."""

    decided: int  # cases that a person has decided
    wrong: int  # those of them whose pictures aren't copies
    unknown: int  # decisions that can't be read any more

    @property
    def interval(self) -> tuple[float, float]:
        """The error rates that aren't refuted, whichever way the unknown ones were; 95%, at every moment together."""
        worst = self.wrong + self.unknown
        lower, _ = interval_at_any_time(max(0, self.wrong - self.unknown), self.decided)
        _, upper = interval_at_any_time(worst, max(worst, self.decided))
        return lower, upper


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What the log's decisions say."""

    decisions: int  # entries that were looked at
    certain: Rate  # of what the machine called certain
    review: Rate  # of what it put up for review
    changed: int  # cases whose copies a person later judged otherwise than at first; their first decision counts
    other: int  # entries that are no person's judgement: of the ledger, of the switch for demonstrations, reopenings
    slips: int  # decisions that were taken back at once, which count for nobody

    def rate(self, decision: Decision) -> Rate:
        """The rate of a class."""
        return self.certain if decision is Decision.CERTAIN else self.review

    def to_plain(self) -> dict[str, Any]:
        """Plain JSON data."""
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
    said: Decision
    copies: bool


_ByCase = dict[int, list[tuple[datetime, _Judgement]]]
Decided = tuple[datetime, Mapping[str, Any] | None]  # the time of a decision's entry, and its opening if it is there


def count(entries: Iterable[Decided]) -> Accuracy:
    """Count every decision in the log, in its order."""
    by_case: _ByCase = {}
    decisions = other = unknown = slips = 0
    for time, opening in entries:
        decisions += 1
        read = None if opening is None else _judgement(opening)
        if read is None:
            unknown += 1
        elif isinstance(read, _Judgement):
            by_case.setdefault(read.case, []).append((time, read))
        else:
            other += 1
            slips += opening is not None and _takes_back(opening, time, by_case)
    judged = [[read for _, read in of_case] for of_case in by_case.values() if of_case]
    first = [of_case[0] for of_case in judged]
    changed = sum(any(read.copies != of_case[0].copies for read in of_case) for of_case in judged)
    classes = ([judgement for judgement in first if judgement.said is said] for said in CLASSES)
    certain, review = (Rate(len(of), sum(not judgement.copies for judgement in of), unknown) for of in classes)
    return Accuracy(decisions, certain, review, changed, other, slips)


def _takes_back(opening: Mapping[str, Any], time: datetime, by_case: _ByCase) -> bool:
    """Whether a reopening undoes a slip; the judgement is taken out then."""
    case, undone = opening.get("case"), opening.get("undone") is True and opening.get("decision") == "open"
    of_case = by_case.get(case, []) if type(case) is int else []
    if not undone or not of_case or not timedelta(0) <= time - of_case[-1][0] <= SLIP:
        return False
    of_case.pop()
    return True


def in_words(accuracy: Accuracy) -> str:
    """Some lines for a reader."""
    heads = f"{'the machine said':<18}{'decided':>9}{'no copies':>11}{'unknown':>9}"
    lines = [f"{heads}   error rate (95%, valid at any moment)"]
    for kind in CLASSES:
        rate = accuracy.rate(kind)
        lines.append(f"{kind!s:<18}{rate.decided:>9,}{rate.wrong:>11,}{rate.unknown:>9,}   {_between(rate)}")
    lines.append("")
    lines.append("A person's first decision on each case counts; cases that nobody has decided aren't in it.")
    if accuracy.changed:
        lines.append(f"Judged otherwise later, and counted as judged first: {accuracy.changed:,}.")
    if accuracy.slips:
        within = f"{SLIP.total_seconds():.0f}"
        lines.append(f"Taken back by the same person within {within} s, and counted for nobody: {accuracy.slips:,}.")
    if accuracy.other:
        lines.append(f"Not a person's judgement (licence ledger, demonstrations, reopened): {accuracy.other:,}.")
    return "\n".join(lines)


def _between(rate: Rate) -> str:
    if not rate.decided + rate.unknown:
        return "nothing decided yet"
    lower, upper = rate.interval
    return f"between {lower:.2%} and {upper:.2%}"


def _plain(rate: Rate) -> dict[str, Any]:
    lower, upper = rate.interval
    counted = {"decided": rate.decided, "no_copies": rate.wrong, "unknown": rate.unknown}
    return {**counted, "at_least": round(lower, 6), "at_most": round(upper, 6)}


def _judgement(opening: Mapping[str, Any]) -> _Judgement | str | None:
    """A person's judgement, or what stands there instead of one; ``None`` when it can't be read."""
    who, decision, machine = opening.get("who"), opening.get("decision"), opening.get("machine")
    if opening.get("version") != DECISION_VERSION or who not in _DECIDERS or decision not in [*CaseDecision]:
        return None
    if who != "person" or decision == "open":
        return str(who)
    said = machine.get("decision") if isinstance(machine, Mapping) else None
    if said == Decision.RESEMBLES:
        return str(said)
    case, copies = opening.get("case"), opening.get("copies")
    if said not in CLASSES or type(case) is not int or type(copies) is not bool:
        return None
    return _Judgement(case, Decision(said), copies)
