"""Whom a checker may trust: this installation's public keys, as a list for `exhibit verify --trust`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.frame import examples, open_desk
from desk.cli.show import say
from exhibit.errors import IntegrityError, WrongUseError

if TYPE_CHECKING:
    from evidence.trust import Trust, TrustedKey
    from registry.models import Owner
    from workers.wiring import House


TRIALS = "started for trials, without legal weight"


@click.command("trust", epilog=examples("exhibit trust our-keys.json", "exhibit verify BUNDLE --trust our-keys.json"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--label", default="", metavar="TEXT", help="Words that results then show beside these keys.")
def trust_command(*, file: Path, label: str) -> None:
    """Write the public keys of the log and of all owners, and the configured authorities' roots, into FILE.

    Hand it to whoever checks bundles, by another way than the bundles themselves: a list that travels in a bundle
    says nothing. Keys that have been revoked stand in it with the time since when they don't count.
    """
    written = own_trust(open_desk().house, label).to_json()
    try:
        file.write_bytes(written)
    except OSError as error:
        raise WrongUseError(f"{file} can't be written: {error.strerror}.") from error
    say(f"Written to {file}. Pass it on by another way than the bundles.")


def own_trust(house: "House", label: str) -> "Trust":
    """The keys and roots that this installation vouches for; raises ``WrongUseError`` when roots can't be read."""
    from evidence.trust import Trust, TrustedAuthority, TrustedLog, load_trust
    from exhibit.clock import now

    development = bool(trials_label(house))
    note = label or "The keys of one installation, written by itself."
    label = label or trials_label(house)
    authorities = tuple(
        TrustedAuthority(one.name, _certificates(one.name, one.roots), one.development, label)
        for one in house.config.anchors
        if one.kind == "rfc3161" and one.roots is not None
    )
    return Trust(
        dated=now().date().isoformat(),
        note=note,
        authorities=authorities,
        chains=load_trust().chains,  # Bitcoin's blocks are nobody's own
        logs=tuple(TrustedLog(vkey, development, label) for vkey in house.log.vkeys()),
        keys=trusted_keys(None, label, development=development),
    )


def _certificates(authority: str, roots: Path) -> tuple[str, ...]:
    """The root certificates in a file, as PEM and without what else stands in it."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from evidence.anchors.stamps import load_certificates

    try:
        found = load_certificates([roots.read_bytes()])
    except OSError as error:
        raise WrongUseError(f"The roots of {authority}, {roots}, can't be read: {error.strerror}.") from error
    except IntegrityError as error:
        raise WrongUseError(f"{roots} holds no root certificates of {authority} that can be read.") from error
    return tuple(one.public_bytes(Encoding.PEM).decode("ascii") for one in found)


def trials_label(house: "House") -> str:
    """The words that stand beside the keys of an installation with witnesses for trials, or nothing."""
    return TRIALS if any(one.development for one in house.config.anchors) else ""


def trusted_keys(owner: "Owner | None", label: str, *, development: bool) -> "tuple[TrustedKey, ...]":
    """The public keys of one owner or of all as a trust list holds them; keys for documents go by certificates."""
    from evidence.trust import TrustedKey
    from registry.keys import Use, keys_of, use_of

    return tuple(
        TrustedKey(
            key.owner.name,
            bytes(key.public_key),
            development,
            label,
            "device" if use_of(key) is Use.DEVICE else "sealing",
            key.revoked_at,
        )
        for key in keys_of(owner)
        if use_of(key) is not Use.DOCUMENTS
    )
