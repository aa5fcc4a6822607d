"""Bytes that are never stored."""

import click

from desk.cli.common.command import AsJson, command
from desk.cli.common.frame import open_desk, person
from desk.cli.common.show import say
from desk.cli.rules import digest_meant, list_rules, need_reason


@command("block", 'picture.jpg --reason "Opt-out"', "--json")
@click.argument("what", metavar="[DIGEST|FILE]", required=False)
@click.option("--reason", default="", metavar="TEXT", help="Why; needed to block something.")
def block_command(*, what: str | None, reason: str, as_json: AsJson) -> None:
    """Never store certain bytes from now on; without an argument, list what is blocked.

    What is stored already stays; exhibit purge removes it.
    """
    digest = None if what is None else digest_meant(what)
    need_reason(what, reason)
    desk = open_desk()
    from registry import models
    from registry.crawls import denylists

    if digest is not None:
        new = denylists.block(digest, by=person(), reason=reason)
        say(f"{digest} is {'blocked' if new else 'blocked already'}.")
        return
    rows = models.BlockedDigest.objects.order_by("created_at")
    found = [(row.digest.hex, row.created_at, row.reason) for row in rows]
    list_rules(desk, "blocked", "digest", found, as_json=as_json)
