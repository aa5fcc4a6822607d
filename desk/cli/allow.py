"""Denials taken back."""

import click

from desk.cli.frame import examples, open_desk, person
from desk.cli.rules import host_meant
from desk.cli.show import say


@click.command("allow", epilog=examples("exhibit allow shop.example"))
@click.argument("host")
def allow_command(*, host: str) -> None:
    """Take back that HOST isn't visited."""
    name = host_meant(host)
    open_desk()
    from registry import rules

    rules.allow(name, by=person())
    say(f"{name} may be visited again.")
