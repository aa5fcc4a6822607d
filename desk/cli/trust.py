"""`exhibit trust`: export this installation's public keys as a trust list for `exhibit verify --trust`."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from desk.cli.common.context import format_examples, open_command_context
from desk.cli.common.files import read_required_file, write_file
from desk.cli.common.options import OUTPUT_FILE
from desk.cli.common.output import echo_text
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, InvalidRequestError

if TYPE_CHECKING:
    from evidence.verdict import trust as lists
    from exhibit import ports
    from registry import models
    from registry.services.services import Services

TEST_LABEL = "test service, no legal weight"
MAX_BLOCKS = 4000
"""Maximum number of the newest blocks of each kind of chain; a list can have at most 1 MiB."""
QUALIFIED_HELP = "PEM file of certificates for qualified timestamps, from an eIDAS trusted list."
LIST_NOTE = (
    "Created by the installation that this list describes: the keys of its log and owners, the root "
    "certificates that it configured, and blocks reported by its own nodes. "
    "Compare each item with its source before you rely on the list."
)


@click.command(
    "trust", epilog=format_examples("exhibit trust our-list.json", "exhibit verify BUNDLE --trust our-list.json")
)
@click.argument("file", type=OUTPUT_FILE)
@click.option("--label", default="", metavar="TEXT", help="Label of these keys in verification results.")
@click.option("--timestamps", "timestamps", default=1, metavar="N", help="Required number of timestamp services.")
@click.option(
    "--cosigners", default=0, metavar="N", help="Required number of cosigners (log witnesses) of the checkpoint."
)
@click.option("--qualified", type=OUTPUT_FILE, metavar="CERTS", help=QUALIFIED_HELP)
def trust_command(*, file: Path, label: str, timestamps: int, cosigners: int, qualified: Path | None) -> None:
    """Write FILE, a trust list with the public keys that verifiers need for `exhibit verify --trust`.

    The list contains the keys of the log and of all owners (including revoked keys), the root certificates of the
    configured timestamp services, blockchain blocks as reported by your nodes, and the logs of partners that visit
    pages for you. Verifiers should compare each item with its source. Deliver the list separately from bundles: a list
    inside a bundle proves nothing. With --qualified, verification results show which timestamps are qualified according
    to CERTS.
    """
    from evidence.formats import codec
    from evidence.verdict import trust as lists

    requirements = lists.Requirements(timestamps=timestamps, cosigners=cosigners)
    trust = replace(build_own_trust(open_command_context().services, label), requires=requirements)
    if qualified is not None:
        trust = mark_qualified_certificates(trust, qualified)
    try:
        content = lists.Trust.from_json(trust.to_json(), label="The list").to_json()
    except codec.FormatError as error:
        raise InvalidRequestError(error.message, hint="Check --timestamps, --cosigners and --qualified.") from error
    write_file(file, content)
    echo_text(f"Trust list written to {file}. Deliver it separately from the bundles.")


def build_own_trust(services: "Services", label: str) -> "lists.Trust":
    """Build the trust list with this installation's keys and the root certificates that it configured.

    Raises:
        InvalidRequestError: The root certificates cannot be read.
    """
    from evidence import anchors
    from evidence.verdict import trust as lists
    from registry.alliance import partners
    from registry.log.anchors import get_anchor_configs
    from registry.log.local_log import get_log

    development, operator_name = bool(get_test_label(services)), services.config.operator_name
    note = f"{label}. {LIST_NOTE}" if label else LIST_NOTE
    label = label or get_test_label(services)
    pins: dict[str, Any] = {}
    for name, kind in anchors.KINDS.items():
        configured_anchors = [anchor for anchor in get_anchor_configs(services) if anchor.kind == name]
        pins[kind.trust_field] = kind.build_pins(
            configured_anchors, _iterate_receipts(name), label, label or TEST_LABEL
        )
    pins["chains"] = (*lists.load_trust().chains, *pins["chains"])  # Bitcoin blocks are checked by proof of work.
    return lists.Trust(
        **pins,
        dated=now().date().isoformat(),
        note=note,
        logs=tuple(
            lists.TrustedLog(vkey, development, label, operator_name) for vkey in get_log(services).list_verifier_keys()
        ),
        keys=list_trusted_keys(None, label, development=development),
        partners=tuple(
            lists.TrustedLog(row.log_key, development, label, row.name)
            for row in partners.list_active_partners().filter(captures=True)
        ),
    )


def mark_qualified_certificates(trust: "lists.Trust", path: Path) -> "lists.Trust":
    """Mark the certificates in a PEM file as qualified for the timestamp authorities whose roots issued them.

    Returns:
        The trust list with the qualified certificates of each authority.

    Raises:
        InvalidRequestError: The file cannot be read, or contains no certificates.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    from evidence.anchors.rfc3161 import stamps
    from evidence.verdict import trust as lists

    try:
        certificates = stamps.load_certificates([read_required_file(path, lists.MAX_TRUST_BYTES)])
    except IntegrityError as error:
        raise InvalidRequestError(f"{path} contains no readable certificates.") from error
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


def _iterate_receipts(kind: str) -> "Iterator[tuple[Digest, ports.Receipt]]":
    """Yield the newest complete receipts of a kind with their digests: first from test services, then from others."""
    from registry import models
    from registry.log import proofs

    for development in (True, False):
        rows = models.AnchorReceipt.objects.filter(kind=kind, state=models.StepState.DONE, development=development)
        for row in rows.order_by("-pk")[:MAX_BLOCKS]:
            yield row.digest, proofs.to_receipt(row)


def get_test_label(services: "Services") -> str:
    """Return the label for keys of an installation with test timestamp services; empty if there are none."""
    from registry.log.anchors import get_anchor_configs

    return TEST_LABEL if any(anchor.development for anchor in get_anchor_configs(services)) else ""


def list_trusted_keys(owner: "models.Owner | None", label: str, *, development: bool) -> "tuple[lists.TrustedKey, ...]":
    """List the sealing and device keys of one owner, or of all, for a trust list.

    Keys for documents are omitted, because their certificates identify them.
    """
    from evidence.verdict import trust as lists
    from registry.keys import keys

    kinds: dict[keys.KeyUse, Literal["sealing", "device"]] = {
        keys.KeyUse.SEALING: "sealing",
        keys.KeyUse.DEVICE: "device",
    }
    return tuple(
        lists.TrustedKey(
            key.owner.name, bytes(key.public_key), development, label, kinds[keys.get_key_use(key)], key.revoked_at
        )
        for key in keys.list_keys(owner)
        if keys.get_key_use(key) in kinds
    )
