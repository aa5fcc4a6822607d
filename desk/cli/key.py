"""`exhibit key rotate`."""

import click

from desk.cli.common.frame import Desk, examples, open_desk, person
from desk.cli.common.options import owner_option, reason_option
from desk.cli.common.show import counted, say
from exhibit.config.secrets import NEXT_MASTER_KEY, mounted
from exhibit.errors import WrongUseError

USES = ("sealing", "documents")
key_command = click.Group("key", help="Manage signing keys of owners, and the master key that encrypts them.")


@key_command.command(
    "rotate",
    epilog=examples(
        'exhibit key rotate --owner studio-example --reason "yearly rotation"',
        'exhibit key rotate --use documents --reason "yearly rotation"',
        'exhibit key rotate --master --reason "an operator left"',
    ),
)
@owner_option
@reason_option
@click.option(
    "--use", type=click.Choice(USES), default="sealing", show_default=True, help="Purpose of the key to replace."
)
@click.option("--master", is_flag=True, help="Replace the master key and re-encrypt all keys.")
def rotate_key(*, named: str | None, use: str, reason: str, master: bool) -> None:
    """Replace an owner's signing key. Signatures of the previous key stay valid.

    With --master, replace the key that encrypts all others. After an interruption, run the command again. Earlier
    backups of the database require the previous master key.

    List keys: exhibit api GET keys. Revoke a key: exhibit api POST keys/KEY/revoke --field reason=TEXT
    """
    desk = open_desk()
    if master:
        if named is not None:
            raise WrongUseError("The master key does not belong to an owner.", hint="Omit --owner.")
        _rotate_master(desk, reason)
        return
    owner = desk.owner(named)
    from registry.keys import signing_keys as keys
    from registry.keys.keys import Use

    key = keys.rotate(desk.services, owner, Use(use), by=person(), reason=reason)
    say(f"{owner.name} now uses the key {bytes(key.public_key).hex()[:16]}.")
    say("Export the new public key for verifiers: exhibit trust FILE")


def _rotate_master(desk: Desk, reason: str) -> None:
    from registry.master_key import change_master_key

    change = change_master_key(desk.services, by=person(), reason=reason)
    then = "Back up the folder secrets now."
    if mounted_key := mounted(desk.config, NEXT_MASTER_KEY):
        then = f"Replace master_key with {mounted_key} on every machine now."
    say(f"Encrypted {counted(change.keys, 'key')} with the new master key. {then}")
    if change.lost:
        key_names = ", ".join(key.hex()[:16] for key in change.lost)
        say(f"Unchanged, because they cannot be decrypted and are not in use: {key_names}")
