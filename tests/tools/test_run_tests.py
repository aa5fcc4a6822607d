"""Test that a failed test is repeated alone, and that the second result counts."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import CHECKOUT
from tools.run_tests import MAX_FLAKY

FLAKY_TEST = """
from pathlib import Path

def test_that_passes_when_it_is_requested_again():
    asked = Path("asked")
    before = asked.exists()
    asked.touch()
    assert before

def test_that_passes():
    pass
"""
MANY_FLAKY_TESTS = """
from pathlib import Path

import pytest

@pytest.mark.parametrize("number", range({count}))
def test_that_passes_when_it_is_requested_again(number):
    asked = Path(f"asked-{{number}}")
    before = asked.exists()
    asked.touch()
    assert before
"""
FAILING_TEST = "def test_that_never_passes():\n    assert False\n"
UNIMPORTABLE_TEST = "import nothing_of_that_name\n"


def run_suite(folder: Path, *arguments: str, **files: str) -> subprocess.CompletedProcess[str]:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, str(CHECKOUT / "tools" / "run_tests.py"), "-p", "no:django", "-n", "0", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def list_repeated_tests(run: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in run.stdout.splitlines() if line.startswith("FLAKY ")]


@pytest.mark.long
def test_flaky_test_is_reported_and_does_not_fail_the_run(tmp_path: Path) -> None:
    ended = run_suite(tmp_path, "-n", "2", test_races=FLAKY_TEST)
    assert ended.returncode == 0, ended.stdout
    assert list_repeated_tests(ended) == ["FLAKY test_races.py::test_that_passes_when_it_is_requested_again"]


@pytest.mark.long
@pytest.mark.parametrize(("count", "code"), [(MAX_FLAKY, 0), (MAX_FLAKY + 1, 1)])
def test_too_many_flaky_tests_fail_the_run(tmp_path: Path, count: int, code: int) -> None:
    ended = run_suite(tmp_path, test_races=MANY_FLAKY_TESTS.format(count=count))
    assert len(list_repeated_tests(ended)) == count
    assert ended.returncode == code, ended.stdout


@pytest.mark.long
def test_test_failing_twice_fails_the_run(tmp_path: Path) -> None:
    ended = run_suite(tmp_path, test_races=FLAKY_TEST, test_broken=FAILING_TEST)
    assert ended.returncode == 1
    assert list_repeated_tests(ended) == ["FLAKY test_races.py::test_that_passes_when_it_is_requested_again"]
    assert "1 failed, 1 passed" in ended.stdout


@pytest.mark.long
def test_run_that_cannot_import_tests_exits_with_the_code_of_pytest(tmp_path: Path) -> None:
    assert run_suite(tmp_path, test_odd=UNIMPORTABLE_TEST).returncode == 2
