"""Owners' keys: which there are, new ones in their place, trust taken back, and what others have to know of them."""

from pathlib import Path

import click

from desk.cli.common.frame import examples, json_option, open_desk, owner_option, person, reason_option
from desk.cli.common.show import counted, listed, moment, say
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


@click.group("key")
def key_command() -> None:
    """Keys that sign for owners, and device keys of theirs that counter-sign."""


@key_command.command("list", epilog=examples("exhibit key list", "exhibit key list --owner studio-example --json"))
@click.option("--owner", metavar="OWNER", help="Only those of this owner.")
@json_option
def list_keys(*, owner: str | None, as_json: bool) -> None:
    """List all keys, those too that are used no more."""
    desk = open_desk()
    from desk.schemas.log import Key
    from registry.log.keys import keys_of

    found = Key.from_rows(keys_of(None if owner is None else desk.owner(owner)))
    columns = ("owner", "use", "public key", "held by", "state")
    line = lambda one: [one.owner, one.use, one.public[:16], one.holder, one.state]  # noqa: E731
    nothing = "There is no key yet. An owner's sealing key is made at the first seal."
    listed("keys", found, columns, line, nothing=nothing, as_json=as_json)


@key_command.command(
    "rotate",
    epilog=examples(
        'exhibit key rotate --owner studio-example --reason "yearly"', 'exhibit key rotate --use documents --reason "…"'
    ),
)
@owner_option
@use_option
@reason_option
def rotate_key(*, owner: str | None, use: str, reason: str) -> None:
    """Make an owner's next key and use it from now on. What the earlier one signed stands."""
    desk = open_desk()
    from registry.log.keys import Use
    from workers.evidence.keys import rotate

    key = rotate(desk.services, desk.owner(owner), Use(use), by=person(), reason=reason)
    say(f"From now on {bytes(key.public_key).hex()[:16]} is used.")
    say("Those who check need the new public key: exhibit key export FILE")


@key_command.command("revoke", epilog=examples('exhibit key revoke 3f6a9c01 --reason "the disk was stolen"'))
@click.argument("key")
@owner_option
@reason_option
def revoke_key(*, key: str, owner: str | None, reason: str) -> None:
    """Take back the trust in KEY (8 or more digits of its public half): what it signs from now on is refused.

    What it signed stands where a witness saw it before. The time is in the log and in `exhibit key export`.
    """
    desk = open_desk()
    from registry.log.keys import key_named, revoke, use_of

    row = key_named(desk.owner(owner), key)
    since = revoke(row, by=person(), reason=reason)
    say(f"Revoked since {moment(since, desk.zone)}. {AFTERWARDS[use_of(row)]}")


@key_command.command("add", epilog=examples("exhibit key add laptop device.pub --owner studio-example"))
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@owner_option
def add_key(*, name: str, file: Path, owner: str | None) -> None:
    """Note the public half of a key on a device of the owner's own, called NAME, from FILE.

    Its private half stays on the device, and signs there: python -m evidence sign
    """
    desk = open_desk()
    from evidence.keys.ed25519 import read_public_key
    from registry.log.keys import add_device_key

    if file.stat().st_size > MAX_BYTES:
        raise WrongUseError(f"{file} is too large for a key.")
    row = add_device_key(desk.owner(owner), name, read_public_key(file.read_bytes()), by=person())
    say(f"Noted the device key {bytes(row.public_key).hex()[:16]} of {row.owner.name}.")


@key_command.command("export", epilog=examples("exhibit key export keys.json", "exhibit key export - --owner studio"))
@click.argument("file", type=click.File("w", encoding="utf-8"))
@click.option("--owner", metavar="OWNER", help="Only those of this owner.")
@click.option("--label", default="", metavar="TEXT", help="Words that results then show beside these keys.")
def export_keys(*, file: Untyped, owner: str | None, label: str) -> None:
    """Write the public keys into FILE (- for standard output), as the field `keys` of a trust list takes them."""
    desk = open_desk()
    import json

    from desk.cli.evidence.trust import trials_label, trusted_keys
    from evidence.formats.codec import to_plain

    trials = trials_label(desk.services)
    of = None if owner is None else desk.owner(owner)
    keys = trusted_keys(of, label or trials, development=bool(trials))
    file.write(json.dumps({"keys": to_plain(keys)}, indent=2, ensure_ascii=False) + "\n")
    _tell_written(file)


def _tell_written(file: Untyped) -> None:
    if getattr(file, "name", "-") not in {"-", "<stdout>"}:
        say(f"Written to {file.name}.")


@key_command.command("certificate", epilog=examples("exhibit key certificate studio.pem --owner studio-example"))
@click.argument("file", type=click.File("wb"))
@owner_option
def write_certificate(*, file: Untyped, owner: str | None) -> None:
    """Write the certificate of an owner's key for PDF signatures into FILE as PEM, for readers that are to trust it."""
    desk = open_desk()
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_der_x509_certificate

    of = desk.owner(owner)
    row = of.document_keys.order_by("-pk").first()
    if row is None:
        raise NotFoundError(f"{of.name} has no key for documents yet.", hint="exhibit key rotate --use documents")
    if row.revoked_at is not None:
        sentence = f"{of.name}'s key for documents was revoked: {moment(row.revoked_at, desk.zone)}."
        raise NotFoundError(sentence, hint="Make the next one: exhibit key rotate --use documents")
    file.write(load_der_x509_certificate(bytes(row.certificate)).public_bytes(Encoding.PEM))
    _tell_written(file)


@key_command.command("master", epilog=examples('exhibit key master --reason "an operator left"'))
@reason_option
def change_master(*, reason: str) -> None:
    """Encrypt all keys under a new master key, which takes the old one's place in the folder `secrets`.

    After an interruption the same command goes on. Backups of the database made before need the old master key.
    """
    desk = open_desk()
    from workers.evidence.keys import change_master_key

    made = change_master_key(desk.services, by=person(), reason=reason)
    say(f"{counted(made.keys, 'key')} under the new master key. Back up the folder secrets now.")
    if made.lost:
        named = ", ".join(key.hex()[:16] for key in made.lost)
        say(f"Left as they were, because no master key opens them and they are used no more: {named}")
