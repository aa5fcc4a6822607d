"""Image searches and marketplaces: which there are, an owner's keys for them, and what they may be sent."""

import sys

import click

from desk.cli.common.command import AT_LEAST_1, AsJson, TheirOwner, Word, command
from desk.cli.common.frame import Desk, person
from desk.cli.common.show import moment, only_json, say, table

search_command = click.Group(
    "search", help="Image searches and marketplaces that a watch can ask with an owner's own key."
)

_LACKS = {"": "yes", "no-key": "no: needs a key", "no-consent": "no: isn't allowed to be sent copies of works"}


@command("list", "", "--json", of=search_command)
def list_searches(*, desk: Desk, owner: TheirOwner, as_json: AsJson) -> None:
    """List the searches, and for which of them there is a key; never the key itself."""
    from desk.schemas import watches as schemas

    found = schemas.Search.of(desk.services, owner)
    only_json({"searches": found}, asked=as_json)
    columns = ("search", "name", "is asked for", "key since", "may be asked")
    since = {row.search: moment(row.key_added_at, desk.zone) or "none" for row in found}
    table(columns, [(row.search, row.name, row.takes, since[row.search], _LACKS[row.lacks]) for row in found])


@command("show", "tineye", "tineye --json", of=search_command)
def show_search(*, desk: Desk, search: Word, owner: TheirOwner, as_json: AsJson) -> None:
    """Show what SEARCH costs, what it is sent, which terms bind, and whether it may be asked."""
    from desk.schemas import watches as schemas

    (row,) = schemas.Search.of(desk.services, owner, search)
    only_json(row, asked=as_json)
    for name, value in row:
        if value:
            say(f"{name.replace('_', ' ').capitalize()}: {moment(value, desk.zone) if name.endswith('_at') else value}")
    say(f"May be asked: {_LACKS[row.lacks]}")


@command("key", "tineye", "tineye < key.txt", of=search_command)
def keep_key(*, desk: Desk, search: Word, owner: TheirOwner) -> None:
    """Keep a key for SEARCH, encrypted, in place of an earlier one. It is never shown again.

    The key is asked for, or read from the standard input; an argument would stand in the list of processes.
    """
    from workers.crawls import search_keys, search_services

    service = search_services.service_of(desk.config, search)
    typed = sys.stdin.isatty()
    key = click.prompt(f"Key for {service.name}", hide_input=True) if typed else sys.stdin.read(search_keys.MAX_KEY + 2)
    search_keys.keep_key(desk.services, owner, search, key, by=person())
    say(f"The key for {service.name} is kept, encrypted.")
    if search_keys.lacking(desk.services, owner, search, service):
        say(f"It may not be sent copies of your works yet: exhibit search allow {search}")
    say(f"Ask with it: exhibit watch add NAME --search {search}")


@command("forget", "tineye", of=search_command)
def forget_key(*, desk: Desk, search: Word, owner: TheirOwner) -> None:
    """Forget the key for SEARCH."""
    from workers.crawls import search_keys, search_services

    if not (there := search_keys.drop_key(owner, search, by=person())):
        search_services.service_of(desk.config, search)
    say(f"The key for {search} is removed." if there else f"There is no key for {search}.")


@command("price", "tineye 200USD --requests 5000", "google-vision none", of=search_command)
@click.option("--requests", type=AT_LEAST_1, default=1, show_default=True, metavar="N", help="So many cost it.")
@click.option("--free", type=click.IntRange(0), default=0, metavar="N", help="Requests of a month that cost nothing.")
def set_price(*, desk: Desk, search: Word, amount: Word, requests: int, free: int, owner: TheirOwner) -> None:
    """Say what your account pays SEARCH, as 3.50USD, in place of the public price; none to go by that again.

    What is asked from then on is counted by it, and by it a watch keeps to its money.
    """
    from exhibit import types
    from workers.crawls import search_keys, search_services

    said = None if amount == "none" else types.Price(amount=amount, requests=requests, free=free)
    search_keys.set_price(desk.services, owner, search, said, by=person())
    price = search_keys.price_of(owner, search, search_services.service_of(desk.config, search))
    say(f"A request to {search} is counted as {price.each}." if price else f"What {search} costs isn't known.")


@command("allow", "tineye", of=search_command)
def allow_search(*, desk: Desk, search: Word, owner: TheirOwner) -> None:
    """Allow SEARCH to be sent small copies of your works, until you take that back. Who did is in the log."""
    from workers.crawls import search_keys, search_services

    search_keys.consent(desk.services, owner, search, by=person())
    sent = search_services.service_of(desk.config, search).conditions.sends
    say(f"{search} may be sent: {sent or 'small copies of your works.'}")


@command("disallow", "tineye", of=search_command)
def disallow_search(*, search: Word, owner: TheirOwner) -> None:
    """Take that back: SEARCH is sent nothing from now on."""
    from workers.crawls import search_keys

    there = search_keys.withdraw_consent(owner, search, by=person())
    say(f"{search} is sent nothing any more." if there else f"{search} wasn't allowed to be sent anything.")
