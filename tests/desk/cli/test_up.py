"""Test that `exhibit up` starts the product; tests/product/test_readme.py tests more work of its workers."""

from pathlib import Path

import pytest

from registry import jobs
from tests.assets.command_line import CommandLine, forking_command_line
from tests.assets.installed import install
from tests.assets.processes import find_processes, free_port, wait_until


@pytest.mark.long
def test_repeated_up_commands_start_services_once_and_report_them(open_folder: Path) -> None:
    settings = {"EXHIBIT_WEB_PORT": str(free_port()), "EXHIBIT_WORKERS": "1"}
    alone = CommandLine(open_folder / "data", settings)
    install(alone.data)
    try:
        starts = [alone.start("up", "--detach") for _ in range(3)]  # one starts, the others wait for it
        outputs = [start.communicate(timeout=240) for start in starts]
        assert [start.returncode for start in starts] == [0, 0, 0], outputs
        assert sorted("already running: http" in out for out, _err in outputs) == [False, True, True]
        assert sum("Exhibit is running: http://127.0.0.1:" in out for out, _err in outputs) == 1
        with forking_command_line(alone) as run:
            run.run("up", "--detach")
            assert "exhibit down" in run.run("up", code=2).err
            status = run.run_json("status")
            assert (status["running"], set(status["waiting"])) == (
                True,
                {step.name for step in jobs.list_periodic_jobs()},
            )
            run.run("owner", "add", "Studio")
            run.api("POST", "reports", formats="csv")
            wait_until(lambda: run.api("GET", "reports/1")["state"] == "done", seconds=120)
    finally:
        stopped = alone.run("down", code=None)
    assert stopped.code == 0
    wait_until(lambda: not find_processes(open_folder))
