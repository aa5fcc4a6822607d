"""Every command and option stands in docs/cli.md, and has a help that a newcomer can use."""

import re
from collections.abc import Iterator

import click

from desk.cli.main import COMMANDS, exhibit
from tests import CHECKOUT

PAGE = (CHECKOUT / "docs" / "cli.md").read_text("utf-8")


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


def row_of(name: str) -> str:
    """A command's row of the page."""
    row = next((line for line in PAGE.splitlines() if re.match(rf"\| `exhibit {name}`[ |]", line)), None)
    assert row is not None, f"docs/cli.md has no row for exhibit {name}"
    return row


def test_every_command_and_option_is_documented() -> None:
    for name, command in all_commands():
        row, flags = row_of(name), flags_of(command) - {"--help"}
        assert [flag for flag in flags if f"`{flag}`" not in row] == [], f"exhibit {name}"


def test_every_documented_option_exists() -> None:
    for name, command in all_commands():
        assert set(re.findall(r"`(--[a-z]+)`", row_of(name))) <= flags_of(command), f"exhibit {name}"


def test_every_command_has_a_help_with_examples() -> None:
    for name, command in all_commands():
        assert command.help, name
        assert f"  exhibit {name}" in (command.epilog or ""), name
        assert all(one.help for one in command.params if isinstance(one, click.Option)), name


def flags_of(command: click.Command) -> set[str]:
    options = [one for one in command.params if isinstance(one, click.Option)]
    return {flag for one in options for flag in one.opts if flag.startswith("--")}
