"""Comparison of this machine's secrets with the installation's, by fingerprints in the database.

With the embedded database there is only one machine, and nothing is checked. An external database may be shared by
several machines: a secret that one of them lacks is not generated there, and nothing is encrypted with another master
key.
"""

from contextlib import suppress
from hashlib import sha256

import psycopg

from exhibit.config.config import Config
from exhibit.config.secrets import (
    LOG_KEY,
    MASTER_KEY,
    NEXT_MASTER_KEY,
    SECRET_KEY,
    check_mount,
    get_secret_path,
    load_master_key,
)
from exhibit.errors import ConfigError, ServiceMissingError
from registry.services.addresses import CONNECT_TIMEOUT

SECRET_NAMES = (SECRET_KEY, MASTER_KEY, LOG_KEY)
_HINT = "Copy all of secrets/ from a machine that has it, or set EXHIBIT_SECRETS_DIR to that folder."


def check_secrets(config: Config) -> None:
    """Compare this machine's secrets with the installation's, before any secret is created or opened.

    Raises:
        ConfigError: A secret differs or is missing, or their folder is missing.
        ServiceMissingError: There is no ``secret_key`` here, which is needed at once, and the database cannot be
            queried for its fingerprint.
    """
    check_mount(config)
    if not config.database_url:
        return
    fingerprints = {name: _compute_fingerprint(config, name) for name in SECRET_NAMES}
    try:
        installation_fingerprints = _load_fingerprints(config)
    except psycopg.OperationalError as error:
        if fingerprints[SECRET_KEY]:
            return
        sentence = "This machine has no secrets, and the database is not available to check whether they exist."
        raise ServiceMissingError(sentence, hint="Start the database, or correct DATABASE_URL.") from error
    for name, fingerprint in installation_fingerprints.items():
        path = get_secret_path(config, name)
        if not fingerprints[name]:
            raise ConfigError(f"The installation has the secret {name}, but it is missing here ({path}).", hint=_HINT)
        if fingerprint != fingerprints[name] and not (
            name == MASTER_KEY and fingerprint in _compute_master_fingerprints(config)
        ):
            raise ConfigError(f"The secret {path} differs from the secret that the installation uses.", hint=_HINT)


def store_fingerprints(config: Config) -> None:
    """Store fingerprints that are not stored yet, then compare all of them as in :func:`check_secrets`."""
    from registry.services.models import SecretMark  # needs Django, which reads the settings first

    if config.database_url:
        rows = (SecretMark(name=name, fingerprint=_compute_fingerprint(config, name)) for name in SECRET_NAMES)
        SecretMark.objects.bulk_create(rows, ignore_conflicts=True)
        check_secrets(config)


def delete_fingerprints(config: Config) -> None:
    """Delete the stored fingerprints so that this machine's secrets are accepted, after the previous ones were lost."""
    with suppress(psycopg.errors.UndefinedTable), _connect(config) as connection:
        connection.execute("DELETE FROM registry_secretmark")


def get_encryption_key(config: Config) -> bytes:
    """Return the master key after comparing its fingerprint.

    Must run inside the transaction that holds ``Lock.KEYS``, so that the key cannot change in the meantime.

    Raises:
        ConfigError: Another machine has changed the master key.
    """
    from registry.services.models import SecretMark  # as above

    row = SecretMark.objects.filter(name=MASTER_KEY).first() if config.database_url else None
    if row is not None and row.fingerprint not in _compute_master_fingerprints(config):
        raise ConfigError("The master key on this machine differs from the one that the installation uses.", hint=_HINT)
    return load_master_key(config)


def store_next_fingerprint(config: Config) -> None:
    """Replace the master key's stored fingerprint with the next one's, in the transaction that changes it."""
    from registry.services.models import SecretMark  # as above

    SecretMark.objects.filter(name=MASTER_KEY).update(fingerprint=_compute_fingerprint(config, NEXT_MASTER_KEY))


def _load_fingerprints(config: Config) -> dict[str, str]:
    """Return the stored fingerprints; empty if the schema is older. Raises ``OperationalError``."""
    with suppress(psycopg.errors.UndefinedTable), _connect(config) as connection:
        return dict(connection.execute("SELECT name, fingerprint FROM registry_secretmark").fetchall())
    return {}


def _connect(config: Config) -> "psycopg.Connection[tuple[str, str]]":
    return psycopg.connect(config.database_url, connect_timeout=CONNECT_TIMEOUT, autocommit=True)


def _compute_master_fingerprints(config: Config) -> set[str]:
    return {_compute_fingerprint(config, MASTER_KEY), _compute_fingerprint(config, NEXT_MASTER_KEY)}


def _compute_fingerprint(config: Config, name: str) -> str:
    """Return the SHA-256 of a secret's name and file; empty if the file is missing."""
    try:
        secret = get_secret_path(config, name).read_bytes().strip()
    except FileNotFoundError:
        return ""
    kind = MASTER_KEY if name == NEXT_MASTER_KEY else name
    return sha256(f"exhibit {kind}\n".encode() + secret).hexdigest()
