"""Reference page of all commands: from their help, options and examples."""

from collections.abc import Iterator

import click

from desk.cli.main import SECTIONS, exhibit

NAME = "commands.md"
INTRODUCTION = """\
# Commands

Generated from the commands' help by `make reference`. [Command line conventions](command-output.md) describes
exit codes, conventions and the keys of the JSON output.
"""


def all_commands() -> Iterator[tuple[str, str, click.Command]]:
    """Yield section, full name and object of every command."""
    for section, names in SECTIONS.items():
        for name in names:
            command: click.Command = exhibit
            for word in name.split():
                assert isinstance(command, click.Group)
                subcommand = command.get_command(click.Context(command), word)
                assert subcommand is not None, name
                command = subcommand
            yield section, name, command


def page() -> str:
    """Return the text of the page."""
    parts, last_section = [INTRODUCTION], ""
    for section, name, command in all_commands():
        if section != last_section:
            parts.append(f"## {section}\n")
        parts.append(_describe_command(name, command))
        last_section = section
    return "\n".join(parts)


def _describe_command(name: str, command: click.Command) -> str:
    arguments = "".join(
        f" {argument.make_metavar(click.Context(command))}" for argument in _list_parameters(command, click.Argument)
    )
    options = "".join(_describe_option(argument) for argument in _list_parameters(command, click.Option))
    text = (
        f"### exhibit {name}\n\n`exhibit {name}{arguments.replace('...', '…')}`\n\n{_format_paragraphs(command.help)}\n"
    )
    epilog, _, examples = (command.epilog or "").replace("\b\n", "").partition("Examples:\n")
    epilog = f"\n```text\n{epilog.strip()}\n```\n" if epilog.strip() else ""
    lines = "\n".join(line.removeprefix("  ") for line in examples.splitlines()).strip()
    return f"{text}{options and chr(10)}{options}{epilog}\n```\n{lines}\n```\n"


def _list_parameters(command: click.Command, kind: type[click.Parameter]) -> Iterator[click.Parameter]:
    return (param for param in command.params if isinstance(param, kind))


def _format_paragraphs(text: str | None) -> str:
    """Return the paragraphs of a help text, each on one line."""
    return "\n\n".join(
        " ".join(paragraph.split()) for paragraph in (text or "").replace("\b\n", "").split("\n\n")
    ).strip()


def _describe_option(option: click.Parameter) -> str:
    assert isinstance(option, click.Option)
    is_choice = isinstance(option.type, click.Choice)
    value = "" if option.is_flag or is_choice else f" {option.make_metavar(click.Context(click.Command('')))}"
    values = option.default if isinstance(option.default, list | tuple) else [option.default]
    default = ", ".join(
        str(default_value)
        for default_value in values
        if isinstance(default_value, str | int) and not option.is_flag and default_value != ""
    )
    notes = [*(["needed"] if option.required else []), *([f"{default} by default"] if default else [])]
    notes += ["any number of times"] if option.multiple and "several times" not in (option.help or "") else []
    choices = f" One of `{'`, `'.join(option.type.choices)}`." if isinstance(option.type, click.Choice) else ""
    return (
        f"- `{option.opts[0]}{value}`{' (' * bool(notes)}{'; '.join(notes)}{')' * bool(notes)}: "
        f"{option.help}{choices}\n"
    )
