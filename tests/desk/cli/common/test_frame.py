"""Test the environment of a command: its servers, its owner, and its user."""

import getpass
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from desk.cli.common.frame import ask, examples, person
from exhibit.errors import WrongUseError
from tests import CHECKOUT
from tests.assets.command_line import CommandLine, Terminal
from tests.assets.installed import install
from tests.assets.processes import processes_of, wait_until

LISTING = """
import sys
from desk.cli.main import main
code = main(["owner", "add", "The Studio", "--json"])
heavy = {"numpy", "PIL", "cv2", "redis", "celery", "requests", "registry.migrations"} & set(sys.modules)
sys.exit(code or " ".join(heavy) or 0)
"""


@pytest.mark.long
def test_a_command_starts_servers_for_its_own_length_and_leaves_nothing_behind_nor_loads_what_it_does_without(
    open_folder: Path,
) -> None:
    alone = CommandLine(open_folder / "data")
    install(alone.data)
    command = [sys.executable, "-c", LISTING]
    run = subprocess.run(command, cwd=CHECKOUT, env=alone.environ, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout)["owner"] == "the-studio"
    wait_until(lambda: not processes_of(open_folder))


def test_the_only_owner_there_is_need_not_be_named(cli: Terminal) -> None:
    assert "exhibit owner add" in cli.run("case", "list", code=2).err
    cli.run("owner", "add", "The Studio")
    for named in ((), ("--owner", "the-studio"), ("--owner", "The Studio")):
        assert cli.ask("case", "list", *named) == {"cases": []}
    assert "exhibit api GET /owners" in cli.run("case", "list", "--owner", "nobody", code=2).err


def test_where_nobody_can_be_asked_nothing_is_done() -> None:
    with CliRunner().isolation(), pytest.raises(WrongUseError) as refused:
        ask("Delete it?")
    assert "--yes" in refused.value.hint


def test_the_record_names_who_gave_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    assert person() == "ann (command line)"

    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert person().startswith("user ")
    shown = CliRunner().invoke(click.Command("x", epilog=examples("exhibit x 1", "exhibit x 2")), ["--help"]).output
    assert "Examples:\n    exhibit x 1\n    exhibit x 2\n" in shown
