"""Denials taken back."""

from desk.cli.common.command import Word, command
from desk.cli.common.frame import open_desk, person
from desk.cli.common.show import say
from desk.cli.rules import host_meant


@command("allow", "shop.example")
def allow_command(*, host: Word) -> None:
    """Take back that HOST isn't visited."""
    name = host_meant(host)
    open_desk()
    from registry.crawls import denylists

    denylists.allow(name, by=person())
    say(f"{name} may be visited again.")
