"""Result of checking a bundle: named checks, each with a state and a sentence, and the verdict based on them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ParamSpec

from evidence.formats.codec import FormatError, to_plain
from evidence.formats.errors import PendingProofError, UntrustedIssuerError
from evidence.verdict.grades import Grade, State, grades_of
from exhibit.clock import rfc3339
from exhibit.digests import Digest
from exhibit.errors import ExitCode, IntegrityError, NotFoundError, WrongUseError

__all__ = [
    "Check", "Line", "State", "Time", "Verdict", "checked", "expect", "failed", "most_severe", "not_checked", "passed",
    "require", "second", "worst",
]  # fmt: skip
UNKNOWN = "unknown witness"
LEFT_OUT = "Not in this bundle: "
CONTAINER_CHANGED = "container changed, evidence intact"
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Check:
    """Result of one check, identified by a stable name such as ``signature`` or ``file:data/facts.json``."""

    name: str
    state: State
    sentence: str
    time: datetime | None = None  # stated by a witness; aware, UTC; only in checks of witnesses
    development: str = ""  # label of the pinned entry that the check relies on if it is for development; else empty
    by: str = ""  # name of the pinned entry or log that the check relies on; else empty
    similarity: float | None = None  # of two pictures, as recomputed here; only in checks of matches
    remarks: tuple[str, ...] = ()  # important remarks on visits, pictures or file metadata
    part: float | None = None  # larger of the shares of both pictures that were compared; only in checks of matches
    outcome: str = ""  # combined result of the visits; only in ``captures``
    share: float | None = None  # share of the registered picture that was compared; only in checks of matches

    def to_plain(self) -> dict[str, Any]:
        """Return plain JSON data without empty fields."""
        time = rfc3339(self.time) if self.time is not None else ""
        more = {"time": time, "development": self.development, "by": self.by}
        plain = {"name": self.name, "state": str(self.state), "sentence": self.sentence}
        figure = {} if self.similarity is None else {"similarity": round(self.similarity, 4)}
        return plain | figure | {name: value for name, value in more.items() if value}


@dataclass(frozen=True, slots=True)
class Time:
    """A time that a bundle states, with its subject (such as ``sealed`` or ``first seen:01``) and its source.

    ``time`` is aware and in UTC, or the text as written if the owner declared it. ``rests_on`` is the name of a
    witness, the ``log``, the ``operator's clock`` or a ``declaration``.
    """

    of: str
    time: datetime | str
    rests_on: str

    @property
    def moment(self) -> datetime:
        """The time as a ``datetime``; only for times that are not declared."""
        assert isinstance(self.time, datetime)
        return self.time

    @property
    def words(self) -> str:
        """A phrase with subject, time and source."""
        return f"{self.of} {second(self.moment)} by the {self.rests_on}"

    def to_plain(self) -> dict[str, str]:
        """Return plain JSON data."""
        time = self.time if isinstance(self.time, str) else rfc3339(self.time)
        return {"of": self.of, "time": time, "rests_on": self.rests_on}


@dataclass(frozen=True, slots=True)
class Line:
    """A summary line at the start of a verdict: its subject, its value, and the person or check that it relies on."""

    of: str
    value: str
    by: str


def passed(name: str, sentence: str, by: str = "", development: str = "") -> Check:
    """Return a check that passed.

    Args:
        name: Name of the check.
        sentence: Result in words.
        by: Name of the pinned entry or log that the check relies on.
        development: Label of that entry if it is for development; else empty.
    """
    return Check(name, State.PASSED, sentence, development=development, by=by)


def failed(name: str, sentence: str) -> Check:
    """Return a check that failed."""
    return Check(name, State.FAILED, sentence)


def not_checked(name: str, sentence: str) -> Check:
    """Return a check that could not be run."""
    return Check(name, State.NOT_CHECKED, sentence)


def expect(holds: object, problem: str) -> None:
    """Raise ``FormatError`` with the problem if the condition is false."""
    if not holds:
        raise FormatError(problem)


def checked(name: str, look: Callable[P, str | Check], *args: P.args, **kwargs: P.kwargs) -> Check:
    """Call ``look`` and turn its result, or the error that it raises, into a check.

    ``NotFoundError``, ``PendingProofError`` and ``UntrustedIssuerError`` mean that the check could not be run;
    ``FormatError``, ``IntegrityError`` and ``WrongUseError`` mean that it failed.
    """
    try:
        result = look(*args, **kwargs)
    except PendingProofError as error:
        return not_checked(name, f"pending: {error.message}")
    except UntrustedIssuerError as error:
        return not_checked(name, f"{UNKNOWN}: {error.message}")
    except NotFoundError as error:
        return not_checked(name, error.message)
    except (FormatError, IntegrityError, WrongUseError) as error:
        return failed(name, error.message)
    return passed(name, result) if isinstance(result, str) else result


@dataclass(frozen=True, slots=True)
class Verdict:
    """All checks of a bundle, in the bundle's order.

    ``seal`` (the seal digest) is ``None`` if the manifest cannot be read. ``asked`` holds the grades that the trust
    list requires; ``None`` requires every grade that the bundle has checks for. ``times`` is empty if the times
    contradict each other. ``views`` (of logs) and ``account`` (of the case) are there to be compared with those of
    other bundles (``verify.split_views``, ``verify.contradictions``).
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
    lines: tuple[Line, ...] = ()  # summary: the decision, the party, the work, and facts that no check can examine

    @property
    def grades(self) -> tuple[Grade, ...]:
        """Grades by subject, each with who vouches for it."""
        return grades_of(self.checks, self.asked)

    @property
    def failures(self) -> tuple[Check, ...]:
        """Checks that failed."""
        return tuple(check for check in self.checks if check.state is State.FAILED)

    @property
    def outcome(self) -> ExitCode:
        """``CHECK_FAILED`` if a check failed, ``INCOMPLETE`` if only a required grade is missing, else ``DONE``."""
        if self.failures:
            return ExitCode.CHECK_FAILED
        return ExitCode.INCOMPLETE if self._list_missing(required=True) else ExitCode.DONE

    @property
    def existed_by(self) -> datetime | None:
        """Earliest time by which a pinned witness shows that the whole bundle existed, or ``None``."""
        return next((check.time for check in self.checks if check.name == "time"), None)

    @property
    def development(self) -> tuple[str, ...]:
        """Labels of the pinned development entries that any check relies on."""
        return tuple(dict.fromkeys(check.development for check in self.checks if check.development))

    @property
    def sentence(self) -> str:
        """Summary of the verdict in one or two sentences."""
        return " ".join([self._result(), *self._notes()])

    def to_plain(self) -> dict[str, Any]:
        """Return plain JSON data for programs."""
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
            beside = self._list_missing(required=False)
            unasked = f" Not proven, and not required: {', '.join(beside)}." if beside else ""
            suffix = "" if not self.times else " Earlier times are based on the log and the operator's clock only."
            by = next(check.by for check in self.checks if check.name == "time")
            when = f"{second(self.existed_by)} according to {by}"
            return f"Complete: no check failed, and the whole bundle existed no later than {when}.{suffix}{unasked}"
        return f"Incomplete: no check failed; not proven: {', '.join(self._list_missing(required=True))}."

    def _list_missing(self, *, required: bool) -> list[str]:
        """Return the names of grades that did not pass, either the required or the optional ones."""
        return [grade.name for grade in self.grades if grade.state is not State.PASSED and grade.required is required]

    def _notes(self) -> Iterator[str]:
        """Yield remarks on visits, withheld or left-out files, the container and development witnesses."""
        for check in self.checks:
            if check.name == "captures" and check.remarks:
                yield f"Remarks on visits: {'; '.join(check.remarks)}."
        if count := len(self.withheld):
            words = f"{count} sealed files are" if count > 1 else "1 sealed file is"
            yield f"{words} withheld from this copy."
        if count := sum(check.sentence.startswith(LEFT_OUT) for check in self.checks):
            words = f"{count} files are not" if count > 1 else "1 file is not"
            yield f"{words} included in this bundle since it was sealed."
        if any(check.name == "container" and check.sentence.startswith(CONTAINER_CHANGED) for check in self.checks):
            yield "Container changed, evidence intact."
        if self.development:
            labels = "; ".join(self.development)
            yield f"It is based on development services, which have no legal weight: {labels}."


def require(verdict: Verdict) -> None:
    """Raise ``IntegrityError`` with the sentence of the first check that failed."""
    for check in verdict.failures:
        raise IntegrityError(f"{check.name}: {check.sentence}")


def most_severe(outcomes: Iterable[ExitCode]) -> ExitCode:
    """Return the most severe of several outcomes."""
    order = (ExitCode.CHECK_FAILED, ExitCode.WRONG_USE, ExitCode.INCOMPLETE, ExitCode.DONE)
    return min(outcomes, key=order.index, default=ExitCode.DONE)


def worst(states: Iterable[State]) -> State:
    """Return the worst state: ``FAILED`` before ``NOT_CHECKED`` before ``PASSED``."""
    return max(states, key=(State.PASSED, State.NOT_CHECKED, State.FAILED).index, default=State.NOT_CHECKED)


def second(moment: datetime) -> str:
    """Format a time for a reader, to the second."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
