"""`exhibit key rotate`."""

import click

from desk.cli.common.context import CommandContext, format_examples, get_actor_name, open_command_context
from desk.cli.common.options import owner_option, reason_option
from desk.cli.common.output import echo_text, format_count
from exhibit.config.secrets import NEXT_MASTER_KEY, find_mounted_secret
from exhibit.errors import InvalidRequestError

USES = ("sealing", "documents")
key_command = click.Group("key", help="Manage signing keys of owners, and the master key that encrypts them.")


@key_command.command(
    "rotate",
    epilog=format_examples(
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
def rotate_key(*, owner_name: str | None, use: str, reason: str, master: bool) -> None:
    """Replace an owner's signing key. Signatures made with the previous key stay valid.

    With --master, replace the master key, which encrypts all other keys. After an interruption, run the command again.
    Earlier backups of the database require the previous master key.

    List keys: exhibit api GET keys. Revoke a key: exhibit api POST keys/KEY/revoke --field reason=TEXT
    """
    context = open_command_context()
    if master:
        if owner_name is not None:
            raise InvalidRequestError("The master key does not belong to an owner.", hint="Omit --owner.")
        _rotate_master(context, reason)
        return
    owner = context.get_owner(owner_name)
    from registry.keys import signing_keys as keys
    from registry.keys.keys import KeyUse

    key = keys.rotate_key(context.services, owner, KeyUse(use), by=get_actor_name(), reason=reason)
    echo_text(f"{owner.name} now uses the key {bytes(key.public_key).hex()[:16]}.")
    echo_text("Export the new public key for verifiers: exhibit trust FILE")


def _rotate_master(context: CommandContext, reason: str) -> None:
    from registry.master_key import change_master_key

    change = change_master_key(context.services, by=get_actor_name(), reason=reason)
    next_step = "Back up the folder secrets/ now."
    if mounted_key := find_mounted_secret(context.config, NEXT_MASTER_KEY):
        next_step = f"Replace master_key with {mounted_key} on every machine now."
    echo_text(f"Encrypted {format_count(change.key_count, 'key')} with the new master key. {next_step}")
    if change.lost_public_keys:
        key_names = ", ".join(key.hex()[:16] for key in change.lost_public_keys)
        echo_text(f"Unchanged, because they cannot be decrypted and are not in use: {key_names}")
