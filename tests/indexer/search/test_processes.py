"""Test that work shared by processes keeps its order, and that the death of one gives a clear error."""

import os
import tempfile
from pathlib import Path

import pytest

from exhibit.errors import ServiceMissingError
from indexer.search.processes import run_in_processes


def _die(status: int, _: int) -> None:
    os._exit(status)


@pytest.mark.parametrize("jobs", [1, 2])
def test_process_pool_returns_results_in_call_order(jobs: int) -> None:
    assert list(run_in_processes(jobs, (abs, -100), int.__add__, range(7), 2)) == [100, 101, 102, 103, 104, 105, 106]


def test_killed_process_of_the_pool_is_reported_in_one_sentence() -> None:
    with pytest.raises(ServiceMissingError, match="A process died"):
        list(run_in_processes(2, (abs, 1), _die, [1]))


def _leave_a_file(folder: str, number: int) -> str:
    return tempfile.mkdtemp(prefix=f"exhibit-{folder}-{number}-")


def test_terminated_process_leaves_no_files() -> None:
    results = run_in_processes(2, (str, "left"), _leave_a_file, range(100))
    folder = Path(next(results))
    assert folder.is_dir()
    results.close()  # type: ignore[attr-defined] # as an interruption does; the processes are killed
    assert not folder.exists()
