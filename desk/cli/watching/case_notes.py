"""What members say of a case without deciding it: notes, disputes, and their end."""

from typing import Annotated

import click

from desk.cli.common.command import Number, Reason, Taken, TheirOwner, command
from desk.cli.common.frame import person
from desk.cli.common.show import say

By = Annotated[
    str | None, Taken("--by", metavar="NAME", help="Who decides, as the record names it; your login by default.")
]


@command("note", 'exhibit case note 5 --words "Ask the gallery first."')
@click.option("--words", required=True, metavar="TEXT", help="What the other members should know.")
def write_note(*, number: Number, owner: TheirOwner, words: str, by: By) -> None:
    """Write a note on case NUMBER, for the other members; its history keeps it."""
    from registry.accounts import scoped
    from workers.cases import decisions

    decisions.note(scoped.case(owner, number), by=by or person(), words=words)
    say(f"Noted on case {number}.")


@command("dispute", 'exhibit case dispute 5 --reason "It is our picture after all."')
def dispute_case(*, number: Number, owner: TheirOwner, reason: Reason, by: By) -> None:
    """Say that case NUMBER was decided wrongly. The decision stays until somebody settles it or reopens the case."""
    from registry.accounts import scoped
    from workers.cases import decisions

    decisions.dispute(scoped.case(owner, number), by=by or person(), reason=reason)
    say(f"Disputed: the decision of case {number}.")


@command("settle", 'exhibit case settle 5 --reason "I asked the photographer."')
def settle_case(*, number: Number, owner: TheirOwner, reason: Reason, by: By) -> None:
    """Let the disputed decision of case NUMBER stand; to change it, use `exhibit case reopen`."""
    from registry.accounts import scoped
    from workers.cases import decisions

    decisions.settle(scoped.case(owner, number), by=by or person(), reason=reason)
    say(f"The decision of case {number} stands.")
