"""Grades of a verdict: the checks that each grade requires, and the party that vouches for the grade."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """State of a check or of a grade."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class GradeRule:
    """Rule for one grade: checks that must pass, other checks that must not fail, and who vouches for the grade.

    A needed check whose name ends in ``?`` is required only if the bundle has it.
    """

    needed_checks: tuple[str, ...]
    other_checks: tuple[str, ...]
    by: str


GRADES = {
    "bytes": GradeRule(
        ("manifest", "files", "facts"), ("container", "file:", "bag", "tools", "proofs"), "digests, recomputed"
    ),
    "owner": GradeRule(
        ("signature", "key"), ("revoked", "countersignature:", "countersignatures"), "the key of {} on the trust list"
    ),
    "capture": GradeRule(
        ("slice:", "captures?"),
        (
            "party",
            "credentials:",
            "capture:",
            "wacz:",
            "seen-twice",
            "seen-twice:",
            "web-archive:",
            "elsewhere",
            "elsewhere:",
        ),
        "the recording software, as logged by {}",
    ),
    "match": GradeRule(
        ("match:", "registration", "registration:"),
        ("pictures", "probability:", "odds:", "drawings", "sheet", "words"),
        "recomputed; the registration as logged by {}",
    ),
    "decision": GradeRule(("confirmed",), ("decision",), "declared by the person who decided"),
    "log": GradeRule(
        ("entry", "inclusion", "checkpoint", "consistency", "cosigned?"),
        ("heads", "renewal:", "renewals"),
        "the key of {} on the trust list",
    ),
    "time": GradeRule(("time", "order"), ("anchor:", "anchors", "timestamps"), "{}"),
    "sheet": GradeRule(("sheet", "drawings?", "words?"), (), "regenerated"),
}
SEEN_TWICE_CHECK = "seen-twice"
"""Check that, if it passed, names the partners who vouch for a capture; they replace the text of :data:`GRADES`."""
ALWAYS_REQUIRED = frozenset({"bytes", "owner", "log", "time"})
"""Grades that every complete verdict requires, regardless of the trust list."""
REQUIRED_IF_PRESENT = frozenset({"decision"})
"""Grades required if the bundle has their checks: a match without a decision is not evidence of an unlicensed use."""
REQUIRED_BY_NAME = frozenset({"sheet"})
"""Grades required only if the trust list names them, because only `exhibit verify` runs their checks."""


@dataclass(frozen=True, slots=True)
class Grade:
    """One grade of a verdict.

    ``by`` names the party that vouches for a passed grade. A verdict without a ``required`` grade is
    incomplete.
    """

    name: str
    state: State
    by: str
    required: bool


def compute_grades(checks: Sequence[Any], required_names: Iterable[str] | None) -> tuple[Grade, ...]:
    """Compute the grades of a bundle.

    Args:
        checks: All checks of the bundle.
        required_names: Grades that the trust list requires; ``None`` requires every grade for which the bundle has
            checks.
    """
    grades = []
    for name, rule in GRADES.items():
        matching_checks = [check for check in checks if is_listed(check.name, rule.needed_checks)]
        if not matching_checks and name not in ALWAYS_REQUIRED.union(required_names or ()):
            continue
        relevant_checks = [*matching_checks, *(check for check in checks if is_listed(check.name, rule.other_checks))]
        missing_names = {check_name for check_name in rule.needed_checks if check_name[-1] not in ":?"} - {
            check_name.name for check_name in matching_checks
        }
        state = State.PASSED if matching_checks and not missing_names else State.NOT_CHECKED
        state = (
            State.NOT_CHECKED if any(check_name.state is State.NOT_CHECKED for check_name in matching_checks) else state
        )
        state = State.FAILED if any(check.state is State.FAILED for check in relevant_checks) else state
        partners = next((check.by for check in relevant_checks if check.name == SEEN_TWICE_CHECK), "")
        by = partners or rule.by.format(", ".join(dict.fromkeys(check.by for check in relevant_checks if check.by)))
        required = (
            name not in REQUIRED_BY_NAME
            if required_names is None
            else name in ALWAYS_REQUIRED | REQUIRED_IF_PRESENT.union(required_names)
        )
        grades.append(Grade(name, state, by if state is State.PASSED else "", required))
    return tuple(grades)


def is_listed(check: str, names: tuple[str, ...]) -> bool:
    """Return True if names of checks, which may end in ``?`` or ``:``, include a check."""
    return check in names or f"{check}?" in names or (f"{check.partition(':')[0]}:" in names and ":" in check)
