"""Hosts that are never visited."""

import click

from desk.cli.common.command import AsJson, MaybeWord, command
from desk.cli.common.frame import open_desk, person
from desk.cli.common.show import say
from desk.cli.rules import host_meant, list_rules, need_reason


@command("deny", 'shop.example --reason "Asked to be left out"', "")
@click.option("--reason", default="", metavar="TEXT", help="Why; needed to deny a host.")
def deny_command(*, host: MaybeWord, reason: str, as_json: AsJson) -> None:
    """Never visit HOST and the hosts below it; without an argument, list what is denied."""
    need_reason(host, reason)
    name = None if host is None else host_meant(host)
    desk = open_desk()
    from registry import models
    from registry.crawls import denylists

    if name is not None:
        denylists.deny(name, by=person(), reason=reason)
        say(f"{name} and the hosts below it aren't visited any more.")
        return
    rows = models.HostDenial.objects.order_by("host")
    list_rules(desk, "denied", "host", [(row.host, row.created_at, row.reason) for row in rows], as_json=as_json)
