"""Test the detection of hung processes, and the record of replaced ones."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from registry.configuration import load_config
from tests.assets.processes import wait_until
from workers.servers.liveness import REPORT_PERIOD, HangDetector, list_replacements, record_replacement

WAKING_PROGRAM = "import time\nwhile True: time.sleep(0.02)"
BUSY_PROGRAM = "while True: pass"
SLEEPING_PROGRAM = "import time; time.sleep(600)"


@contextmanager
def run_program(code: str) -> Iterator[psutil.Process]:
    with subprocess.Popen([sys.executable, "-c", f"print(flush=True)\n{code}"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield psutil.Process(process.pid)
        finally:
            process.kill()


def test_suspended_process_is_hung_until_resumed() -> None:
    with run_program(WAKING_PROGRAM) as process:
        detector = HangDetector(process.pid, limit=0.5)
        process.suspend()
        wait_until(detector.is_hung, 30)
        process.resume()
        wait_until(lambda: not detector.is_hung(), 30)


def test_process_waiting_indefinitely_is_hung() -> None:
    with run_program(SLEEPING_PROGRAM) as process:
        wait_until(HangDetector(process.pid, limit=0.5).is_hung, 30)


@pytest.mark.parametrize("code", [WAKING_PROGRAM, BUSY_PROGRAM])
def test_process_that_wakes_or_works_is_not_hung(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [0.0]
    monkeypatch.setattr("workers.servers.liveness.time", SimpleNamespace(monotonic=lambda: moment[0]))
    with run_program(code) as process:
        detector, switches = HangDetector(process.pid, limit=60), process.num_ctx_switches
        for _ in range(5):
            before = switches()
            wait_until(lambda before=before: switches() != before, 60)  # type: ignore[misc]
            moment[0] += 20
            assert not detector.is_hung()


def test_pause_of_the_checking_process_does_not_count_as_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [0.0]
    monkeypatch.setattr("workers.servers.liveness.time", SimpleNamespace(monotonic=lambda: moment[0]))
    with run_program(SLEEPING_PROGRAM) as process:
        wait_until(lambda: process.status() == psutil.STATUS_SLEEPING)
        detector = HangDetector(process.pid, limit=60)
        results = []
        for seconds in (1, 600, *[20] * 4):
            moment[0] += seconds
            results.append(detector.is_hung())
        assert results == [False, False, False, False, False, True]


def test_ended_process_is_not_hung(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [0.0]
    monkeypatch.setattr("workers.servers.liveness.time", SimpleNamespace(monotonic=lambda: moment[0]))
    with run_program(SLEEPING_PROGRAM) as process:
        detector = HangDetector(process.pid, limit=60)
    for _ in range(5):
        moment[0] += 20
        assert not detector.is_hung()


def test_replacements_are_stored_for_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config({"EXHIBIT_DATA": str(tmp_path)})
    assert list_replacements(config) == []
    (tmp_path / "locks").mkdir()
    records = [record_replacement(config, name, number) for number, name in enumerate(("web", "beat"), 1)]
    assert list_replacements(config) == records
    monkeypatch.setattr("workers.servers.liveness.now", lambda: records[-1].at + REPORT_PERIOD + timedelta(seconds=1))
    assert list_replacements(config) == []


def test_truncated_replacement_record_does_not_hide_later_records(tmp_path: Path) -> None:
    config = load_config({"EXHIBIT_DATA": str(tmp_path)})
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "replacements.json").write_text('[{"name": "we')
    record = record_replacement(config, "web", 1)
    assert list_replacements(config) == [record]
