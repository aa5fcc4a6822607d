"""File for computing an installation's error rate independently: the whole log, with its decisions opened.

The format is JSON lines. The first line contains the format, a signed checkpoint, and the number of seconds within
which an undone decision is not counted. One line follows for each log entry that the checkpoint covers, in order:
``type``, ``time``, ``commitment``, and for decisions also ``salt`` and ``opening``, unless they were erased.

The file contains all entries, not only decisions, because only the types of all entries show that no decision is
missing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from evidence.accuracy.error_rates import SLIP_PERIOD, Accuracy, DecisionEntry, count_decisions
from evidence.formats.codec import FormatError, from_plain, parse_json, to_plain
from evidence.log import merkle
from evidence.log.notes import Note, parse_note
from evidence.log.proofs import matches_commitment
from evidence.verdict.result import Check, State, fail_check, pass_check
from evidence.verdict.trust import Trust
from evidence.verify.checks.proofs import check_note
from exhibit.clock import format_rfc3339, now
from exhibit.entries import Entry, EntryType, encode_canonical
from exhibit.errors import ExitCode, IntegrityError, InvalidRequestError
from exhibit.types import Json

ACCURACY_FORMAT = "exhibit-accuracy/1"
MAX_LINE_BYTES = 1 << 16
SLIP_SECONDS = int(SLIP_PERIOD.total_seconds())


@dataclass(frozen=True, slots=True)
class LoggedEntry:
    """A log entry; salt and opening are present for decisions that were not erased."""

    entry: Entry
    salt: bytes | None = None
    opening: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class AccuracyVerdict:
    """Result of checking a file: its checks, and the error rate if no check failed."""

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
    """First line of the file."""

    checkpoint: str
    written_at: str
    undone_within_seconds: int
    format: str = ACCURACY_FORMAT


@dataclass(frozen=True, slots=True)
class _EntryLine:
    """Line of an entry that is not a decision, or of a decision whose opening was erased."""

    type: EntryType
    time: datetime
    commitment: bytes


class IncrementalMerkleRoot:
    """Merkle tree root of leaves that are added one by one; memory is logarithmic in their number (RFC 9162)."""

    def __init__(self) -> None:
        self.size = 0
        self._last: dict[int, bytes] = {}
        # Only the last node of each level is needed
        self._node: merkle.NodeHashGetter = lambda level, _index: self._last[level]

    def add(self, leaf: bytes) -> None:
        """Append a leaf hash."""
        self._last |= {level: value for level, _, value in merkle.list_completed_nodes(self.size, leaf, self._node)}
        self.size += 1

    @property
    def root(self) -> bytes:
        """Root of the tree of all leaves added so far."""
        return merkle.compute_root(self.size, self._node)


def write_accuracy(out: BinaryIO, checkpoint: str, entries: Iterable[LoggedEntry]) -> None:
    """Write the file of a signed checkpoint and all entries that it covers, in order."""
    header = {"format": ACCURACY_FORMAT, "checkpoint": checkpoint, "written_at": format_rfc3339(now())}
    out.write(encode_canonical({**header, "undone_within_seconds": SLIP_SECONDS}) + b"\n")
    for entry in entries:
        line = json.loads(entry.entry.leaf_bytes)
        if entry.salt is not None and entry.opening is not None:
            line |= {"salt": entry.salt.hex(), "opening": to_plain(entry.opening)}
        out.write(encode_canonical(line) + b"\n")


def check_accuracy(path: Path, trust: Trust) -> AccuracyVerdict:
    """Check the result of :func:`write_accuracy` and compute the error rate.

    Raises:
        InvalidRequestError: The file cannot be read or has a different format.
    """
    try:
        with path.open("rb") as file:
            return _check_file(file, path.name, trust)
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be read: {error.strerror}.") from error
    except FormatError as error:
        raise InvalidRequestError(
            error.message, hint="Create one: exhibit api GET /operator/accuracy/decisions --output FILE"
        ) from error


def _check_file(file: BinaryIO, name: str, trust: Trust) -> AccuracyVerdict:
    lines = _read_lines(file, name)
    header = from_plain(_Header, next(lines, {}), location=name)
    if header.undone_within_seconds != SLIP_SECONDS:
        period_text = f"{header.undone_within_seconds} s, not {SLIP_SECONDS}"
        raise FormatError(f"{name} omits decisions that were undone within {period_text}.")
    try:
        note = parse_note(header.checkpoint)
    except IntegrityError as error:
        raise FormatError(f"{name}: {error.message}") from error
    running_root, wrong_index = IncrementalMerkleRoot(), -1
    decisions: list[DecisionEntry] = []
    for plain in lines:
        logged_entry = _parse_entry(plain, f"{name}, entry {running_root.size}")
        if logged_entry.entry.type is EntryType.DECISION:
            decisions.append((logged_entry.entry.time, logged_entry.opening))
            if wrong_index < 0 and logged_entry.opening is not None and logged_entry.salt is not None:
                wrong_index = (
                    -1
                    if matches_commitment(logged_entry.opening, logged_entry.salt, logged_entry.entry.commitment)
                    else running_root.size
                )
        running_root.add(logged_entry.entry.leaf_hash)
    checkpoint_check, openings = (
        check_note(trust, "checkpoint", note, header.checkpoint),
        [opening for _, opening in decisions],
    )
    checks = (_check_entries(running_root, note), _check_openings(openings, wrong_index), checkpoint_check)
    is_valid = all(check.state is not State.FAILED for check in checks)
    return AccuracyVerdict(checks, count_decisions(decisions) if is_valid else None, running_root.size)


def _read_lines(file: BinaryIO, name: str) -> Iterator[Any]:
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        yield parse_json(line, label=f"{name}, line {number}", limit=MAX_LINE_BYTES)


def _parse_entry(plain: Json, entry_label: str) -> LoggedEntry:
    salt = opening = None
    if isinstance(plain, dict) and {"salt", "opening"} & set(plain):
        salt, opening = plain.pop("salt", None), plain.pop("opening", None)
        if plain.get("type") != EntryType.DECISION or not isinstance(salt, str) or not isinstance(opening, dict):
            raise FormatError(f"{entry_label} contains an incomplete or unexpected opening.")
    line = from_plain(_EntryLine, plain, location=entry_label)
    try:
        entry = Entry(line.type, line.time, line.commitment)
        return LoggedEntry(entry, None if salt is None else bytes.fromhex(salt), opening)
    except ValueError as error:
        raise FormatError(f"{entry_label} cannot be read.") from error


def _check_entries(running_root: IncrementalMerkleRoot, note: Note) -> Check:
    if running_root.size != note.size:
        return fail_check("entries", f"The file contains {running_root.size} entries; the checkpoint has {note.size}.")
    if running_root.root != note.root:
        return fail_check(
            "entries", ("The entries do not give the root of the checkpoint: an entry is missing, added or changed.")
        )
    return pass_check(
        "entries", f"The {note.size} entries give the root of the checkpoint of {note.origin} (RFC 9162)."
    )


def _check_openings(openings: list[Mapping[str, Any] | None], wrong_index: int) -> Check:
    if wrong_index >= 0:
        return fail_check("openings", f"Entry {wrong_index} does not match its opening.")
    unopened_count = sum(opening is None for opening in openings)
    text = f"Of {len(openings)} decisions, {len(openings) - unopened_count} match their commitments"
    return pass_check("openings", f"{text}; {unopened_count} were erased and are counted as the worst case.")
