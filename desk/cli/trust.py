"""Whom a checker may trust: this installation's public keys, as a list for `exhibit verify --trust`."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from desk.cli.common.files import read_file, write_file
from desk.cli.common.frame import examples, open_desk
from desk.cli.common.options import TO_WRITE
from desk.cli.common.show import say
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, WrongUseError

if TYPE_CHECKING:
    from evidence.verdict import trust as lists
    from exhibit import ports
    from registry import models
    from registry.services.services import Services

TRIALS = "test service, no legal weight"
MAX_BLOCKS = 4000
"""The newest ones of each kind of chain; a list holds 1 MiB."""
QUALIFIED = "PEM file of certificates for qualified timestamps, from an eIDAS trusted list."
NOTE = (
    "Created by one installation about itself: the keys of its log and owners, the root certificates that it "
    "configured, and blocks reported by its own nodes. Compare each with its source before you rely on it."
)


@click.command("trust", epilog=examples("exhibit trust our-list.json", "exhibit verify BUNDLE --trust our-list.json"))
@click.argument("file", type=TO_WRITE)
@click.option("--label", default="", metavar="TEXT", help="Label of these keys in verification results.")
@click.option("--timestamps", "witnesses", default=1, metavar="N", help="Required number of timestamp services.")
@click.option(
    "--cosigners", default=0, metavar="N", help="Required number of log witnesses that cosigned the checkpoint."
)
@click.option("--qualified", type=TO_WRITE, metavar="CERTS", help=QUALIFIED)
def trust_command(*, file: Path, label: str, witnesses: int, cosigners: int, qualified: Path | None) -> None:
    """Export the public keys that verifiers need to FILE, a trust list for `exhibit verify --trust`.

    The list contains the keys of the log and of all owners including revoked ones, the root certificates of configured
    timestamp authorities, blocks of chains as reported by your nodes, and the logs of partners that visit pages for
    you. Verifiers should compare each item with its source. Deliver the list separately from bundles: a list inside a
    bundle proves nothing. With --qualified, results state which timestamps are qualified according to CERTS.
    """
    from evidence.formats import codec
    from evidence.verdict import trust as lists

    required = lists.Requirements(witnesses=witnesses, cosigners=cosigners)
    trust = replace(own_trust(open_desk().services, label), requires=required)
    if qualified is not None:
        trust = with_qualified(trust, qualified)
    try:
        content = lists.Trust.from_json(trust.to_json(), what="The list").to_json()
    except codec.FormatError as error:
        raise WrongUseError(error.message, hint="Check --timestamps, --cosigners and --qualified.") from error
    write_file(file, content)
    say(f"Written to {file}. Deliver it separately from the bundles.")


def own_trust(services: "Services", label: str) -> "lists.Trust":
    """The keys and roots that this installation vouches for; raises ``WrongUseError`` when roots can't be read."""
    from evidence import anchors
    from evidence.verdict import trust as lists
    from registry.alliance import partners
    from registry.log.anchors import get_anchor_configs
    from registry.log.local_log import get_log

    development, runs = bool(trials_label(services)), services.config.operator_name
    note = f"{label}. {NOTE}" if label else NOTE
    label = label or trials_label(services)
    pins: dict[str, Any] = {}
    for name, kind in anchors.KINDS.items():
        configured = [anchor for anchor in get_anchor_configs(services) if anchor.kind == name]
        pins[kind.pins] = kind.vouch(configured, _complete(name), label, label or TRIALS)
    pins["chains"] = (*lists.load_trust().chains, *pins["chains"])  # Bitcoin's blocks count by their work
    return lists.Trust(
        **pins,
        dated=now().date().isoformat(),
        note=note,
        logs=tuple(lists.TrustedLog(vkey, development, label, runs) for vkey in get_log(services).vkeys()),
        keys=trusted_keys(None, label, development=development),
        partners=tuple(
            lists.TrustedLog(row.log_key, development, label, row.name)
            for row in partners.list_active().filter(captures=True)
        ),
    )


def with_qualified(trust: "lists.Trust", path: Path) -> "lists.Trust":
    """The list with those certificates of its authorities that a trusted list names: in a PEM file, and of their roots.

    Raises ``WrongUseError`` when the file can't be read, or holds no certificates.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    from evidence.anchors.rfc3161 import stamps
    from evidence.verdict import trust as lists

    try:
        certificates = stamps.load_certificates([read_file(path, lists.MAX_TRUST_BYTES)])
    except IntegrityError as error:
        raise WrongUseError(f"{path} contains no readable certificates.") from error
    results = [
        replace(
            authority,
            qualified=tuple(
                certificate.public_bytes(Encoding.PEM).decode()
                for certificate in certificates
                if certificate in authority.roots
                or stamps.find_root(certificate, authority.roots, certificates) is not None
            ),
        )
        for authority in trust.authorities
    ]
    return replace(trust, authorities=tuple(results))


def _complete(kind: str) -> "Iterator[tuple[Digest, ports.Receipt]]":
    """The newest complete receipts of a kind, of witnesses for trials and of others."""
    from registry import models
    from registry.log import proofs

    for development in (True, False):
        rows = models.AnchorReceipt.objects.filter(kind=kind, state=models.StepState.DONE, development=development)
        for row in rows.order_by("-pk")[:MAX_BLOCKS]:
            yield row.digest, proofs.to_receipt(row)


def trials_label(services: "Services") -> str:
    """The words that stand beside the keys of an installation with witnesses for trials, or nothing."""
    from registry.log.anchors import get_anchor_configs

    return TRIALS if any(anchor.development for anchor in get_anchor_configs(services)) else ""


def trusted_keys(owner: "models.Owner | None", label: str, *, development: bool) -> "tuple[lists.TrustedKey, ...]":
    """The public keys of one owner or of all as a trust list holds them; keys for documents go by certificates."""
    from evidence.verdict import trust as lists
    from registry.keys import keys

    kinds: dict[keys.Use, Literal["sealing", "device"]] = {keys.Use.SEALING: "sealing", keys.Use.DEVICE: "device"}
    return tuple(
        lists.TrustedKey(
            key.owner.name, bytes(key.public_key), development, label, kinds[keys.use_of(key)], key.revoked_at
        )
        for key in keys.keys_of(owner)
        if keys.use_of(key) in kinds
    )
