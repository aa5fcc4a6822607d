"""The grades of a verdict: which checks give each, and who vouches for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How a check ended, or a grade."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Row:
    """The checks that a grade needs (``?``: where they are), those that only mustn't fail, and who vouches."""

    needed: tuple[str, ...]
    beside: tuple[str, ...]
    by: str


GRADES = {
    "bytes": Row(
        ("manifest", "files", "facts"), ("container", "file:", "bag", "tools", "proofs"), "digests, computed here"
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
        "computed here; the registration as logged by {}",
    ),
    "decision": Row(("confirmed",), ("decision",), "the word of whoever decided"),
    "log": Row(
        ("entry", "inclusion", "checkpoint", "consistency", "cosigned?"),
        ("heads", "renewal:", "renewals"),
        "the pinned key of {}",
    ),
    "time": Row(("time", "order"), ("anchor:", "anchors", "witnesses"), "{}"),
    "sheet": Row(("sheet", "drawings?", "words?"), (), "made again here"),
}
SEEN = "seen-twice"
"""The check that, where it passed, says better than the table by whose word a capture is."""
ALWAYS = frozenset({"bytes", "owner", "log", "time"})
"""Grades without which nothing is complete, whatever a trust list asks for."""
WHERE_MADE = frozenset({"decision"})
"""Grades without which nothing is complete that has their checks: what nobody confirmed shows no infringement."""
BY_NAME = frozenset({"sheet"})
"""Grades that count only where a list names them: only `exhibit verify` makes their checks."""


@dataclass(frozen=True, slots=True)
class Grade:
    """One grade of a verdict; who vouches for it where it passed, and whether a verdict without it is incomplete."""

    name: str
    state: State
    by: str
    required: bool


def grades_of(checks: Sequence[Any], asked: Iterable[str] | None) -> tuple[Grade, ...]:
    """The grades of a bundle, given what the trust list asks for; ``None`` for all that the bundle has."""
    found = []
    for name, row in GRADES.items():
        needed = [check for check in checks if _is_among(check.name, row.needed)]
        if not needed and name not in ALWAYS.union(asked or ()):
            continue
        mine = [*needed, *(check for check in checks if _is_among(check.name, row.beside))]
        lacking = {need for need in row.needed if need[-1] not in ":?"} - {need.name for need in needed}
        state = State.PASSED if needed and not lacking else State.NOT_CHECKED
        state = State.NOT_CHECKED if any(need.state is State.NOT_CHECKED for need in needed) else state
        state = State.FAILED if any(check.state is State.FAILED for check in mine) else state
        seen = next((check.by for check in mine if check.name == SEEN), "")
        by = seen or row.by.format(", ".join(dict.fromkeys(check.by for check in mine if check.by)))
        required = name not in BY_NAME if asked is None else name in ALWAYS | WHERE_MADE.union(asked)
        found.append(Grade(name, state, by if state is State.PASSED else "", required))
    return tuple(found)


def _is_among(check: str, names: tuple[str, ...]) -> bool:
    return check in names or f"{check}?" in names or (f"{check.partition(':')[0]}:" in names and ":" in check)
