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
    parts, last = [INTRODUCTION], ""
    for section, name, command in all_commands():
        if section != last:
            parts.append(f"## {section}\n")
        parts.append(_described(name, command))
        last = section
    return "\n".join(parts)


def _described(name: str, command: click.Command) -> str:
    arguments = "".join(
        f" {argument.make_metavar(click.Context(command))}" for argument in _of(command, click.Argument)
    )
    options = "".join(_option(argument) for argument in _of(command, click.Option))
    text = f"### exhibit {name}\n\n`exhibit {name}{arguments.replace('...', '…')}`\n\n{_paragraphs(command.help)}\n"
    more, _, examples = (command.epilog or "").replace("\b\n", "").partition("Examples:\n")
    more = f"\n```text\n{more.strip()}\n```\n" if more.strip() else ""
    lines = "\n".join(line.removeprefix("  ") for line in examples.splitlines()).strip()
    return f"{text}{options and chr(10)}{options}{more}\n```\n{lines}\n```\n"


def _of(command: click.Command, kind: type[click.Parameter]) -> Iterator[click.Parameter]:
    return (param for param in command.params if isinstance(param, kind))


def _paragraphs(text: str | None) -> str:
    """Return the paragraphs of a help text, each on one line."""
    return "\n\n".join(
        " ".join(paragraph.split()) for paragraph in (text or "").replace("\b\n", "").split("\n\n")
    ).strip()


def _option(option: click.Parameter) -> str:
    assert isinstance(option, click.Option)
    is_choice = isinstance(option.type, click.Choice)
    value = "" if option.is_flag or is_choice else f" {option.make_metavar(click.Context(click.Command('')))}"
    values = option.default if isinstance(option.default, list | tuple) else [option.default]
    default = ", ".join(
        str(each) for each in values if isinstance(each, str | int) and not option.is_flag and each != ""
    )
    notes = [*(["needed"] if option.required else []), *([f"{default} by default"] if default else [])]
    notes += ["any number of times"] if option.multiple and "several times" not in (option.help or "") else []
    choices = f" One of `{'`, `'.join(option.type.choices)}`." if isinstance(option.type, click.Choice) else ""
    return (
        f"- `{option.opts[0]}{value}`{' (' * bool(notes)}{'; '.join(notes)}{')' * bool(notes)}: "
        f"{option.help}{choices}\n"
    )
