"""Test that `exhibit up` starts the product; tests/product/test_readme.py tests more work of its workers."""

from pathlib import Path

import pytest

from registry import jobs
from tests.assets.command_line import CommandLine, forking
from tests.assets.installed import install
from tests.assets.processes import free_port, processes_of, wait_until


@pytest.mark.long
def test_it_starts_once_says_what_runs_and_makes_what_a_command_waits_for(open_folder: Path) -> None:
    settings = {"EXHIBIT_WEB_PORT": str(free_port()), "EXHIBIT_WORKERS": "1"}
    alone = CommandLine(open_folder / "data", settings)
    install(alone.data)
    try:
        starts = [alone.started("up", "--detach") for _ in range(3)]  # one starts, the others wait for it
        told = [start.communicate(timeout=240) for start in starts]
        assert [start.returncode for start in starts] == [0, 0, 0], told
        assert sorted("already: http" in out for out, _err in told) == [False, True, True]
        assert sum("running: http://127.0.0.1:" in out for out, _err in told) == 1
        with forking(alone) as run:
            run.run("up", "--detach")
            assert "exhibit down" in run.run("up", code=2).err
            status = run.ask("status")
            assert (status["running"], set(status["waiting"])) == (True, {step.name for step in jobs.with_rows()})
            run.run("owner", "add", "Studio")
            run.api("POST", "reports", formats="csv")
            wait_until(lambda: run.api("GET", "reports/1")["state"] == "done", seconds=120)
    finally:
        stopped = alone.run("down", code=None)
    assert stopped.code == 0
    wait_until(lambda: not processes_of(open_folder))
