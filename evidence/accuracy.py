"""The error rate of what the machine said, from the decisions of persons in the log.

A trial is a case. What counts of it is a person's first decision on it, in the order of the log: whether the pictures
are copies. A later change stays out: whoever has seen the rate could else change what went into it, and an interval
that is valid at any moment (:func:`exhibit.confidence.interval_at_any_time`) needs each trial to stay what it was. The
licence ledger and the switch for demonstrations aren't persons.

A decision whose opening was erased, can't be read, or is of the first version, which said nothing of the machine, is
*unknown*. It may have been the first one of a case of its own, or of one whose later decision is counted instead. The
interval holds whichever it was, in both classes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from exhibit.confidence import interval_at_any_time
from exhibit.entries import DECISION_VERSION
from exhibit.types import Decision

CLASSES = (Decision.CERTAIN, Decision.REVIEW)
_DECISIONS = ("open", "confirmed", "licensed", "cleared")
_DECIDERS = ("person", "ledger", "demonstration")


@dataclass(frozen=True, slots=True)
class Rate:
    """Cases of which the machine said the same, and what persons found.

    Attributes:
        decided: cases that a person has decided.
        wrong: those of them whose pictures aren't copies.
        unknown: decisions that can't be read any more.
    """

    decided: int
    wrong: int
    unknown: int

    @property
    def interval(self) -> tuple[float, float]:
        """The error rates that aren't refuted, whichever way the unknown ones were; 95%, at every moment together."""
        worst = self.wrong + self.unknown
        lower, _ = interval_at_any_time(max(0, self.wrong - self.unknown), self.decided)
        _, upper = interval_at_any_time(worst, max(worst, self.decided))
        return lower, upper


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What the log's decisions say.

    Attributes:
        decisions: entries that were looked at.
        certain: of what the machine called certain.
        review: of what it put up for review.
        changed: cases whose copies a person later judged otherwise than at first; their first decision counts.
        other: entries that are no person's judgement: of the ledger, of the switch for demonstrations, reopenings.
    """

    decisions: int
    certain: Rate
    review: Rate
    changed: int
    other: int

    def rate(self, decision: Decision) -> Rate:
        """The rate of a class."""
        return self.certain if decision is Decision.CERTAIN else self.review

    def to_plain(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "decisions": self.decisions,
            **{str(one): _plain(self.rate(one)) for one in CLASSES},
            "changed_later": self.changed,
            "no_judgement": self.other,
        }


@dataclass(frozen=True, slots=True)
class _Judgement:
    """A person's judgement of a case."""

    case: int
    said: Decision
    copies: bool


def count(openings: Iterable[Mapping[str, Any] | None]) -> Accuracy:
    """Count decisions.

    Args:
        openings: of every decision in the log, in its order; ``None`` for one that isn't there.
    """
    first: dict[int, _Judgement] = {}
    changed: set[int] = set()
    decisions = other = unknown = 0
    for opening in openings:
        decisions += 1
        read = None if opening is None else _judgement(opening)
        if read is None:
            unknown += 1
        elif isinstance(read, str):
            other += 1
        elif first.setdefault(read.case, read).copies != read.copies:
            changed.add(read.case)
    certain, review = (_rate([one for one in first.values() if one.said is said], unknown) for said in CLASSES)
    return Accuracy(decisions, certain, review, len(changed), other)


def in_words(accuracy: Accuracy) -> str:
    """Some lines for a reader."""
    heads = f"{'the machine said':<18}{'decided':>9}{'no copies':>11}{'unknown':>9}"
    lines = [f"{heads}   error rate (95%, valid at any moment)"]
    for one in CLASSES:
        rate = accuracy.rate(one)
        lines.append(f"{one!s:<18}{rate.decided:>9,}{rate.wrong:>11,}{rate.unknown:>9,}   {_between(rate)}")
    lines.append("")
    lines.append("A person's first decision on each case counts; cases that nobody has decided aren't in it.")
    if accuracy.changed:
        lines.append(f"Judged otherwise later, and counted as judged first: {accuracy.changed:,}.")
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
    return {
        "decided": rate.decided,
        "no_copies": rate.wrong,
        "unknown": rate.unknown,
        "at_least": round(lower, 6),
        "at_most": round(upper, 6),
    }


def _rate(judged: list[_Judgement], unknown: int) -> Rate:
    return Rate(len(judged), sum(not one.copies for one in judged), unknown)


def _judgement(opening: Mapping[str, Any]) -> _Judgement | str | None:
    """A person's judgement, or what stands there instead of one; ``None`` when it can't be read."""
    who, decision, machine = opening.get("who"), opening.get("decision"), opening.get("machine")
    if opening.get("version") != DECISION_VERSION or who not in _DECIDERS or decision not in _DECISIONS:
        return None
    if who != "person" or decision == "open":
        return str(who)
    said = machine.get("decision") if isinstance(machine, Mapping) else None
    case, copies = opening.get("case"), opening.get("copies")
    if said not in CLASSES or type(case) is not int or type(copies) is not bool:
        return None
    return _Judgement(case, Decision(said), copies)
