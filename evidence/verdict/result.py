"""What checking a bundle says: checks by name, each with its state and a sentence, and what follows from them all."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ParamSpec

from evidence.formats.codec import FormatError, to_plain
from evidence.formats.errors import PendingProofError, UnknownWitnessError
from evidence.verdict.grades import Grade, State, grades_of
from exhibit.clock import rfc3339
from exhibit.digests import Digest
from exhibit.errors import ExitCode, IntegrityError, NotFoundError, WrongUseError

__all__ = [
    "Check", "Line", "State", "Time", "Verdict", "checked", "expect", "failed", "gravest", "not_checked", "passed",
    "require", "second", "worst",
]  # fmt: skip
UNKNOWN = "unknown witness"
LEFT_OUT = "Not in this bundle: "
CONTAINER_CHANGED = "container changed, evidence intact"
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Check:
    """One check by a stable name, such as ``signature`` or ``file:data/facts.json``, and what was found, in words."""

    name: str
    state: State
    sentence: str
    time: datetime | None = None  # what a witness states, aware, UTC; only with checks of witnesses
    development: str = ""  # the label of the pinned entry it rests on, when that entry is for trials; else empty
    by: str = ""  # the name of the pinned entry it rests on, or of the log; else empty
    similarity: float | None = None  # of two pictures, as it was computed here; only with checks of matches
    remarks: tuple[str, ...] = ()  # what a reader is to know of visits, pictures or what files state before all else
    part: float | None = None  # the larger share of one of both pictures that this is of; only with checks of matches
    outcome: str = ""  # what the visits came to; only with ``captures``
    share: float | None = None  # of the registered picture that was compared; only with checks of matches

    def to_plain(self) -> dict[str, Any]:
        """Plain JSON data; what is empty isn't named."""
        time = rfc3339(self.time) if self.time is not None else ""
        more = {"time": time, "development": self.development, "by": self.by}
        plain = {"name": self.name, "state": str(self.state), "sentence": self.sentence}
        figure = {} if self.similarity is None else {"similarity": round(self.similarity, 4)}
        return plain | figure | {name: value for name, value in more.items() if value}


@dataclass(frozen=True, slots=True)
class Time:
    """A time that a bundle states: of what it is, such as ``sealed`` or ``first seen:01``, and on whose word it rests.

    It is aware, UTC; text as it was written where the owner declared it. It rests on a witness by its name, the
    ``log``, the ``operator's clock`` or a ``declaration``.
    """

    of: str
    time: datetime | str
    rests_on: str

    @property
    def moment(self) -> datetime:
        """The time of one that isn't declared."""
        assert isinstance(self.time, datetime)
        return self.time

    @property
    def words(self) -> str:
        """The time in words."""
        return f"{self.of} {second(self.moment)} by the {self.rests_on}"

    def to_plain(self) -> dict[str, str]:
        """Plain JSON data."""
        time = self.time if isinstance(self.time, str) else rfc3339(self.time)
        return {"of": self.of, "time": time, "rests_on": self.rests_on}


@dataclass(frozen=True, slots=True)
class Line:
    """A line that a verdict begins with: of what it is, what is said of it, and by whose word or which check."""

    of: str
    value: str
    by: str


def passed(name: str, sentence: str, by: str = "", development: str = "") -> Check:
    """A check that passed; by whose word, and the label of that entry when it is for trials."""
    return Check(name, State.PASSED, sentence, development=development, by=by)


def failed(name: str, sentence: str) -> Check:
    """A check that failed."""
    return Check(name, State.FAILED, sentence)


def not_checked(name: str, sentence: str) -> Check:
    """A check that couldn't be made."""
    return Check(name, State.NOT_CHECKED, sentence)


def expect(holds: object, problem: str) -> None:
    """Raise ``FormatError`` with the problem unless something holds."""
    if not holds:
        raise FormatError(problem)


def checked(name: str, look: Callable[P, str | Check], *args: P.args, **kwargs: P.kwargs) -> Check:
    """The check that looking gives: passed with a sentence, or what an error says.

    ``NotFoundError``, ``PendingProofError`` and ``UnknownWitnessError`` say that it couldn't be made.
    """
    try:
        found = look(*args, **kwargs)
    except PendingProofError as error:
        return not_checked(name, f"pending: {error.message}")
    except UnknownWitnessError as error:
        return not_checked(name, f"{UNKNOWN}: {error.message}")
    except NotFoundError as error:
        return not_checked(name, error.message)
    except (FormatError, IntegrityError, WrongUseError) as error:
        return failed(name, error.message)
    return passed(name, found) if isinstance(found, str) else found


@dataclass(frozen=True, slots=True)
class Verdict:
    """All checks of a bundle, in its order.

    The seal digest is ``None`` when the manifest couldn't be read, the grades that the trust list asks for are ``None``
    for all that the bundle has anything of. Times are empty where they contradict each other. The views of logs and the
    account of the case are to be compared with other bundles' (``verify.split_views``, ``verify.contradictions``).
    """

    bundle: str
    seal: Digest | None
    trust_dated: str
    checks: tuple[Check, ...]
    withheld: tuple[str, ...] = ()
    asked: tuple[str, ...] | None = None
    times: tuple[Time, ...] = ()
    views: tuple[Any, ...] = ()
    account: Any = None
    lines: tuple[Line, ...] = ()  # what was decided of whom and of which work, and what nobody can examine

    @property
    def grades(self) -> tuple[Grade, ...]:
        """What was shown, by subject, and who vouches for it."""
        return grades_of(self.checks, self.asked)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.state is State.FAILED)

    @property
    def outcome(self) -> ExitCode:
        """``DONE`` when complete, ``CHECK_FAILED``, or ``INCOMPLETE``: nothing failed, and a required grade lacks."""
        if self.failures:
            return ExitCode.CHECK_FAILED
        return ExitCode.INCOMPLETE if self._lacking(required=True) else ExitCode.DONE

    @property
    def existed_by(self) -> datetime | None:
        """The earliest time that a pinned witness states for the whole, or ``None``."""
        return next((check.time for check in self.checks if check.name == "time"), None)

    @property
    def development(self) -> tuple[str, ...]:
        """Labels of pinned entries for trials that something here rests on."""
        return tuple(dict.fromkeys(check.development for check in self.checks if check.development))

    @property
    def sentence(self) -> str:
        """The whole in one or two sentences."""
        return " ".join([self._result(), *self._notes()])

    def to_plain(self) -> dict[str, Any]:
        """Plain JSON data for programs."""
        words = {ExitCode.DONE: "complete", ExitCode.CHECK_FAILED: "failed", ExitCode.INCOMPLETE: "incomplete"}
        return {
            "bundle": self.bundle,
            "seal": self.seal.hex if self.seal else None,
            "outcome": words[self.outcome],
            "exit_code": int(self.outcome),
            "existed_no_later_than": rfc3339(self.existed_by) if self.existed_by else None,
            "withheld": list(self.withheld),
            "development": list(self.development),
            "trust_dated": self.trust_dated,
            "sentence": self.sentence,
            "lines": [to_plain(line) for line in self.lines],
            "grades": [to_plain(grade) for grade in self.grades],
            "times": [time.to_plain() for time in self.times],
            "checks": [check.to_plain() for check in self.checks],
        }

    def _result(self) -> str:
        if self.failures:
            names = ", ".join(check.name for check in self.failures[:5])
            more = f" and {len(self.failures) - 5} more" if len(self.failures) > 5 else ""
            return f"Failed: {names}{more}."
        if self.outcome is ExitCode.DONE and self.existed_by is not None:
            beside = self._lacking(required=False)
            unasked = f" Not shown, and not asked for: {', '.join(beside)}." if beside else ""
            said = "" if not self.times else " Earlier times in it rest on the log and the operator's clock alone."
            by = next(check.by for check in self.checks if check.name == "time")
            when = f"{second(self.existed_by)} by the word of {by}"
            return f"Complete: nothing failed, and all of it existed no later than {when}.{said}{unasked}"
        return f"Incomplete: nothing failed; not shown: {', '.join(self._lacking(required=True))}."

    def _lacking(self, *, required: bool) -> list[str]:
        """The grades that weren't reached, each with the checks that it lacks."""
        return [grade.name for grade in self.grades if grade.state is not State.PASSED and grade.required is required]

    def _notes(self) -> Iterator[str]:
        """What is to be said besides."""
        for check in self.checks:
            if check.name == "captures" and check.remarks:
                yield f"Of the visits: {'; '.join(check.remarks)}."
        if count := len(self.withheld):
            words = f"{count} sealed files are" if count > 1 else "1 sealed file is"
            yield f"{words} withheld from this copy."
        if count := sum(check.sentence.startswith(LEFT_OUT) for check in self.checks):
            words = f"{count} files aren't" if count > 1 else "1 file isn't"
            yield f"{words} in this bundle since it was sealed."
        if any(check.name == "container" and check.sentence.startswith(CONTAINER_CHANGED) for check in self.checks):
            yield "Container changed, evidence intact."
        if self.development:
            labels = "; ".join(self.development)
            yield f"It rests on witnesses for development, which have no legal weight: {labels}."


def require(verdict: Verdict) -> None:
    """Raise ``IntegrityError`` with the sentence of the first check that failed."""
    for check in verdict.failures:
        raise IntegrityError(f"{check.name}: {check.sentence}")


def gravest(outcomes: Iterable[ExitCode]) -> ExitCode:
    """What several bundles come to: the gravest of their outcomes."""
    order = (ExitCode.CHECK_FAILED, ExitCode.WRONG_USE, ExitCode.INCOMPLETE, ExitCode.DONE)
    return min(outcomes, key=order.index, default=ExitCode.DONE)


def worst(states: Iterable[State]) -> State:
    """``FAILED`` before ``NOT_CHECKED`` before ``PASSED``."""
    return max(states, key=(State.PASSED, State.NOT_CHECKED, State.FAILED).index, default=State.NOT_CHECKED)


def second(moment: datetime) -> str:
    """A time for a reader, to the second."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
