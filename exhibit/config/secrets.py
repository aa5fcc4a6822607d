"""Secrets of an installation: created on first use in files that only its user can read, or mounted."""

import secrets
from pathlib import Path

from exhibit.config.config import Config, made_data_dir
from exhibit.errors import ConfigError
from exhibit.files.durable import settle_path, write_once

MASTER_KEY, SECRET_KEY, LOG_KEY = "master_key", "secret_key", "log.key"
NEXT_MASTER_KEY = "master_key.next"
REDIS_PASSWORD = "redis_password"  # noqa: S105 - the name of its file
INSTALLATION = "installation"
BUCKET, MILVUS_TOKEN, WEB_ARCHIVE_KEYS = "bucket.toml", "milvus_token", "web_archive_keys"
_KEYS = (MASTER_KEY, NEXT_MASTER_KEY, SECRET_KEY, LOG_KEY)
_MOUNTABLE = (*_KEYS, REDIS_PASSWORD, INSTALLATION, BUCKET, MILVUS_TOKEN, WEB_ARCHIVE_KEYS)
_BYTES = 32


def check_mount(config: Config) -> None:
    """Raise ``ConfigError`` if the folder of ``secrets_dir`` is missing, or empty because its mount is missing.

    Otherwise the secrets would be created again in the data folder, and could not decrypt anything.
    """
    if config.secrets_dir and not all_mounted(config):
        folder = Path(config.secrets_dir)
        state = "holds none" if folder.is_dir() else "isn't there"
        hint = "Mount it, or correct EXHIBIT_SECRETS_DIR; without that setting they are in secrets/ of the data folder."
        raise ConfigError(f"The folder of secrets {folder} {state}.", hint=hint)


def all_mounted(config: Config) -> list[Path]:
    """Return the files of all secrets in the folder of ``secrets_dir``."""
    return [path for name in _MOUNTABLE if (path := mounted(config, name)) is not None]


def mounted(config: Config, name: str) -> Path | None:
    """Return the file of a secret in the folder of ``secrets_dir``, or None."""
    path = Path(config.secrets_dir) / name
    return path if config.secrets_dir and path.is_file() else None


def secret_path(config: Config, name: str) -> Path:
    """Return the path of a secret, mounted or in the data folder, whether it exists or not."""
    return mounted(config, name) or config.data_dir / "secrets" / name


def secret_key(config: Config) -> str:
    """Return the key that signs sessions and links of the site: 64 hex digits."""
    return _load_or_create(config, SECRET_KEY).hex()


def redis_password(config: Config) -> str:
    """Return the password of the embedded Redis: 64 hex digits. It is created again if missing, and not backed up."""
    return _load_or_create(config, REDIS_PASSWORD).hex()


def installation(config: Config) -> str:
    """Return this installation's identifier in its blob store: 64 hex digits. After a restore it is a new one."""
    return _load_or_create(config, INSTALLATION).hex()


def master_key(config: Config) -> bytes:
    """Return the 32-byte key that encrypts owners' signing keys at rest. If it is lost, they are lost.

    A mounted next key is used already, because other machines read it too and can decrypt with either.
    """
    return _load_or_create(config, NEXT_MASTER_KEY if mounted(config, NEXT_MASTER_KEY) else MASTER_KEY)


def master_keys(config: Config) -> tuple[bytes, ...]:
    """Return the master key and, during its rotation, the next one."""
    present = _load_or_create(config, MASTER_KEY)
    try:
        return present, _read_secret(secret_path(config, NEXT_MASTER_KEY))
    except FileNotFoundError:
        return (present,)


def next_master_key(config: Config) -> bytes:
    """Return the next master key, creating it unless an interrupted rotation has done so.

    If the current key is mounted, the next one must be mounted, too. Raises ``ConfigError`` if it is not.
    """
    if mounted(config, MASTER_KEY) and not mounted(config, NEXT_MASTER_KEY):
        hint = f"On every machine put the new one beside it as {NEXT_MASTER_KEY}: openssl rand -hex 32"
        raise ConfigError(f"The master key lies in {config.secrets_dir}, which Exhibit doesn't change.", hint=hint)
    return _load_or_create(config, NEXT_MASTER_KEY)


def adopt_next_master_key(config: Config) -> None:
    """Replace the current master key by the next one, and delete the old. The operator replaces mounted keys."""
    if mounted(config, NEXT_MASTER_KEY) is None:
        path = secret_path(config, NEXT_MASTER_KEY)
        path.replace(path.with_name(MASTER_KEY))
        settle_path(path.parent)


def _load_or_create(config: Config, name: str) -> bytes:
    """Return a secret, creating its file if it is missing. Concurrent processes all get the same value."""
    path = secret_path(config, name)
    try:
        return _read_secret(path)
    except FileNotFoundError:
        check_mount(config)
        made_data_dir(config)
        path.parent.mkdir(exist_ok=True)
        path.parent.chmod(0o700)
        write_once(path, secrets.token_hex(_BYTES).encode())
        return _read_secret(path)


def _read_secret(path: Path) -> bytes:
    try:
        data = bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError:
        data = b""
    if len(data) != _BYTES:
        raise ConfigError(f"The secret in {path} is damaged.", hint="Put it back from your backup.")
    return data
