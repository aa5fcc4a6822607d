"""Grades of a verdict: the checks that each grade needs, and who vouches for it."""

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
class Row:
    """Checks that a grade needs, checks that only must not fail, and who vouches for the grade.

    A needed check whose name ends in ``?`` is needed only where the bundle has it.
    """

    needed: tuple[str, ...]
    beside: tuple[str, ...]
    by: str


GRADES = {
    "bytes": Row(
        ("manifest", "files", "facts"), ("container", "file:", "bag", "tools", "proofs"), "digests, recomputed"
    ),
    "owner": Row(("signature", "key"), ("revoked", "countersignature:", "countersignatures"), "the pinned key of {}"),
    "capture": Row(
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
    "match": Row(
        ("match:", "registration", "registration:"),
        ("pictures", "probability:", "odds:", "drawings", "sheet", "words"),
        "recomputed; the registration as logged by {}",
    ),
    "decision": Row(("confirmed",), ("decision",), "declared by the person who decided"),
    "log": Row(
        ("entry", "inclusion", "checkpoint", "consistency", "cosigned?"),
        ("heads", "renewal:", "renewals"),
        "the pinned key of {}",
    ),
    "time": Row(("time", "order"), ("anchor:", "anchors", "witnesses"), "{}"),
    "sheet": Row(("sheet", "drawings?", "words?"), (), "regenerated"),
}
SEEN_TWICE = "seen-twice"
"""Check that, if passed, names who vouches for a capture more precisely than :data:`GRADES` does."""
ALWAYS = frozenset({"bytes", "owner", "log", "time"})
"""Grades that every complete verdict needs, whatever the trust list requires."""
WHERE_MADE = frozenset({"decision"})
"""Grades that a complete verdict needs if the bundle has their checks: an unconfirmed match shows no infringement."""
BY_NAME = frozenset({"sheet"})
"""Grades that are required only where a trust list names them: only `exhibit verify` runs their checks."""


@dataclass(frozen=True, slots=True)
class Grade:
    """One grade of a verdict.

    ``by`` names who vouches for the grade if it passed; a verdict without a ``required`` grade is incomplete.
    """

    name: str
    state: State
    by: str
    required: bool


def grades_of(checks: Sequence[Any], required_names: Iterable[str] | None) -> tuple[Grade, ...]:
    """Return the grades of a bundle.

    Args:
        checks: All checks of the bundle.
        required_names: Grades that the trust list requires; ``None`` requires every grade that the bundle has checks
            for.
    """
    grades = []
    for name, row in GRADES.items():
        needed = [check for check in checks if _is_among(check.name, row.needed)]
        if not needed and name not in ALWAYS.union(required_names or ()):
            continue
        relevant = [*needed, *(check for check in checks if _is_among(check.name, row.beside))]
        missing = {need for need in row.needed if need[-1] not in ":?"} - {need.name for need in needed}
        state = State.PASSED if needed and not missing else State.NOT_CHECKED
        state = State.NOT_CHECKED if any(need.state is State.NOT_CHECKED for need in needed) else state
        state = State.FAILED if any(check.state is State.FAILED for check in relevant) else state
        partners = next((check.by for check in relevant if check.name == SEEN_TWICE), "")
        by = partners or row.by.format(", ".join(dict.fromkeys(check.by for check in relevant if check.by)))
        required = name not in BY_NAME if required_names is None else name in ALWAYS | WHERE_MADE.union(required_names)
        grades.append(Grade(name, state, by if state is State.PASSED else "", required))
    return tuple(grades)


def _is_among(check: str, names: tuple[str, ...]) -> bool:
    return check in names or f"{check}?" in names or (f"{check.partition(':')[0]}:" in names and ":" in check)
