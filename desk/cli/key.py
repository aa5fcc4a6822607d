"""Owners' keys: which there are, new ones in their place, trust taken back, and what others have to know of them."""

import json
from pathlib import Path

import click

from desk.cli.common.frame import examples, open_desk, person
from desk.cli.common.options import FILE, any_owner_option, json_option, label_option, owner_option, reason_option
from desk.cli.common.show import counted, listed, moment, say
from exhibit.config.secrets import NEXT_MASTER_KEY, mounted
from exhibit.errors import NotFoundError, WrongUseError
from exhibit.types import Untyped

USES = ("sealing", "documents")
AFTERWARDS = {
    "sealing": "The next seal makes a new key. Those who check need to know: exhibit key export FILE",
    "documents": "The next signed PDF makes a new key. Tell readers of PDFs who have its certificate: no list does.",
    "device": "No signature of it is filed any more. Those who check need to know: exhibit key export FILE",
}
MAX_BYTES = 1 << 16
use_option = click.option("--use", type=click.Choice(USES), default="sealing", show_default=True, help="Which key.")
key_command = click.Group("key", help="Keys that sign for owners, and device keys of theirs that counter-sign.")


@key_command.command("list", epilog=examples("exhibit key list", "exhibit key list --owner studio-example --json"))
@any_owner_option
@json_option
def list_keys(*, named: str | None, as_json: bool) -> None:
    """List all keys, those too that are used no more."""
    desk = open_desk()
    owner = None if named is None else desk.owner(named)
    from desk.schemas import log as schemas
    from registry.keys import keys as key_rows

    found = schemas.Key.from_rows(key_rows.keys_of(owner))
    columns = ("owner", "use", "public key", "held by", "state")
    line = lambda key: [key.owner, key.use, key.public[:16], key.holder, key.state]  # noqa: E731
    nothing = "There is no key yet. An owner's sealing key is made at the first seal."
    listed("keys", found, columns, line, nothing=nothing, as_json=as_json)


@key_command.command(
    "rotate",
    epilog=examples(
        'exhibit key rotate --owner studio-example --reason "yearly"', 'exhibit key rotate --use documents --reason "…"'
    ),
)
@owner_option
@reason_option
@use_option
def rotate_key(*, named: str | None, use: str, reason: str) -> None:
    """Make an owner's next key and use it from now on. What the earlier one signed stands."""
    desk = open_desk()
    owner = desk.owner(named)
    from registry.keys import keys as key_rows, signing_keys as key_acts

    key = key_acts.rotate(desk.services, owner, key_rows.Use(use), by=person(), reason=reason)
    say(f"From now on {bytes(key.public_key).hex()[:16]} is used.")
    say("Those who check need the new public key: exhibit key export FILE")


@key_command.command("revoke", epilog=examples('exhibit key revoke 3f6a9c01 --reason "the disk was stolen"'))
@click.argument("key")
@owner_option
@reason_option
def revoke_key(*, key: str, named: str | None, reason: str) -> None:
    """Take back the trust in KEY (8 or more digits of its public half): what it signs from now on is refused.

    What it signed stands where a witness saw it before. The time is in the log and in `exhibit key export`.
    """
    desk = open_desk()
    owner = desk.owner(named)
    from registry.keys import keys as key_rows, signing_keys as key_acts

    row = key_rows.key_named(owner, key)
    since = key_acts.revoke(row, by=person(), reason=reason)
    say(f"Revoked since {moment(since, desk.zone)}. {AFTERWARDS[key_rows.use_of(row)]}")


@key_command.command("add", epilog=examples("exhibit key add laptop device.pub --owner studio-example"))
@click.argument("name")
@click.argument("file", type=FILE)
@owner_option
def add_key(*, name: str, file: Path, named: str | None) -> None:
    """Note the public half of a key on a device of the owner's own, called NAME, from FILE.

    Its private half stays on the device, and signs there: python -m evidence sign
    """
    owner = open_desk().owner(named)
    from evidence.keys import ed25519
    from registry.keys import keys as key_rows

    if file.stat().st_size > MAX_BYTES:
        raise WrongUseError(f"{file} is too large for a key.")
    row = key_rows.add_device_key(owner, name, ed25519.read_public_key(file.read_bytes()), by=person())
    say(f"Noted the device key {bytes(row.public_key).hex()[:16]} of {row.owner.name}.")


@key_command.command("export", epilog=examples("exhibit key export keys.json", "exhibit key export - --owner studio"))
@click.argument("file", type=click.File("w", encoding="utf-8"))
@any_owner_option
@label_option
def export_keys(*, file: Untyped, named: str | None, label: str) -> None:
    """Write the public keys into FILE (- for standard output), as the field `keys` of a trust list takes them."""
    desk = open_desk()
    owner = None if named is None else desk.owner(named)
    from desk.cli import trust
    from evidence.formats import codec

    trials = trust.trials_label(desk.services)
    keys = trust.trusted_keys(owner, label or trials, development=bool(trials))
    file.write(json.dumps({"keys": codec.to_plain(keys)}, indent=2, ensure_ascii=False) + "\n")
    _tell_written(file)


def _tell_written(file: Untyped) -> None:
    if getattr(file, "name", "-") not in {"-", "<stdout>"}:
        say(f"Written to {file.name}.")


@key_command.command("certificate", epilog=examples("exhibit key certificate studio.pem --owner studio-example"))
@click.argument("file", type=click.File("wb"))
@owner_option
def write_certificate(*, file: Untyped, named: str | None) -> None:
    """Write the certificate of an owner's key for PDF signatures into FILE as PEM, for readers that are to trust it."""
    desk = open_desk()
    owner = desk.owner(named)
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    row = owner.document_keys.order_by("-pk").first()
    if row is None:
        raise NotFoundError(f"{owner.name} has no key for documents yet.", hint="exhibit key rotate --use documents")
    if row.revoked_at is not None:
        sentence = f"{owner.name}'s key for documents was revoked: {moment(row.revoked_at, desk.zone)}."
        raise NotFoundError(sentence, hint="Make the next one: exhibit key rotate --use documents")
    file.write(x509.load_der_x509_certificate(bytes(row.certificate)).public_bytes(serialization.Encoding.PEM))
    _tell_written(file)


@key_command.command("master", epilog=examples('exhibit key master --reason "an operator left"'))
@reason_option
def change_master(*, reason: str) -> None:
    """Encrypt all keys under a new master key, which takes the old one's place in the folder `secrets`.

    After an interruption the same command goes on. Backups of the database made before need the old master key.
    """
    desk = open_desk()
    from registry import master_key

    made = master_key.change_master_key(desk.services, by=person(), reason=reason)
    then = "Back up the folder secrets now."
    if given := mounted(desk.config, NEXT_MASTER_KEY):
        then = f"On every machine put {given} in the place of master_key now."
    say(f"{counted(made.keys, 'key')} under the new master key. {then}")
    if made.lost:
        named = ", ".join(key.hex()[:16] for key in made.lost)
        say(f"Left as they were, because no master key opens them and they are used no more: {named}")
