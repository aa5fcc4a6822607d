"""Timestamp services that an operator adds while the installation is running."""

import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.db import IntegrityError as DuplicateError, transaction

from evidence.anchors import KINDS, public_services
from evidence.anchors.public_services import ServiceOffer
from evidence.anchors.rfc3161.stamps import load_certificates
from exhibit.clock import now
from exhibit.config.anchors import AnchorConfig, parse_short_name
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, InvalidRequestError, NotFoundError
from exhibit.network.addresses import get_url_origin
from exhibit.network.guard import Guard
from exhibit.network.operator_urls import list_ports
from exhibit.sentences import Sentence
from registry.log import audit_log
from registry.log.anchors import OwnLogReader, get_anchor_configs, read_settings
from registry.log.local_log import get_log
from registry.log.models import AddedTimestampService
from registry.services.anchors import build_anchor, build_session
from registry.services.services import Services

CHAIN_KEYS_FOLDER = "secrets/chains"
"""Subfolder of the data folder for keys and passwords of blockchain accounts, which are never entered on a page."""
_FILE_NAME_PATTERN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


def list_unused_offers(services: Services) -> Sequence[ServiceOffer]:
    """Return the built-in timestamp services that are not in use yet."""
    used_names = {anchor.name for anchor in get_anchor_configs(services)}
    return [offer for offer in public_services.OFFERS if offer.name not in used_names]


def add_timestamp_service(services: Services, name: str, *, by: str) -> AddedTimestampService:
    """Add a built-in timestamp service after requesting a timestamp of random bytes as a test.

    If an error is raised, nothing is added.

    Raises:
        NotFoundError: No built-in timestamp service has this name.
        InvalidRequestError: The name is in use.
        ServiceMissingError: The timestamp service does not respond.
        IntegrityError: Its response is invalid, or its root certificate is not the known one.
    """
    offer = next((offer for offer in public_services.OFFERS if offer.name == name), None)
    if offer is None:
        names = ", ".join(offer.name for offer in public_services.OFFERS)
        raise NotFoundError(f"There is no public timestamp service {name}.", hint=f"Choose from: {names}.")
    if any(anchor.name == name for anchor in get_anchor_configs(services)):
        raise InvalidRequestError(f"The timestamp service {name} already exists.")
    config = services.config
    row = AddedTimestampService(name=name, kind=offer.kind, settings=dict(offer.settings), added_by=by, added_at=now())
    fetch_config = AnchorConfig(kind=offer.kind, name=name, urls=offer.urls)
    row.roots = public_services.fetch_root(
        offer, build_session(fetch_config, config.allowed_networks, services.user_agent)
    )
    return _test_and_store(services, row)


def add_custom_service(
    services: Services, kind: str, name: str, settings: Mapping[str, object], *, roots: str = "", by: str
) -> AddedTimestampService:
    """Add a timestamp service that the operator configures.

    For a blockchain account, the settings contain the names of key and password files in :data:`CHAIN_KEYS_FOLDER`.

    Args:
        services: Services of the installation.
        kind: Kind of timestamp service, a key of ``KINDS``.
        name: Name of the timestamp service.
        settings: Settings, as in a table of the configuration.
        roots: Root certificates, PEM.
        by: Account recorded in the audit log.

    Raises:
        InvalidRequestError: The settings are invalid or the name is in use.
        RefusedError: The IP address of a URL is in a private network that is not in ``allowed_networks``.
        ServiceMissingError: The timestamp service does not respond.
        IntegrityError: Its response is invalid.
    """
    if kind not in KINDS:
        raise InvalidRequestError(f"There is no kind of timestamp service {kind!r}.")
    if any(anchor.name == name for anchor in get_anchor_configs(services)):
        raise InvalidRequestError(f"The timestamp service {name} already exists.")
    filled_settings = {key: value for key, value in settings.items() if value}
    for key in filled_settings.keys() & {"key_file", "password_file"}:
        if not _FILE_NAME_PATTERN.fullmatch(str(filled_settings[key])):
            raise InvalidRequestError(
                Sentence("Enter the name of a file in %(folder)s, without a path.", folder=CHAIN_KEYS_FOLDER)
            )
        filled_settings[key] = f"{CHAIN_KEYS_FOLDER}/{filled_settings[key]}"
    row = AddedTimestampService(
        name=name, kind=kind, settings=filled_settings, roots=roots, added_by=by, added_at=now()
    )
    try:
        urls = _read_settings(row, services.config.data_dir).addresses
    except ValueError as error:
        raise InvalidRequestError(f"The settings are invalid: {error}.") from None
    ports = frozenset((80, 443, *list_ports(urls)))
    guard = Guard(allowed_networks=services.config.allowed_networks, allowed_ports=ports)
    for url in urls:
        guard.check_url(url)
    return _test_and_store(services, row)


def _read_settings(row: AddedTimestampService, folder: Path) -> AnchorConfig:
    """Return the settings of a row; raises ``ValueError`` if they are invalid, before a file is written."""
    parse_short_name(row.name)
    if row.kind == "rfc3161":
        try:
            load_certificates([row.roots.encode()])
        except IntegrityError as error:
            raise ValueError("roots contains no PEM certificates") from error
    return read_settings(row, folder)


def _test_and_store(services: Services, row: AddedTimestampService) -> AddedTimestampService:
    """Store a row after a test of its timestamp service.

    The test requests a timestamp of random bytes. Log witnesses and blockchains are tested without a timestamp, because
    log witnesses accept only checkpoints and blockchain transactions cost money.
    """
    config, name = services.config, row.name
    settings = read_settings(row, config.data_dir)
    anchor = build_anchor(
        settings, config.allowed_networks, services.user_agent, OwnLogReader(lambda: get_log(services))
    )
    if row.kind in ("cosignature", "evm"):
        anchor.describe_status()
    else:
        anchor.submit(Digest(secrets.token_bytes(32)))
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            log_details = {"name": name, "kind": row.kind, "urls": redact_urls(settings)}
            audit_log.log_change("timestamp service added", by=row.added_by, details=log_details)
    except DuplicateError as error:
        raise InvalidRequestError(f"The timestamp service {name} already exists.") from error
    return row


def redact_urls(settings: AnchorConfig) -> list[str]:
    """Return a timestamp service's URLs for display, for blockchains without the path, which may contain an API key."""
    return [get_url_origin(url) if settings.kind == "evm" else url for url in settings.urls]


def remove_timestamp_service(name: str, *, by: str) -> None:
    """Stop using an added timestamp service; its receipts stay. Raises ``NotFoundError`` if there is none."""
    with transaction.atomic():
        count, _ = AddedTimestampService.objects.filter(name=name).delete()
        if not count:
            raise NotFoundError(f"No timestamp service {name} was added.", hint="Edit exhibit.toml to remove others.")
        audit_log.log_change("timestamp service removed", by=by, details={"name": name})
