"""Test that outsiders compute the error rate from the log alone, and detect omitted or changed decisions."""

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.__main__ import main
from evidence.accuracy.error_rates import SLIP_PERIOD, Accuracy, ErrorRate, count_decisions as count_timed
from evidence.accuracy.file import IncrementalMerkleRoot, LoggedEntry, check_accuracy, write_accuracy
from evidence.keys.ed25519 import KeySigner
from evidence.log.append_only import Log
from evidence.verdict.result import State
from evidence.verdict.trust import Trust, TrustedLog, load_trust
from exhibit.clock import now
from exhibit.entries import Entry, EntryType, compute_commitment
from exhibit.errors import ExitCode, InvalidRequestError
from tests.assets.folder_log import FolderLogStore

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def count(openings: Iterable[dict[str, Any] | None], pause: timedelta = timedelta(hours=1)) -> Accuracy:
    """Count decisions that are this far apart."""
    return count_timed((NOON + number * pause, opening) for number, opening in enumerate(openings))


def undo_decision(case: int) -> dict[str, Any]:
    return {**decision(case, "open"), "undone": True}


def decision(
    case: int, what: str = "confirmed", machine_decision: str = "certain", who: str = "person"
) -> dict[str, Any]:
    copies = None if what == "open" else what != "dismissed"
    machine = {
        "calibration": None,
        "decision": machine_decision,
        "matches": 1,
        "pipeline": "match-1",
        "probability": None,
    }
    return {"case": case, "copies": copies, "decision": what, "machine": machine, "version": 1, "who": who}


HISTORY = [
    decision(1),
    decision(2, "dismissed"),
    decision(3, "licensed"),
    decision(4, "dismissed", "review"),
    decision(5, "confirmed", "review"),
    decision(2, "open"),
    decision(2, "confirmed"),
    decision(6, "licensed", who="ledger"),
    decision(7, who="demonstration"),
]


class LoggedFile:
    """A log with decisions among other entries, and the accuracy file about it."""

    def __init__(self, folder: Path) -> None:
        self.log = Log(FolderLogStore(folder / "log"), KeySigner(Ed25519PrivateKey.generate()), "log.tests.example")
        self.path = folder / "decisions.jsonl"
        self.entries: list[LoggedEntry] = []

    def add(self, kind: EntryType, opening: dict[str, Any]) -> None:
        commitment, salt = compute_commitment(opening)
        entry = Entry(kind, now(), commitment)
        self.log.append([entry])
        opened = kind is EntryType.DECISION
        self.entries.append(LoggedEntry(entry, salt if opened else None, opening if opened else None))

    def write(self, entries: list[LoggedEntry] | None = None) -> Path:
        with self.path.open("wb") as out:
            write_accuracy(out, self.log.sign_checkpoint().note, self.entries if entries is None else entries)
        return self.path

    @property
    def trust(self) -> Trust:
        log = TrustedLog(self.log.get_verifier_key(), development=True, label="for tests")
        return Trust("2026-11-20", "of a test", (), (), (log,), ())


@pytest.fixture
def log_file(tmp_path: Path) -> LoggedFile:
    log_to_write = LoggedFile(tmp_path)
    for number, opening in enumerate(HISTORY):
        log_to_write.add(EntryType.SLICE, {"root": "00", "count": number})
        log_to_write.add(EntryType.DECISION, opening)
    return log_to_write


def test_accuracy_check_uses_logged_times_for_undone_decisions(log_file: LoggedFile) -> None:
    log_file.add(EntryType.DECISION, decision(9, "dismissed"))
    log_file.add(EntryType.DECISION, undo_decision(9))
    late = replace(log_file.entries[-1].entry, time=log_file.entries[-2].entry.time + SLIP_PERIOD * 2)
    verdict = check_accuracy(log_file.write(), log_file.trust)
    assert verdict.accuracy is not None
    assert (verdict.accuracy.slips, verdict.accuracy.certain) == (1, ErrorRate(3, 1, 0))
    lied = [*log_file.entries[:-1], replace(log_file.entries[-1], entry=late)]
    assert check_accuracy(log_file.write(lied), log_file.trust).outcome is ExitCode.CHECK_FAILED
    text = log_file.write().read_text()
    assert '"undone_within_seconds":60' in text
    log_file.path.write_text(text.replace('"undone_within_seconds":60', '"undone_within_seconds":900'))
    with pytest.raises(InvalidRequestError, match="900"):
        check_accuracy(log_file.path, log_file.trust)


def test_accuracy_check_of_exported_log_gives_same_rates_as_database(log_file: LoggedFile) -> None:
    verdict = check_accuracy(log_file.write(), log_file.trust)
    assert verdict.outcome is ExitCode.DONE
    assert verdict.size == 18
    assert verdict.accuracy == count(HISTORY)


def test_accuracy_check_of_unpinned_log_is_incomplete(log_file: LoggedFile) -> None:
    verdict = check_accuracy(log_file.write(), load_trust())
    assert verdict.outcome is ExitCode.INCOMPLETE
    assert verdict.accuracy == count(HISTORY)


def test_file_with_erased_opening_verifies(log_file: LoggedFile) -> None:
    entries = [LoggedEntry(logged.entry) if place == 3 else logged for place, logged in enumerate(log_file.entries)]
    verdict = check_accuracy(log_file.write(entries), log_file.trust)
    assert verdict.outcome is ExitCode.DONE
    assert verdict.accuracy is not None
    assert verdict.accuracy.certain == ErrorRate(3, 0, 1)


Lines = list[dict[str, Any]]


def truncate_lines(lines: Lines) -> Lines:
    return lines[:4] + lines[5:]


def cut_last_lines(lines: Lines) -> Lines:
    return lines[:-2]


def duplicate(lines: Lines) -> Lines:
    return [*lines[:5], lines[4], *lines[5:]]


def duplicate_over_other_line(lines: Lines) -> Lines:
    return [*lines[:4], lines[2], *lines[5:]]


def swap(lines: Lines) -> Lines:
    return [*lines[:2], lines[4], lines[3], lines[2], *lines[5:]]


def alter_person_decision(lines: Lines) -> Lines:
    lines[4]["opening"] = {**lines[4]["opening"], "copies": True, "decision": "confirmed"}
    return lines


def alter_machine_decision(lines: Lines) -> Lines:
    lines[4]["opening"]["machine"] = {**lines[4]["opening"]["machine"], "decision": "review"}
    return lines


def alter_and_commit_again(lines: Lines) -> Lines:
    opening = {**lines[4]["opening"], "copies": True}
    commitment, salt = compute_commitment(opening)
    lines[4] |= {"opening": opening, "salt": salt.hex(), "commitment": commitment.hex()}
    return lines


def change_type(lines: Lines) -> Lines:
    lines[4] = {name: lines[4][name] for name in ("commitment", "time")} | {"type": "slice"}
    return lines


def reuse_opening(lines: Lines) -> Lines:
    lines[4] |= {"opening": lines[2]["opening"], "salt": lines[2]["salt"]}
    return lines


def change_time(lines: Lines) -> Lines:
    lines[4]["time"] = "2020-01-01T00:00:00.000000Z"
    return lines


ATTACKS: dict[Callable[[Lines], Lines], str] = {
    truncate_lines: "entries", cut_last_lines: "entries", duplicate: "entries", duplicate_over_other_line: "entries",
    swap: "entries", alter_person_decision: "openings", alter_machine_decision: "openings",
    alter_and_commit_again: "entries", change_type: "entries", reuse_opening: "openings",
    change_time: "entries",
}  # fmt: skip


@pytest.mark.parametrize("attack", list(ATTACKS), ids=lambda attack: attack.__name__)
def test_tampered_file_is_rejected(log_file: LoggedFile, attack: Callable[[Lines], Lines]) -> None:
    lines = [json.loads(line) for line in log_file.write().read_bytes().splitlines()]
    changed = attack(lines)
    log_file.path.write_text("".join(json.dumps(line) + "\n" for line in changed), "utf-8")
    verdict = check_accuracy(log_file.path, log_file.trust)
    assert verdict.outcome is ExitCode.CHECK_FAILED
    assert ATTACKS[attack] in {check.name for check in verdict.checks if check.state is State.FAILED}
    assert verdict.accuracy is None


def test_checkpoint_of_other_size_is_rejected(log_file: LoggedFile) -> None:
    lines = log_file.write().read_text("utf-8").splitlines(keepends=True)
    head = json.loads(lines[0])
    head["checkpoint"] = head["checkpoint"].replace("\n18\n", "\n16\n")
    log_file.path.write_text("".join([json.dumps(head) + "\n", *lines[1:-2]]), "utf-8")
    verdict = check_accuracy(log_file.path, log_file.trust)
    assert {check.name for check in verdict.checks if check.state is State.FAILED} == {"entries", "checkpoint"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"{}\n",
        b"[1]\n",
        b'{"format":"exhibit-accuracy/9","checkpoint":"","written_at":""}\n',
        b"[" * 70000,
    ],
)
def test_file_of_other_type_is_rejected(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InvalidRequestError):
        check_accuracy(path, load_trust())
    with pytest.raises(InvalidRequestError):
        check_accuracy(tmp_path / "nowhere", load_trust())


@pytest.mark.parametrize(
    "line", ["7", '{"type":"decision"}', '{"salt":"00"}', '{"type":"slice","salt":"00","opening":{}}']
)
def test_malformed_entry_is_rejected_with_its_number(log_file: LoggedFile, line: str) -> None:
    lines = log_file.write().read_text("utf-8").splitlines(keepends=True)
    log_file.path.write_text("".join([*lines[:3], line + "\n", *lines[4:]]), "utf-8")
    with pytest.raises(InvalidRequestError, match="entry 2"):
        check_accuracy(log_file.path, log_file.trust)


def test_command_prints_text_and_json(log_file: LoggedFile, capsys: pytest.CaptureFixture[str]) -> None:
    trust = log_file.path.with_suffix(".trust")
    trust.write_bytes(log_file.trust.to_json())
    assert main(["accuracy", str(log_file.write()), "--trust", str(trust)]) == 0
    out = capsys.readouterr().out
    assert "for tests" in out
    assert "between" in out
    assert main(["accuracy", str(log_file.path), "--json"]) == 4
    plain = json.loads(capsys.readouterr().out)
    assert plain["accuracy"]["certain"]["no_copies"] == 1
    assert main(["accuracy", str(log_file.path.parent)]) == 2
    assert "error: " in capsys.readouterr().err


def test_running_root_matches_log_root(tmp_path: Path) -> None:
    log = Log(FolderLogStore(tmp_path / "log"), KeySigner(Ed25519PrivateKey.generate()), "log.tests.example")
    running = IncrementalMerkleRoot()
    assert running.root == log.compute_root(0)
    for number in range(1, 20):
        entry = Entry(EntryType.SLICE, now(), number.to_bytes(32))
        log.append([entry])
        running.add(entry.leaf_hash)
        assert running.root == log.compute_root(number)


def test_empty_log_has_no_rate(tmp_path: Path) -> None:
    log_file = LoggedFile(tmp_path)
    out = io.BytesIO()
    write_accuracy(out, log_file.log.sign_checkpoint().note, [])
    log_file.path.write_bytes(out.getvalue())
    verdict = check_accuracy(log_file.path, log_file.trust)
    assert verdict.outcome is ExitCode.DONE
    assert verdict.accuracy is not None
    assert verdict.accuracy.certain.interval == (0.0, 1.0)
