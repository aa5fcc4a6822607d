"""A command is a function whose signature says what it takes."""

from pathlib import Path
from typing import Annotated

import click
from click.testing import CliRunner, Result

from desk.cli.common.command import AnyOwner, AsJson, Number, Numbers, OwnerName, Taken, TheirOwner, Word, Yes, command
from desk.cli.common.frame import Desk
from exhibit.config.config import Config


class Studio(Desk):
    """A desk at which every owner is known by the name that is said."""

    def owner(self, named: str | None) -> str:  # type: ignore[override]
        return f"owner {named}"


def run(made: click.Command, *words: str) -> Result:
    return CliRunner().invoke(made, words, obj=Studio(Config(data_dir=Path("nowhere"))), catch_exceptions=False)


def test_options_and_arguments_stand_in_the_order_of_the_signature_and_json_last() -> None:
    @command("do", "exhibit do it", above="Notes.\n\n")
    @click.option("--late", help="Late.")
    @click.option("--first")
    @click.option("--second")
    def do(*, name: Word, as_json: AsJson, number: Number, yes: Yes, late: str, **more: str) -> None:
        """Do it."""
        click.echo((name, number, yes, as_json, late, sorted(more)))

    assert [one.name for one in do.params] == ["name", "number", "yes", "late", "first", "second", "as_json"]
    assert run(do, "a", "3", "--yes", "--late", "l").output == "('a', 3, True, False, 'l', ['first', 'second'])\n"
    assert run(do, "a", "0").exit_code == 2
    assert (do.epilog, do.help) == ("Notes.\n\n\b\nExamples:\n  exhibit do it", "Do it.")


def test_examples_are_what_follows_the_name_unless_they_say_it_themselves() -> None:
    group = click.Group("things")
    made = [
        command("do", *shown, of=group)(lambda: None) for shown in ((), ("", "3 --late"), ("cat 3 | exhibit do -",))
    ]
    assert [one.epilog for one in made] == [
        "\b\nExamples:\n  exhibit things do",
        "\b\nExamples:\n  exhibit things do\n  exhibit things do 3 --late",
        "\b\nExamples:\n  cat 3 | exhibit do -",
    ]


def test_the_desk_and_the_owner_are_handed_over() -> None:
    group = click.Group("things")

    @command("list", of=group)
    def things(*, desk: Desk, owner: TheirOwner, numbers: Numbers) -> None:
        click.echo((type(desk).__name__, owner, numbers))

    @command("all", of=group)
    def everything(*, owner: AnyOwner) -> None:
        click.echo(owner)

    @command("named", of=group)
    def named(*, owner: OwnerName, size: Annotated[int, Taken("--size", default=3)]) -> None:
        click.echo((owner, size))

    assert list(group.commands) == ["list", "all", "named"]
    assert run(group, "list", "--owner", "ann", "1", "2").output == "('Studio', 'owner ann', (1, 2))\n"
    assert run(group, "list", "1").output == "('Studio', 'owner None', (1,))\n"
    assert run(group, "all").output == "\n"
    assert run(group, "all", "--owner", "bo").output == "owner bo\n"
    assert run(group, "named", "--owner", "bo").output == "('bo', 3)\n"
