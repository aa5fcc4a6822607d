"""Every command and option stands in docs/cli.md, and has a help that a newcomer can use."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator

import click
import pytest

from desk.cli.main import COMMANDS, exhibit, main
from tests import CHECKOUT

PAGE = (CHECKOUT / "docs" / "cli.md").read_text("utf-8")
EVERYWHERE = {"--help", "--owner", "--json", "--reason"}


def all_commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its whole name."""
    context = click.Context(exhibit)
    for name in COMMANDS:
        command = exhibit.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {below}", one) for below, one in command.commands.items())
        else:
            yield name, command


@pytest.mark.parametrize(("name", "command"), list(all_commands()))
def test_every_command_and_option_is_documented(name: str, command: click.Command) -> None:
    row = next((line for line in PAGE.splitlines() if re.match(rf"\| `exhibit {name}`[ |]", line)), None)
    assert row is not None, f"docs/cli.md has no row for exhibit {name}"
    missing = [flag for flag in flags_of(command) - EVERYWHERE if f"`{flag}`" not in row]
    assert missing == []
    assert all(f"`{flag}`" in row for flag in flags_of(command) & EVERYWHERE - {"--help"})


@pytest.mark.parametrize(("name", "command"), list(all_commands()))
def test_every_documented_option_exists(name: str, command: click.Command) -> None:
    row = next(line for line in PAGE.splitlines() if re.match(rf"\| `exhibit {name}`[ |]", line))
    assert set(re.findall(r"`(--[a-z]+)`", row)) <= flags_of(command)


@pytest.mark.parametrize(("name", "command"), list(all_commands()))
def test_every_command_has_a_help_with_examples(name: str, command: click.Command) -> None:
    assert command.help
    assert f"  exhibit {name}" in (command.epilog or "")
    assert all(one.help for one in command.params if isinstance(one, click.Option))


@pytest.mark.parametrize("name", [name for name, _command in all_commands()])
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


def flags_of(command: click.Command) -> set[str]:
    options = [one for one in command.params if isinstance(one, click.Option)]
    return {flag for one in options for flag in one.opts if flag.startswith("--")}
