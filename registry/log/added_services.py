"""Timestamp services and other outside witnesses that an operator adds while the installation runs."""

import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.db import IntegrityError as DuplicateError, transaction

from evidence.anchors import KINDS, public_services
from evidence.anchors.public_services import Offer
from evidence.anchors.rfc3161.stamps import load_certificates
from exhibit.clock import now
from exhibit.config.anchors import AnchorConfig, short_name
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, NotFoundError, WrongUseError
from exhibit.network.addresses import origin_of
from exhibit.network.guard import Guard
from exhibit.network.operator_urls import named_ports
from exhibit.sentences import Sentence
from registry.log import audit_log
from registry.log.anchors import OwnLogReader, get_anchor_configs, read_settings
from registry.log.local_log import get_log
from registry.log.models import AddedWitness
from registry.services.anchors import anchor_of, session_for
from registry.services.services import Services

CHAIN_KEYS = "secrets/chains"
"""The folder in the data folder with keys and passwords of chain accounts: no page receives them."""
_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


def list_unused_offers(services: Services) -> Sequence[Offer]:
    """Return the built-in witnesses that are not in use yet."""
    used = {anchor.name for anchor in get_anchor_configs(services)}
    return [offer for offer in public_services.OFFERS if offer.name not in used]


def add_timestamp_service(services: Services, name: str, *, by: str) -> AddedWitness:
    """Add a built-in witness after a test: it must answer a request to stamp random bytes.

    If an error is raised, nothing is added.

    Raises:
        NotFoundError: No built-in witness has this name.
        WrongUseError: The name is in use.
        ServiceMissingError: The witness does not answer.
        IntegrityError: Its answer is invalid, or its root certificate is not the known one.
    """
    offer = next((offer for offer in public_services.OFFERS if offer.name == name), None)
    if offer is None:
        names = ", ".join(offer.name for offer in public_services.OFFERS)
        raise NotFoundError(f"No witness {name} is offered.", hint=f"Offered are: {names}.")
    if any(anchor.name == name for anchor in get_anchor_configs(services)):
        raise WrongUseError(f"There is a witness {name} already.")
    config = services.config
    row = AddedWitness(name=name, kind=offer.kind, settings=dict(offer.settings), added_by=by, added_at=now())
    probe = AnchorConfig(kind=offer.kind, name=name, urls=offer.urls)
    row.roots = public_services.fetch_root(offer, session_for(probe, config.allowed_networks, services.user_agent))
    return _test_and_store(services, row)


def add_custom_service(
    services: Services, kind: str, name: str, settings: Mapping[str, object], *, roots: str = "", by: str
) -> AddedWitness:
    """Add a witness of the operator's choice.

    The key of a chain account and its password are names of files in :data:`CHAIN_KEYS`.

    Args:
        services: Services of the installation.
        kind: Kind of witness, a key of ``KINDS``.
        name: Name of the witness.
        settings: Settings, as in a table of the configuration.
        roots: Root certificates, PEM.
        by: Account recorded in the audit log.

    Raises:
        WrongUseError: The settings are invalid or the name is in use.
        RefusedError: An address is in a private network that is not in ``allowed_networks``, even as a number.
        ServiceMissingError: The witness does not answer.
        IntegrityError: Its answer is invalid.
    """
    if kind not in KINDS:
        raise WrongUseError(f"There is no kind of witness {kind!r}.")
    if any(anchor.name == name for anchor in get_anchor_configs(services)):
        raise WrongUseError(f"There is a witness {name} already.")
    filled_settings = {key: value for key, value in settings.items() if value}
    for key in filled_settings.keys() & {"key_file", "password_file"}:
        if not _FILE.fullmatch(str(filled_settings[key])):
            raise WrongUseError(Sentence("Enter the name of a file in %(folder)s, without a path.", folder=CHAIN_KEYS))
        filled_settings[key] = f"{CHAIN_KEYS}/{filled_settings[key]}"
    row = AddedWitness(name=name, kind=kind, settings=filled_settings, roots=roots, added_by=by, added_at=now())
    try:
        urls = _read_settings(row, services.config.data_dir).addresses
    except ValueError as error:
        raise WrongUseError(f"It can't be asked so: {error}.") from None
    ports = frozenset((80, 443, *named_ports(urls)))
    guard = Guard(allowed_networks=services.config.allowed_networks, allowed_ports=ports)
    for url in urls:
        guard.check_url(url)
    return _test_and_store(services, row)


def _read_settings(row: AddedWitness, folder: Path) -> AnchorConfig:
    """Return the settings of a row; raises ``ValueError`` for invalid ones, before a file is written."""
    short_name(row.name)
    if row.kind == "rfc3161":
        try:
            load_certificates([row.roots.encode()])
        except IntegrityError as error:
            raise ValueError("roots holds no certificates in PEM") from error
    return read_settings(row, folder)


def _test_and_store(services: Services, row: AddedWitness) -> AddedWitness:
    """Store a row after testing its witness: with a stamp of random bytes, or without a stamp if stamps cost something.

    Witnesses of the log accept only checkpoints, and transactions on a chain are paid for.
    """
    config, name = services.config, row.name
    settings = read_settings(row, config.data_dir)
    anchor = anchor_of(settings, config.allowed_networks, services.user_agent, OwnLogReader(lambda: get_log(services)))
    if row.kind in ("cosignature", "evm"):
        anchor.examine()
    else:
        anchor.submit(Digest(secrets.token_bytes(32)))
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            about = {"name": name, "kind": row.kind, "urls": redact_urls(settings)}
            audit_log.log_change("witness added", by=row.added_by, about=about)
    except DuplicateError as error:
        raise WrongUseError(f"There is a witness {name} already.") from error
    return row


def redact_urls(settings: AnchorConfig) -> list[str]:
    """Return the witness's URLs for display: for chains without the path, which may contain a provider's key."""
    return [origin_of(url) if settings.kind == "evm" else url for url in settings.urls]


def remove_timestamp_service(name: str, *, by: str) -> None:
    """Stop using an added witness; its receipts stay. Raises ``NotFoundError``."""
    with transaction.atomic():
        count, _ = AddedWitness.objects.filter(name=name).delete()
        if not count:
            raise NotFoundError(f"No witness {name} was added.", hint="What exhibit.toml names is removed there.")
        audit_log.log_change("witness removed", by=by, about={"name": name})
