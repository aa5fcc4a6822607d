"""Whether this machine has the secrets that its installation uses: the database keeps a fingerprint of each.

With an embedded database there is one machine, and the database isn't asked. With one of your own, other machines may
use it: a secret that one of them lacks isn't made anew there, and nothing is encrypted under another master key.
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
    master_key,
    secret_path,
)
from exhibit.errors import ConfigError, ServiceMissingError
from registry.services.addresses import SECONDS_TO_CONNECT

NAMES = (SECRET_KEY, MASTER_KEY, LOG_KEY)
_HINT = "Take it from a machine that has it, with all of secrets/, or name the folder in EXHIBIT_SECRETS_DIR."


def check_secrets(config: Config) -> None:
    """Hold the secrets that are here against those that the installation uses; before anything is made or opened.

    Raises ``ConfigError`` for one that is another or isn't here, or where their folder is missing. Without a
    ``secret_key``, which is asked for at once, nothing is begun while the database can't be asked whether there is one:
    ``ServiceMissingError``.
    """
    check_mount(config)
    if not config.database_url:
        return
    here = {name: _fingerprint(config, name) for name in NAMES}
    try:
        known = _known(config)
    except psycopg.OperationalError as error:
        if here[SECRET_KEY]:
            return
        sentence = "There are no secrets here, and the database can't be asked whether the installation has some."
        raise ServiceMissingError(sentence, hint="Start it, or correct DATABASE_URL.") from error
    for name, fingerprint in known.items():
        path = secret_path(config, name)
        if not here[name]:
            raise ConfigError(f"The installation has the secret {name}, and it isn't here ({path}).", hint=_HINT)
        if fingerprint != here[name] and not (name == MASTER_KEY and fingerprint in _master_marks(config)):
            raise ConfigError(f"The secret {path} isn't the one that the installation uses.", hint=_HINT)


def keep_marks(config: Config) -> None:
    """Keep the fingerprints of the secrets, which are here, unless some are kept; then raises as the check does."""
    from registry.services.models import SecretMark  # needs Django, which reads the settings first

    if config.database_url:
        rows = (SecretMark(name=name, fingerprint=_fingerprint(config, name)) for name in NAMES)
        SecretMark.objects.bulk_create(rows, ignore_conflicts=True)
        check_secrets(config)


def forget_marks(config: Config) -> None:
    """Let the secrets of this machine count from now on, for what was lost everywhere else."""
    with suppress(psycopg.errors.UndefinedTable), _connected(config) as connection:
        connection.execute("DELETE FROM registry_secretmark")


def encrypting_key(config: Config) -> bytes:
    """The master key, held against the fingerprint; raises ``ConfigError`` where another machine has changed it.

    Within the transaction that holds ``Lock.KEYS``, so that nobody changes it meanwhile.
    """
    from registry.services.models import SecretMark  # as above

    row = SecretMark.objects.filter(name=MASTER_KEY).first() if config.database_url else None
    if row is not None and row.fingerprint not in _master_marks(config):
        raise ConfigError("The master key here isn't the one that the installation uses.", hint=_HINT)
    return master_key(config)


def keep_next_mark(config: Config) -> None:
    """Keep the fingerprint of the next master key as that of the present one, in the transaction that changes it."""
    from registry.services.models import SecretMark  # as above

    SecretMark.objects.filter(name=MASTER_KEY).update(fingerprint=_fingerprint(config, NEXT_MASTER_KEY))


def _known(config: Config) -> dict[str, str]:
    """What the database keeps; nothing before its schema is of this version. Raises ``OperationalError``."""
    with suppress(psycopg.errors.UndefinedTable), _connected(config) as connection:
        return dict(connection.execute("SELECT name, fingerprint FROM registry_secretmark").fetchall())
    return {}


def _connected(config: Config) -> "psycopg.Connection[tuple[str, str]]":
    return psycopg.connect(config.database_url, connect_timeout=SECONDS_TO_CONNECT, autocommit=True)


def _master_marks(config: Config) -> set[str]:
    return {_fingerprint(config, MASTER_KEY), _fingerprint(config, NEXT_MASTER_KEY)}


def _fingerprint(config: Config, name: str) -> str:
    """SHA-256 over a secret's name and its file; empty when it isn't here."""
    try:
        secret = secret_path(config, name).read_bytes().strip()
    except FileNotFoundError:
        return ""
    kind = MASTER_KEY if name == NEXT_MASTER_KEY else name
    return sha256(f"exhibit {kind}\n".encode() + secret).hexdigest()
