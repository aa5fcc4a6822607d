"""Denials taken back."""

import click

from desk.cli.common.frame import examples, open_desk, person
from desk.cli.common.show import say
from desk.cli.upkeep.rules import host_meant


@click.command("allow", epilog=examples("exhibit allow shop.example"))
@click.argument("host")
def allow_command(*, host: str) -> None:
    """Take back that HOST isn't visited."""
    name = host_meant(host)
    open_desk()
    from registry.crawls import denylists

    denylists.allow(name, by=person())
    say(f"{name} may be visited again.")
