"""Test the environment of a command: its servers, its owner, and its user."""

import getpass
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from desk.cli.common.context import confirm, format_examples, get_actor_name
from exhibit.errors import InvalidRequestError
from tests import CHECKOUT
from tests.assets.command_line import CommandLine, Terminal
from tests.assets.installed import install
from tests.assets.processes import find_processes, wait_until

LIST_OWNERS_SCRIPT = """
import sys
from desk.cli.main import main
code = main(["owner", "add", "The Studio", "--json"])
heavy = {"numpy", "PIL", "cv2", "redis", "celery", "requests", "registry.migrations"} & set(sys.modules)
sys.exit(code or " ".join(heavy) or 0)
"""


@pytest.mark.long
def test_command_starts_embedded_servers_and_stops_them_at_exit(
    open_folder: Path,
) -> None:
    alone = CommandLine(open_folder / "data")
    install(alone.data)
    command = [sys.executable, "-c", LIST_OWNERS_SCRIPT]
    run = subprocess.run(command, cwd=CHECKOUT, env=alone.environ, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout)["owner"] == "the-studio"
    wait_until(lambda: not find_processes(open_folder))


def test_single_owner_is_selected_by_default(cli: Terminal) -> None:
    assert "exhibit owner add" in cli.run("case", "list", code=2).err
    cli.run("owner", "add", "The Studio")
    for options in ((), ("--owner", "the-studio"), ("--owner", "The Studio")):
        assert cli.run_json("case", "list", *options) == {"cases": []}
    assert "exhibit api GET /owners" in cli.run("case", "list", "--owner", "nobody", code=2).err


def test_confirmation_requires_a_terminal() -> None:
    with CliRunner().isolation(), pytest.raises(InvalidRequestError) as error:
        confirm("Delete it?")
    assert "--yes" in error.value.hint


def test_log_records_the_command_line_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    assert get_actor_name() == "ann (command line)"

    def unknown_user() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", unknown_user)
    assert get_actor_name().startswith("user ")
    output = (
        CliRunner().invoke(click.Command("x", epilog=format_examples("exhibit x 1", "exhibit x 2")), ["--help"]).output
    )
    assert "Examples:\n    exhibit x 1\n    exhibit x 2\n" in output
