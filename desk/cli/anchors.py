"""Outside witnesses: making the contract that a chain's anchor needs."""

import time
from typing import TYPE_CHECKING

import click

from desk.cli.frame import examples
from desk.cli.show import note, say
from exhibit.config import AnchorConfig, load_config
from exhibit.errors import NotFoundError, ServiceMissingError

if TYPE_CHECKING:
    from evidence.anchors.evm import EvmAnchor

PAUSE = 1.0
PATIENCE = 300.0


@click.group("anchor")
def anchor_command() -> None:
    """The outside witnesses of the log; docs/anchors.md says how to choose them."""


@anchor_command.command(
    "deploy",
    short_help="Make the contract of an EVM chain's anchor.",
    epilog=examples("exhibit anchor deploy consortium", "exhibit anchor deploy consortium --transaction 0x5c1f…"),
)
@click.argument("name")
@click.option("--transaction", metavar="HASH", help="Look for one that was sent before, instead of sending another.")
def deploy_contract(*, name: str, transaction: str | None) -> None:
    """Make the contract of the anchor NAME on its chain, paid by the account in the settings, once.

    Write the address that is printed into exhibit.toml. Several installations may share a contract: it belongs to
    nobody, and anybody may use it.
    """
    anchor = _evm_anchor(name)
    sent = transaction or anchor.deploy()
    note(f"Waiting for {sent} …")
    until = time.monotonic() + PATIENCE
    while (made := anchor.deployed(sent)) is None:
        if time.monotonic() > until:
            hint = f"Look again later: exhibit anchor deploy {name} --transaction {sent}"
            raise ServiceMissingError("The transaction isn't in a block yet.", hint=hint)
        time.sleep(PAUSE)
    from evidence.anchors.evm_account import checksummed

    say(f'contract = "{checksummed(made)}"')


def _evm_anchor(name: str) -> "EvmAnchor":
    from workers.witnesses import evm_anchor, session_for

    config = load_config()
    found: list[AnchorConfig] = [one for one in config.anchors if (one.kind, one.name) == ("evm", name)]
    if not found:
        raise NotFoundError(f"There is no anchor of the kind evm named {name}.", hint="Add it to exhibit.toml first.")
    return evm_anchor(found[0], session_for(found[0], config.allowed_networks, "Exhibit"))
