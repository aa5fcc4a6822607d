"""Every command has a help that a newcomer can use."""

import re
import subprocess
import sys
import time

import click
import pytest

from desk.cli.main import COMMANDS, exhibit, main
from tests import CHECKOUT
from tools.reference.commands import all_commands

ALL = [(name, command) for _section, name, command in all_commands()]


@pytest.mark.parametrize(("name", "command"), ALL)
def test_every_command_has_a_help_with_examples(name: str, command: click.Command) -> None:
    assert command.help
    assert f"  exhibit {name}" in (command.epilog or "")
    assert all(one.help for one in command.params if isinstance(one, click.Option))


@pytest.mark.parametrize("name", [name for name, _command in ALL])
def test_every_command_answers_what_it_does_not_know_and_a_cry_for_help(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*name.split(), "--no-such-option"]) == 2
    refused = capsys.readouterr()
    assert "No such option" in refused.err
    assert "Traceback" not in refused.err + refused.out
    assert main([*name.split(), "--help"]) == 0
    assert f"  exhibit {name}" in capsys.readouterr().out


def test_the_overview_names_what_each_group_holds() -> None:
    context = click.Context(exhibit)
    for name, text in COMMANDS.items():
        command = exhibit.get_command(context, name)
        if isinstance(command, click.Group):
            assert set(command.commands) <= set(re.findall(r"[a-z-]+", text))


def test_the_overview_comes_at_once_and_loads_neither_django_nor_pictures() -> None:
    program = (
        "import sys\nfrom desk.cli.main import main\ncode = main(['--help'])\n"
        "heavy = {'django', 'celery', 'numpy', 'cv2', 'faiss', 'PIL', 'requests'} & set(sys.modules)\n"
        "sys.exit(code or ' '.join(heavy) or 0)"
    )
    begun = time.monotonic()
    run = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert time.monotonic() - begun < 5
