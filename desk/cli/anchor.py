"""Outside witnesses: how they have answered lately, and making the contract that a chain's anchor needs."""

import time
from shlex import quote
from typing import TYPE_CHECKING

import click

from desk.cli.common.frame import Desk, ask, examples, open_desk, person
from desk.cli.common.options import json_option, yes_option
from desk.cli.common.show import echo_json, fields, moment, note, say, table
from exhibit.config.config import AnchorConfig
from exhibit.errors import NotFoundError, ServiceMissingError
from registry.configuration import load_config

if TYPE_CHECKING:
    from desk.schemas import log as schemas
    from registry.log import witnesses

PAUSE = 1.0
"""Seconds between two questions whether the contract is there: a node tells nobody that it has made a block."""

PATIENCE = 300.0
"""Seconds until the command gives up; the transaction goes on without it."""
anchor_command = click.Group(
    "anchor", help="The outside witnesses of the log; docs/anchors.md says how to choose them."
)


@anchor_command.command("list", epilog=examples("exhibit anchor list"), short_help="Say how each has answered lately.")
@json_option
def list_anchors(*, as_json: bool) -> None:
    """Say how each outside witness has answered lately, and what it owes. Asks nobody; `exhibit doctor` does."""
    desk = open_desk()
    from registry.log import added_witnesses, witnesses
    from registry.log.anchors import get_anchor_configs

    known = witnesses.health()
    configured = {(anchor.kind, anchor.name): anchor for anchor in get_anchor_configs(desk.services)}
    rows = [_told(key, configured.get(key), known.get(key)) for key in sorted({*configured, *known})]
    if as_json:
        echo_json({"witnesses": rows, "needed": desk.config.witnesses_needed})
    elif not rows:
        say("No outside witness is configured: only this installation's own log knows the time.")
        names = [offer.name for offer in added_witnesses.offered(desk.services)]
        note(f"Add one: exhibit anchor add {'|'.join(names)}")
    else:
        table(("witness", "kind", "answered", "owes", "state"), [_line(desk, row) for row in rows])


@anchor_command.command(
    "add",
    epilog=examples("exhibit anchor add", "exhibit anchor add freetsa", "exhibit anchor add bitcoin --yes"),
    short_help="Add a public witness.",
)
@click.argument("name", required=False)
@yes_option
def add_anchor(*, name: str | None, yes: bool) -> None:
    """Add the public witness NAME, once it has given a stamp for trial; without NAME, say which there are.

    What it learns, costs and how long it takes is shown first. Others are named in exhibit.toml (docs/anchors.md).
    Ends with 3 when it doesn't answer.
    """
    desk = open_desk()
    from registry.log import added_witnesses

    offers = {offer.name: offer for offer in added_witnesses.offered(desk.services)}
    for offer in offers.values() if name is None else filter(None, [offers.get(name)]):
        about = (("it learns", offer.learns), ("it costs", offer.costs), ("an answer takes", offer.takes))
        fields(("name", offer.name), ("is", offer.title), *about, ("its terms", offer.page))
        say("")
    if name is None:
        return
    if name in offers and not yes:
        ask(f"Ask {offers[name].title} from now on?")
    row = added_witnesses.add_witness(desk.services, name, by=person())
    say(f"{row.name} has answered, and is asked from now on.")


@anchor_command.command(
    "remove", epilog=examples("exhibit anchor remove freetsa"), short_help="Ask an added witness no more."
)
@click.argument("name")
def remove_anchor(*, name: str) -> None:
    """Ask the witness NAME no more, which was added by `exhibit anchor add` or on the site. Its receipts stay."""
    open_desk()
    from registry.log import added_witnesses

    added_witnesses.remove_witness(name, by=person())
    say(f"{name} is asked no more.")


def _told(key: tuple[str, str], configured: AnchorConfig | None, known: "witnesses.Health | None") -> "schemas.Witness":
    from desk.schemas import log as schemas

    nothing = {"error": "", "owed": 0} if known is None else {}
    trial, there = configured is not None and configured.development, configured is not None
    return schemas.Witness.from_row(known, kind=key[0], name=key[1], development=trial, configured=there, **nothing)


def _line(desk: Desk, one: "schemas.Witness") -> tuple[object, ...]:
    answered = moment(one.answered_at, desk.zone) if one.answered_at else "never"
    state = one.error or ("" if one.configured else "not configured any more")
    if one.silent_since:
        state = f"silent since {moment(one.silent_since, desk.zone)}: {one.error}"
    return one.name, one.kind, answered, one.owed, state


@anchor_command.command(
    "deploy",
    epilog=examples("exhibit anchor deploy consortium", "exhibit anchor deploy consortium --transaction 0x5c1f…"),
    short_help="Make the contract of an EVM chain's anchor.",
)
@click.argument("name")
@click.option("--transaction", metavar="HASH", help="Look for one that was sent before, instead of sending another.")
def deploy_contract(*, name: str, transaction: str | None) -> None:
    """Make the contract of the anchor NAME on its chain, paid by the account in the settings, once.

    Write the address that is printed into exhibit.toml. Several installations may share a contract: it belongs to
    nobody, and anybody may use it. Ends with 3 when the node refuses or no block comes.
    """
    from eth_utils import address

    from evidence.anchors.evm import kind
    from registry.services import anchors

    config = load_config()
    found = [anchor for anchor in config.anchors if isinstance(anchor, kind.EvmConfig) and anchor.name == name]
    if not found:
        raise NotFoundError(f"There is no anchor of the kind evm named {name}.", hint="Add it to exhibit.toml first.")
    anchor = kind.build(found[0], anchors.session_for(found[0], config.allowed_networks, "Exhibit"))
    sent = transaction or anchor.deploy()
    note(f"Waiting for {sent} …")
    until = time.monotonic() + PATIENCE
    while (made := anchor.deployed(sent)) is None:
        if time.monotonic() > until:
            hint = f"Look again later: exhibit anchor deploy {quote(name)} --transaction {sent}"
            raise ServiceMissingError("The transaction isn't in a block yet.", hint=hint)
        time.sleep(PAUSE)
    say(f'contract = "{address.to_checksum_address(made)}"')
