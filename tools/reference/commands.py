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
    arguments = "".join(f" {one.make_metavar(click.Context(command))}" for one in _of(command, click.Argument))
    options = "".join(_option(one) for one in _of(command, click.Option))
    text = f"### exhibit {name}\n\n`exhibit {name}{arguments.replace('...', '…')}`\n\n{_paragraphs(command.help)}\n"
    more, _, examples = (command.epilog or "").replace("\b\n", "").partition("Examples:\n")
    more = f"\n```text\n{more.strip()}\n```\n" if more.strip() else ""
    lines = "\n".join(line.removeprefix("  ") for line in examples.splitlines()).strip()
    return f"{text}{options and chr(10)}{options}{more}\n```\n{lines}\n```\n"


def _of(command: click.Command, kind: type[click.Parameter]) -> Iterator[click.Parameter]:
    return (one for one in command.params if isinstance(one, kind))


def _paragraphs(text: str | None) -> str:
    """Return the paragraphs of a help text, each on one line."""
    return "\n\n".join(" ".join(one.split()) for one in (text or "").replace("\b\n", "").split("\n\n")).strip()


def _option(one: click.Parameter) -> str:
    assert isinstance(one, click.Option)
    is_choice = isinstance(one.type, click.Choice)
    value = "" if one.is_flag or is_choice else f" {one.make_metavar(click.Context(click.Command('')))}"
    values = one.default if isinstance(one.default, list | tuple) else [one.default]
    default = ", ".join(str(each) for each in values if isinstance(each, str | int) and not one.is_flag and each != "")
    notes = [*(["needed"] if one.required else []), *([f"{default} by default"] if default else [])]
    notes += ["any number of times"] if one.multiple and "several times" not in (one.help or "") else []
    choices = f" One of `{'`, `'.join(one.type.choices)}`." if isinstance(one.type, click.Choice) else ""
    return f"- `{one.opts[0]}{value}`{' (' * bool(notes)}{'; '.join(notes)}{')' * bool(notes)}: {one.help}{choices}\n"
