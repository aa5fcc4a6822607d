"""Image searches and marketplaces: which there are, and an owner's keys for them."""

import sys

import click

from desk.cli.common.frame import examples, json_option, open_desk, owner_option, person
from desk.cli.common.show import echo_json, moment, say, table


@click.group("search")
def search_command() -> None:
    """Image searches and marketplaces that a watch can ask with an owner's own key."""


@search_command.command("list", epilog=examples("exhibit search list", "exhibit search list --json"))
@owner_option
@json_option
def list_searches(*, owner: str | None, as_json: bool) -> None:
    """List the searches, and for which of them there is a key; never the key itself."""
    desk = open_desk()
    from desk.schemas import watches as schemas
    from workers.crawls.search_services import services

    found = schemas.Search.of(services(desk.config), desk.owner(owner))
    if as_json:
        echo_json({"searches": found})
        return
    lines = [
        (row.search, row.name, row.takes, moment(row.key_added_at, desk.zone) if row.key_added_at else "none")
        for row in found
    ]
    table(("search", "name", "is asked for", "key since"), lines)


@search_command.command("key", epilog=examples("exhibit search key tineye", "exhibit search key tineye < key.txt"))
@click.argument("search")
@owner_option
def keep_key(*, search: str, owner: str | None) -> None:
    """Keep a key for SEARCH, encrypted, in place of an earlier one. It is never shown again.

    The key is asked for, or read from the standard input; an argument would stand in the list of processes.
    """
    desk = open_desk()
    from workers.crawls.search_keys import MAX_KEY
    from workers.crawls.search_keys import keep_key as keep
    from workers.crawls.search_services import service_of

    of = desk.owner(owner)
    service = service_of(desk.config, search)
    if sys.stdin.isatty():
        key = click.prompt(f"Key for {service.name}", hide_input=True)
    else:
        key = sys.stdin.read(MAX_KEY + 2)
    keep(desk.services, of, search, key, by=person())
    say(f"The key for {service.name} is kept, encrypted.")
    say(f"Ask with it: exhibit watch add NAME --search {search}")


@search_command.command("forget", epilog=examples("exhibit search forget tineye"))
@click.argument("search")
@owner_option
def forget_key(*, search: str, owner: str | None) -> None:
    """Forget the key for SEARCH."""
    desk = open_desk()
    from registry.crawls import inquiries
    from workers.crawls.search_services import service_of

    of = desk.owner(owner)
    if not (there := inquiries.drop_key(of, search, by=person())):
        service_of(desk.config, search)
    say(f"The key for {search} is removed." if there else f"There is no key for {search}.")
