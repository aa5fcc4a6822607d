"""Test that every command has help suitable for a newcomer."""

import click

from tools.reference.commands import all_commands


def test_every_command_has_help_with_examples() -> None:
    for _section, name, command in all_commands():
        assert command.help, name
        assert f"  exhibit {name}" in (command.epilog or ""), name
        assert all(option.help for option in command.params if isinstance(option, click.Option)), name
