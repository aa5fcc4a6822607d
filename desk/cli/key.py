"""Owners' keys: which there are, new ones in their place, trust taken back, and what others have to know of them."""

import json

import click

from desk.cli.common.command import AnyOwner, AsJson, GivenFile, Label, Reason, TheirOwner, Word, command
from desk.cli.common.frame import Desk, person
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


@command("list", "", "--owner studio-example --json", of=key_command)
def list_keys(*, owner: AnyOwner, as_json: AsJson) -> None:
    """List all keys, those too that are used no more."""
    from desk.schemas import log as schemas
    from registry.log import keys as key_rows

    found = schemas.Key.from_rows(key_rows.keys_of(owner))
    columns = ("owner", "use", "public key", "held by", "state")
    line = lambda key: [key.owner, key.use, key.public[:16], key.holder, key.state]  # noqa: E731
    nothing = "There is no key yet. An owner's sealing key is made at the first seal."
    listed("keys", found, columns, line, nothing=nothing, as_json=as_json)


@command("rotate", '--owner studio-example --reason "yearly"', '--use documents --reason "…"', of=key_command)
@use_option
def rotate_key(*, desk: Desk, owner: TheirOwner, use: str, reason: Reason) -> None:
    """Make an owner's next key and use it from now on. What the earlier one signed stands."""
    from registry.log import keys as key_rows
    from workers.evidence import keys as key_acts

    key = key_acts.rotate(desk.services, owner, key_rows.Use(use), by=person(), reason=reason)
    say(f"From now on {bytes(key.public_key).hex()[:16]} is used.")
    say("Those who check need the new public key: exhibit key export FILE")


@command("revoke", '3f6a9c01 --reason "the disk was stolen"', of=key_command)
def revoke_key(*, desk: Desk, key: Word, owner: TheirOwner, reason: Reason) -> None:
    """Take back the trust in KEY (8 or more digits of its public half): what it signs from now on is refused.

    What it signed stands where a witness saw it before. The time is in the log and in `exhibit key export`.
    """
    from registry.log import keys as key_rows
    from workers.evidence import keys as key_acts

    row = key_rows.key_named(owner, key)
    since = key_acts.revoke(row, by=person(), reason=reason)
    say(f"Revoked since {moment(since, desk.zone)}. {AFTERWARDS[key_rows.use_of(row)]}")


@command("add", "laptop device.pub --owner studio-example", of=key_command)
def add_key(*, name: Word, file: GivenFile, owner: TheirOwner) -> None:
    """Note the public half of a key on a device of the owner's own, called NAME, from FILE.

    Its private half stays on the device, and signs there: python -m evidence sign
    """
    from evidence.keys import ed25519
    from registry.log import keys as key_rows

    if file.stat().st_size > MAX_BYTES:
        raise WrongUseError(f"{file} is too large for a key.")
    row = key_rows.add_device_key(owner, name, ed25519.read_public_key(file.read_bytes()), by=person())
    say(f"Noted the device key {bytes(row.public_key).hex()[:16]} of {row.owner.name}.")


@command("export", "keys.json", "- --owner studio", of=key_command)
@click.argument("file", type=click.File("w", encoding="utf-8"))
def export_keys(*, desk: Desk, file: Untyped, owner: AnyOwner, label: Label) -> None:
    """Write the public keys into FILE (- for standard output), as the field `keys` of a trust list takes them."""
    from desk.cli import trust
    from evidence.formats import codec

    trials = trust.trials_label(desk.services)
    keys = trust.trusted_keys(owner, label or trials, development=bool(trials))
    file.write(json.dumps({"keys": codec.to_plain(keys)}, indent=2, ensure_ascii=False) + "\n")
    _tell_written(file)


def _tell_written(file: Untyped) -> None:
    if getattr(file, "name", "-") not in {"-", "<stdout>"}:
        say(f"Written to {file.name}.")


@command("certificate", "studio.pem --owner studio-example", of=key_command)
@click.argument("file", type=click.File("wb"))
def write_certificate(*, desk: Desk, file: Untyped, owner: TheirOwner) -> None:
    """Write the certificate of an owner's key for PDF signatures into FILE as PEM, for readers that are to trust it."""
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


@command("master", '--reason "an operator left"', of=key_command)
def change_master(*, desk: Desk, reason: Reason) -> None:
    """Encrypt all keys under a new master key, which takes the old one's place in the folder `secrets`.

    After an interruption the same command goes on. Backups of the database made before need the old master key.
    """
    from workers.evidence import keys as key_acts

    made = key_acts.change_master_key(desk.services, by=person(), reason=reason)
    then = "Back up the folder secrets now."
    if given := mounted(desk.config, NEXT_MASTER_KEY):
        then = f"On every machine put {given} in the place of master_key now."
    say(f"{counted(made.keys, 'key')} under the new master key. {then}")
    if made.lost:
        named = ", ".join(key.hex()[:16] for key in made.lost)
        say(f"Left as they were, because no master key opens them and they are used no more: {named}")
