"""Image searches and marketplaces: which there are, and an owner's keys for them."""

import sys

import click

from desk.cli.common.command import AsJson, TheirOwner, Word, command
from desk.cli.common.frame import Desk, person
from desk.cli.common.show import echo_json, moment, say, table

search_command = click.Group(
    "search", help="Image searches and marketplaces that a watch can ask with an owner's own key."
)


@command("list", "exhibit search list", "exhibit search list --json", of=search_command)
def list_searches(*, desk: Desk, owner: TheirOwner, as_json: AsJson) -> None:
    """List the searches, and for which of them there is a key; never the key itself."""
    from desk.schemas import watches as schemas
    from workers.crawls.search_services import services

    found = schemas.Search.of(services(desk.config), owner)
    if as_json:
        echo_json({"searches": found})
        return
    lines = [
        (row.search, row.name, row.takes, moment(row.key_added_at, desk.zone) if row.key_added_at else "none")
        for row in found
    ]
    table(("search", "name", "is asked for", "key since"), lines)


@command("key", "exhibit search key tineye", "exhibit search key tineye < key.txt", of=search_command)
def keep_key(*, desk: Desk, search: Word, owner: TheirOwner) -> None:
    """Keep a key for SEARCH, encrypted, in place of an earlier one. It is never shown again.

    The key is asked for, or read from the standard input; an argument would stand in the list of processes.
    """
    from workers.crawls.search_keys import MAX_KEY
    from workers.crawls.search_keys import keep_key as keep
    from workers.crawls.search_services import service_of

    service = service_of(desk.config, search)
    if sys.stdin.isatty():
        key = click.prompt(f"Key for {service.name}", hide_input=True)
    else:
        key = sys.stdin.read(MAX_KEY + 2)
    keep(desk.services, owner, search, key, by=person())
    say(f"The key for {service.name} is kept, encrypted.")
    say(f"Ask with it: exhibit watch add NAME --search {search}")


@command("forget", "exhibit search forget tineye", of=search_command)
def forget_key(*, desk: Desk, search: Word, owner: TheirOwner) -> None:
    """Forget the key for SEARCH."""
    from registry.crawls import inquiries
    from workers.crawls.search_services import service_of

    if not (there := inquiries.drop_key(owner, search, by=person())):
        service_of(desk.config, search)
    say(f"The key for {search} is removed." if there else f"There is no key for {search}.")
