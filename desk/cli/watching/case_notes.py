"""What members say of a case without deciding it: notes, disputes, and their end."""

import click

from desk.cli.common.frame import examples, open_desk, owner_option, person, reason_option
from desk.cli.common.show import say

number_argument = click.argument("number", type=click.IntRange(min=1))
by_option = click.option("--by", metavar="NAME", help="Who decides, as the record names it; your login by default.")


@click.command("note", epilog=examples('exhibit case note 5 --words "Ask the gallery first."'))
@number_argument
@owner_option
@click.option("--words", required=True, metavar="TEXT", help="What the other members should know.")
@by_option
def write_note(*, number: int, owner: str | None, words: str, by: str | None) -> None:
    """Write a note on case NUMBER, for the other members; its history keeps it."""
    desk = open_desk()
    from registry.accounts import scoped
    from workers.cases import decisions

    decisions.note(scoped.case(desk.owner(owner), number), by=by or person(), words=words)
    say(f"Noted on case {number}.")


@click.command("dispute", epilog=examples('exhibit case dispute 5 --reason "It is our picture after all."'))
@number_argument
@owner_option
@reason_option
@by_option
def dispute_case(*, number: int, owner: str | None, reason: str, by: str | None) -> None:
    """Say that case NUMBER was decided wrongly. The decision stays until somebody settles it or reopens the case."""
    desk = open_desk()
    from registry.accounts import scoped
    from workers.cases import decisions

    decisions.dispute(scoped.case(desk.owner(owner), number), by=by or person(), reason=reason)
    say(f"Disputed: the decision of case {number}.")


@click.command("settle", epilog=examples('exhibit case settle 5 --reason "I asked the photographer."'))
@number_argument
@owner_option
@reason_option
@by_option
def settle_case(*, number: int, owner: str | None, reason: str, by: str | None) -> None:
    """Let the disputed decision of case NUMBER stand; to change it, use `exhibit case reopen`."""
    desk = open_desk()
    from registry.accounts import scoped
    from workers.cases import decisions

    decisions.settle(scoped.case(desk.owner(owner), number), by=by or person(), reason=reason)
    say(f"The decision of case {number} stands.")
