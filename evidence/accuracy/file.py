"""File for computing an installation's error rate independently: the whole log, with its decisions opened.

The format is JSON lines. The first line states the format and contains a signed checkpoint, and the number of seconds
within which a decision that was taken back does not count. Then follows one line for each entry under the checkpoint,
in order: ``type``, ``time``, ``commitment``, and for decisions also ``salt`` and ``opening``, unless they were erased.

All entries are needed, not only the decisions: only the types of all entries show that no decision was left out.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from evidence.accuracy.error_rates import SLIP_PERIOD, Accuracy, Decided, count_decisions
from evidence.formats.codec import FormatError, from_plain, parse_json, to_plain
from evidence.log import merkle
from evidence.log.notes import Note, parse_note
from evidence.log.proofs import matches_commitment
from evidence.verdict.result import Check, State, failed, passed
from evidence.verdict.trust import Trust
from evidence.verify.checks.proofs import check_note
from exhibit.clock import now, rfc3339
from exhibit.entries import Entry, EntryType, canonical
from exhibit.errors import ExitCode, IntegrityError, WrongUseError
from exhibit.types import Json

ACCURACY_FORMAT = "exhibit-accuracy/1"
MAX_LINE = 1 << 16
SLIP_SECONDS = int(SLIP_PERIOD.total_seconds())


@dataclass(frozen=True, slots=True)
class LoggedEntry:
    """A log entry, with salt and opening if it is a decision and they are available."""

    entry: Entry
    salt: bytes | None = None
    opening: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class AccuracyVerdict:
    """Checks of a file, and the error rate if no check failed."""

    checks: tuple[Check, ...]  # ``entries``, ``openings``, ``checkpoint``
    accuracy: Accuracy | None  # result of the decisions; ``None`` if a check failed
    size: int  # number of log entries

    @property
    def outcome(self) -> ExitCode:
        """0 if all checks passed, 1 if a check failed, 4 if no pinned log has signed the checkpoint."""
        states = {check.state for check in self.checks}
        if State.FAILED in states:
            return ExitCode.CHECK_FAILED
        return ExitCode.INCOMPLETE if State.NOT_CHECKED in states else ExitCode.DONE

    def to_plain(self) -> dict[str, Any]:
        """Return plain JSON data."""
        checks = [{"name": check.name, "state": str(check.state), "sentence": check.sentence} for check in self.checks]
        accuracy = None if self.accuracy is None else self.accuracy.to_plain()
        return {"exit_code": int(self.outcome), "entries": self.size, "checks": checks, "accuracy": accuracy}


@dataclass(frozen=True, slots=True)
class _Header:
    """The first line."""

    checkpoint: str
    written_at: str
    undone_within_seconds: int
    format: str = ACCURACY_FORMAT


@dataclass(frozen=True, slots=True)
class _Line:
    """Line of an entry that is not a decision, or of a decision whose opening was erased."""

    type: EntryType
    time: datetime
    commitment: bytes


class RunningRoot:
    """Root over leaves that arrive one by one, with memory logarithmic in their number (RFC 9162)."""

    def __init__(self) -> None:
        self.size = 0
        self._last: dict[int, bytes] = {}
        self._node: merkle.Node = lambda level, _index: self._last[level]  # only the last node of a level is needed

    def add(self, leaf: bytes) -> None:
        """Append a leaf hash."""
        self._last |= {level: value for level, _, value in merkle.list_completed_nodes(self.size, leaf, self._node)}
        self.size += 1

    @property
    def root(self) -> bytes:
        """The root over all leaves so far."""
        return merkle.compute_root(self.size, self._node)


def write_accuracy(out: BinaryIO, checkpoint: str, entries: Iterable[LoggedEntry]) -> None:
    """Write the file of a signed note and all entries under it, in order."""
    header = {"format": ACCURACY_FORMAT, "checkpoint": checkpoint, "written_at": rfc3339(now())}
    out.write(canonical({**header, "undone_within_seconds": SLIP_SECONDS}) + b"\n")
    for entry in entries:
        line = json.loads(entry.entry.leaf_bytes)
        if entry.salt is not None and entry.opening is not None:
            line |= {"salt": entry.salt.hex(), "opening": to_plain(entry.opening)}
        out.write(canonical(line) + b"\n")


def check_accuracy(path: Path, trust: Trust) -> AccuracyVerdict:
    """Check the result of :func:`write_accuracy` and compute the error rate.

    Raises ``WrongUseError`` for another file.
    """
    try:
        with path.open("rb") as file:
            return _check_file(file, path.name, trust)
    except OSError as error:
        raise WrongUseError(f"{path} cannot be read: {error.strerror}.") from error
    except FormatError as error:
        raise WrongUseError(
            error.message, hint="Create one: exhibit api GET /operator/accuracy/decisions --output FILE"
        ) from error


def _check_file(file: BinaryIO, name: str, trust: Trust) -> AccuracyVerdict:
    lines = _read_lines(file, name)
    header = from_plain(_Header, next(lines, {}), where=name)
    if header.undone_within_seconds != SLIP_SECONDS:
        within = f"{header.undone_within_seconds} s, not {SLIP_SECONDS}"
        raise FormatError(f"{name} omits decisions that were undone within {within}.")
    try:
        note = parse_note(header.checkpoint)
    except IntegrityError as error:
        raise FormatError(f"{name}: {error.message}") from error
    running, wrong_index = RunningRoot(), -1
    decisions: list[Decided] = []
    for plain in lines:
        logged = _parse_entry(plain, f"{name}, entry {running.size}")
        if logged.entry.type is EntryType.DECISION:
            decisions.append((logged.entry.time, logged.opening))
            if wrong_index < 0 and logged.opening is not None and logged.salt is not None:
                wrong_index = (
                    -1 if matches_commitment(logged.opening, logged.salt, logged.entry.commitment) else running.size
                )
        running.add(logged.entry.leaf_hash)
    signed, openings = check_note(trust, "checkpoint", note, header.checkpoint), [opening for _, opening in decisions]
    checks = (_check_entries(running, note), _check_openings(openings, wrong_index), signed)
    sound = all(check.state is not State.FAILED for check in checks)
    return AccuracyVerdict(checks, count_decisions(decisions) if sound else None, running.size)


def _read_lines(file: BinaryIO, name: str) -> Iterator[Any]:
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        yield parse_json(line, what=f"{name}, line {number}", limit=MAX_LINE)


def _parse_entry(plain: Json, where: str) -> LoggedEntry:
    salt = opening = None
    if isinstance(plain, dict) and {"salt", "opening"} & set(plain):
        salt, opening = plain.pop("salt", None), plain.pop("opening", None)
        if plain.get("type") != EntryType.DECISION or not isinstance(salt, str) or not isinstance(opening, dict):
            raise FormatError(f"{where} contains an incomplete or unexpected opening.")
    line = from_plain(_Line, plain, where=where)
    try:
        entry = Entry(line.type, line.time, line.commitment)
        return LoggedEntry(entry, None if salt is None else bytes.fromhex(salt), opening)
    except ValueError as error:
        raise FormatError(f"{where} cannot be read.") from error


def _check_entries(running: RunningRoot, note: Note) -> Check:
    if running.size != note.size:
        return failed("entries", f"The file contains {running.size} entries; the checkpoint has {note.size}.")
    if running.root != note.root:
        return failed(
            "entries", ("The entries do not give the root of the checkpoint: an entry is missing, added or changed.")
        )
    return passed("entries", f"The {note.size} entries give the root of the checkpoint of {note.origin} (RFC 9162).")


def _check_openings(openings: list[Mapping[str, Any] | None], wrong_index: int) -> Check:
    if wrong_index >= 0:
        return failed("openings", f"Entry {wrong_index} does not match its opening.")
    unopened = sum(opening is None for opening in openings)
    text = f"Of {len(openings)} decisions, {len(openings) - unopened} match their commitments"
    return passed("openings", f"{text}; {unopened} were erased and are counted as the worst case.")
