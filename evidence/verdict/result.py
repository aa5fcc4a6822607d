"""Result of checking a bundle: named checks, each with a state and a sentence, and the verdict based on them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ParamSpec

from evidence.formats.codec import FormatError, to_plain
from evidence.formats.errors import PendingProofError, UntrustedIssuerError
from evidence.verdict.grades import Grade, State, compute_grades
from exhibit.clock import format_rfc3339
from exhibit.digests import Digest
from exhibit.errors import ExitCode, IntegrityError, InvalidRequestError, NotFoundError

__all__ = [
    "Check",
    "Line",
    "State",
    "Time",
    "Verdict",
    "expect",
    "fail_check",
    "find_most_severe",
    "find_worst_state",
    "format_time",
    "pass_check",
    "raise_first_failure",
    "run_check",
    "skip_check",
]  # fmt: skip
UNLISTED = "not on the trust list"
LEFT_OUT_PREFIX = "Not in this bundle: "
CONTAINER_CHANGED = "container changed, evidence intact"
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Check:
    """Result of one check, identified by a stable name such as ``signature`` or ``file:data/facts.json``."""

    name: str
    state: State
    sentence: str
    time: datetime | None = None  # stated by a timestamp service; aware, UTC; only in checks of timestamps
    development: str = ""  # label of the pinned entry that the check relies on, if it is for development
    by: str = ""  # name of the pinned entry or log that the check relies on; else empty
    similarity: float | None = None  # similarity of two pictures, recomputed; only in checks of matches
    remarks: tuple[str, ...] = ()  # important remarks on visits, pictures or file metadata
    largest_fraction: float | None = (
        None  # larger of the compared fractions of both pictures; only in checks of matches
    )
    outcome: str = ""  # combined result of the visits; only in ``captures``
    registered_fraction: float | None = None  # compared fraction of the registered picture; only in checks of matches

    def to_plain(self) -> dict[str, Any]:
        """Return plain JSON data without empty fields."""
        time = format_rfc3339(self.time) if self.time is not None else ""
        optional_fields = {"time": time, "development": self.development, "by": self.by}
        plain = {"name": self.name, "state": str(self.state), "sentence": self.sentence}
        similarity_field = {} if self.similarity is None else {"similarity": round(self.similarity, 4)}
        return plain | similarity_field | {name: value for name, value in optional_fields.items() if value}


@dataclass(frozen=True, slots=True)
class Time:
    """A time that a bundle states, with its subject (such as ``sealed`` or ``first seen:01``) and its source.

    ``time`` is aware and in UTC, or the original text if the owner declared it. ``source`` is the name of a timestamp
    service, ``log``, ``operator's clock`` or ``declaration``.
    """

    subject: str
    time: datetime | str
    source: str

    @property
    def exact_time(self) -> datetime:
        """The time as a ``datetime``; not available for declared times."""
        assert isinstance(self.time, datetime)
        return self.time

    @property
    def description(self) -> str:
        """Phrase with subject, time and source."""
        return f"{self.subject} {format_time(self.exact_time)} by the {self.source}"

    def to_plain(self) -> dict[str, str]:
        """Return plain JSON data."""
        time = self.time if isinstance(self.time, str) else format_rfc3339(self.time)
        return {"of": self.subject, "time": time, "rests_on": self.source}


@dataclass(frozen=True, slots=True)
class Line:
    """A summary line at the start of a verdict: its subject, its value, and the person or check that it relies on."""

    of: str
    value: str
    by: str


def pass_check(name: str, sentence: str, by: str = "", development: str = "") -> Check:
    """Return a check that passed.

    Args:
        name: Name of the check.
        sentence: Description of the result.
        by: Name of the pinned entry or log that the check relies on.
        development: Label of that entry if the entry is for development; else empty.
    """
    return Check(name, State.PASSED, sentence, development=development, by=by)


def fail_check(name: str, sentence: str) -> Check:
    """Return a check that failed."""
    return Check(name, State.FAILED, sentence)


def skip_check(name: str, sentence: str) -> Check:
    """Return a check that could not be run."""
    return Check(name, State.NOT_CHECKED, sentence)


def expect(condition: object, problem: str) -> None:
    """Raise ``FormatError`` with this message if the condition is false."""
    if not condition:
        raise FormatError(problem)


def run_check(name: str, check_function: Callable[P, str | Check], *args: P.args, **kwargs: P.kwargs) -> Check:
    """Call a function and convert its result, or the error that it raises, into a check.

    ``NotFoundError``, ``PendingProofError`` and ``UntrustedIssuerError`` mean that the check could not be run;
    ``FormatError``, ``IntegrityError`` and ``InvalidRequestError`` mean that it failed.
    """
    try:
        result = check_function(*args, **kwargs)
    except PendingProofError as error:
        return skip_check(name, f"pending: {error.message}")
    except UntrustedIssuerError as error:
        return skip_check(name, f"{UNLISTED}: {error.message}")
    except NotFoundError as error:
        return skip_check(name, error.message)
    except (FormatError, IntegrityError, InvalidRequestError) as error:
        return fail_check(name, error.message)
    return pass_check(name, result) if isinstance(result, str) else result


@dataclass(frozen=True, slots=True)
class Verdict:
    """All checks of a bundle, in the bundle's order.

    ``seal`` (the seal digest) is ``None`` if the manifest cannot be read. ``required_grades`` contains the grades that
    the trust list requires; ``None`` requires every grade for which the bundle has checks. ``times`` is empty if the
    times contradict each other. ``views`` (of logs) and ``bundle_statements`` (about the case) serve for comparison
    with other bundles (``verify.split_views``, ``verify.contradictions``).
    """

    bundle: str
    seal: Digest | None
    trust_dated: str
    checks: tuple[Check, ...]
    withheld: tuple[str, ...] = ()
    required_grades: tuple[str, ...] | None = None
    times: tuple[Time, ...] = ()
    views: tuple[Any, ...] = ()
    bundle_statements: Any = None
    lines: tuple[Line, ...] = ()  # summary: decision, site, work, and facts that no check can examine

    @property
    def grades(self) -> tuple[Grade, ...]:
        """Grades by subject, each with the party that vouches for it."""
        return compute_grades(self.checks, self.required_grades)

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
    def existence_time(self) -> datetime | None:
        """Earliest time by which the whole bundle existed according to a pinned timestamp service, or ``None``."""
        return next((check.time for check in self.checks if check.name == "time"), None)

    @property
    def development_labels(self) -> tuple[str, ...]:
        """Labels of the pinned development entries that any check relies on."""
        return tuple(dict.fromkeys(check.development for check in self.checks if check.development))

    @property
    def sentence(self) -> str:
        """Summary of the verdict in one or two sentences."""
        return " ".join([self._describe_result(), *self._list_notes()])

    def to_plain(self) -> dict[str, Any]:
        """Return plain JSON data for programs."""
        outcome_names = {ExitCode.DONE: "complete", ExitCode.CHECK_FAILED: "failed", ExitCode.INCOMPLETE: "incomplete"}
        return {
            "bundle": self.bundle,
            "seal": self.seal.hex if self.seal else None,
            "outcome": outcome_names[self.outcome],
            "exit_code": int(self.outcome),
            "existed_no_later_than": format_rfc3339(self.existence_time) if self.existence_time else None,
            "withheld": list(self.withheld),
            "development": list(self.development_labels),
            "trust_dated": self.trust_dated,
            "sentence": self.sentence,
            "lines": [to_plain(line) for line in self.lines],
            "grades": [to_plain(grade) for grade in self.grades],
            "times": [time.to_plain() for time in self.times],
            "checks": [check.to_plain() for check in self.checks],
        }

    def _describe_result(self) -> str:
        if self.failures:
            names = ", ".join(check.name for check in self.failures[:5])
            rest = f" and {len(self.failures) - 5} more" if len(self.failures) > 5 else ""
            return f"Failed: {names}{rest}."
        if self.outcome is ExitCode.DONE and self.existence_time is not None:
            missing_optional = self._list_missing(required=False)
            optional_text = f" Not proven, and not required: {', '.join(missing_optional)}." if missing_optional else ""
            suffix = "" if not self.times else " Earlier times are based only on the log and the operator's clock."
            source = next(check.by for check in self.checks if check.name == "time")
            when = f"{format_time(self.existence_time)} according to {source}"
            return (
                f"Complete: no check failed, and the whole bundle existed no later than {when}.{suffix}{optional_text}"
            )
        return f"Incomplete: no check failed; not proven: {', '.join(self._list_missing(required=True))}."

    def _list_missing(self, *, required: bool) -> list[str]:
        """Return the names of the required (or optional) grades that did not pass."""
        return [grade.name for grade in self.grades if grade.state is not State.PASSED and grade.required is required]

    def _list_notes(self) -> Iterator[str]:
        """Yield remarks on visits, withheld or omitted files, the container and development timestamp services."""
        for check in self.checks:
            if check.name == "captures" and check.remarks:
                yield f"Remarks on visits: {'; '.join(check.remarks)}."
        if count := len(self.withheld):
            subject = f"{count} sealed files are" if count > 1 else "1 sealed file is"
            yield f"{subject} withheld from this copy."
        if count := sum(check.sentence.startswith(LEFT_OUT_PREFIX) for check in self.checks):
            subject = f"{count} files are not" if count > 1 else "1 file is not"
            yield f"{subject} part of the sealed bundle; facts.json gives the reasons."
        if any(check.name == "container" and check.sentence.startswith(CONTAINER_CHANGED) for check in self.checks):
            yield "Container changed, evidence intact."
        if self.development_labels:
            labels = "; ".join(self.development_labels)
            yield f"This verdict is based on development services, which have no legal weight: {labels}."


def raise_first_failure(verdict: Verdict) -> None:
    """Raise ``IntegrityError`` with the sentence of the first check that failed."""
    for check in verdict.failures:
        raise IntegrityError(f"{check.name}: {check.sentence}")


def find_most_severe(outcomes: Iterable[ExitCode]) -> ExitCode:
    """Return the most severe of several outcomes."""
    order = (ExitCode.CHECK_FAILED, ExitCode.INVALID_REQUEST, ExitCode.INCOMPLETE, ExitCode.DONE)
    return min(outcomes, key=order.index, default=ExitCode.DONE)


def find_worst_state(states: Iterable[State]) -> State:
    """Return the worst state: ``FAILED`` before ``NOT_CHECKED`` before ``PASSED``."""
    return max(states, key=(State.PASSED, State.NOT_CHECKED, State.FAILED).index, default=State.NOT_CHECKED)


def format_time(time: datetime) -> str:
    """Format a time for a reader, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC")
