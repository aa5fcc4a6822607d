"""Signs of life, and which process is silent."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from registry.configuration import load_config
from workers.servers.liveness import (
    FILE_VARIABLE,
    SHOWN_FOR,
    Silence,
    give_sign,
    record_replacement,
    replacements,
    sign_in_file,
)

LIMIT = 60.0


class Moments:
    """A clock that a test moves, and a process that gives signs when the test says so."""

    def __init__(self) -> None:
        self.moment, self.signs = 100.0, 0
        self.silence = Silence(lambda: self.signs, os.getpid(), LIMIT, lambda: self.moment)

    def pass_time(self, seconds: float, *, step: float = 2.0) -> bool:
        """Look every so many seconds; returns what the last look has found."""
        until, found = self.moment + seconds, False
        while self.moment < until:
            self.moment += step
            found = self.silence.exceeds_limit()
        return found


def test_a_process_without_a_sign_for_longer_than_the_limit_is_silent() -> None:
    watched = Moments()
    watched.signs += 1
    assert not watched.pass_time(LIMIT)
    assert watched.pass_time(4)
    watched.signs += 1
    assert not watched.pass_time(2)


def test_a_pause_of_whoever_looks_is_no_silence_of_the_process() -> None:
    watched = Moments()
    watched.signs += 1
    assert not watched.pass_time(2)
    assert not watched.pass_time(10 * LIMIT, step=10 * LIMIT)
    assert not watched.pass_time(LIMIT - 2)
    assert watched.pass_time(4)


def test_a_process_that_waits_for_a_silent_server_is_given_the_whole_limit_again() -> None:
    watched = Moments()
    watched.signs += 1
    assert watched.pass_time(LIMIT + 4)
    watched.silence.forgive()
    assert not watched.pass_time(LIMIT - 2)
    assert watched.pass_time(4)


def test_before_its_first_sign_a_process_that_works_is_starting() -> None:
    watched = Moments()  # of this process, which works
    assert not watched.pass_time(3 * LIMIT)


def test_a_sign_is_seen_whatever_the_time_of_day_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "worker"
    path.touch()
    read_sign = sign_in_file(path)
    before = read_sign()
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    os.utime(path, (4_000_000_000, 4_000_000_000))
    ahead = read_sign()
    give_sign()
    assert len({before, ahead, read_sign()}) == 3


def test_a_sign_needs_no_folder_and_makes_none(tmp_path: Path) -> None:
    code = "from workers.servers.liveness import give_sign; give_sign()"
    moved = tmp_path / "moved" / "worker"
    environ = {**os.environ, FILE_VARIABLE: str(moved)}
    subprocess.run([sys.executable, "-c", code], env=environ, check=True)
    assert not moved.parent.exists()


def test_replacements_are_kept_for_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config({"EXHIBIT_DATA": str(tmp_path)})
    assert replacements(config) == []
    (tmp_path / "locks").mkdir()
    made = [record_replacement(config, name, number) for number, name in enumerate(("web", "beat"), 1)]
    assert replacements(config) == made
    monkeypatch.setattr("workers.servers.liveness.now", lambda: made[-1].at + SHOWN_FOR + timedelta(seconds=1))
    assert replacements(config) == []


def test_a_record_that_is_damaged_hides_nothing_that_comes_after_it(tmp_path: Path) -> None:
    config = load_config({"EXHIBIT_DATA": str(tmp_path)})
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "replacements.json").write_text('[{"name": "we')
    made = record_replacement(config, "web", 1)
    assert replacements(config) == [made]
