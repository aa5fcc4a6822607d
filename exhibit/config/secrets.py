"""Secrets of an installation, in mounted files or in private files that Exhibit creates on first use."""

import secrets
from pathlib import Path

from exhibit.config.config import Config, ensure_data_dir
from exhibit.errors import ConfigError
from exhibit.files.durable import sync_path, write_once

MASTER_KEY, SECRET_KEY, LOG_KEY = "master_key", "secret_key", "log.key"
NEXT_MASTER_KEY = "master_key.next"
REDIS_PASSWORD = "redis_password"  # noqa: S105 - the name of its file
INSTALLATION = "installation"
BUCKET, MILVUS_TOKEN, WEB_ARCHIVE_KEYS = "bucket.toml", "milvus_token", "web_archive_keys"
_KEYS = (MASTER_KEY, NEXT_MASTER_KEY, SECRET_KEY, LOG_KEY)
_MOUNTABLE_SECRETS = (*_KEYS, REDIS_PASSWORD, INSTALLATION, BUCKET, MILVUS_TOKEN, WEB_ARCHIVE_KEYS)
_KEY_BYTES = 32


def check_mount(config: Config) -> None:
    """Raise ``ConfigError`` if ``secrets_dir`` is set and its folder is missing or contains no secret.

    Without this check, new secrets would be created in the data folder. They could not decrypt existing data.
    """
    if config.secrets_dir and not list_mounted_secrets(config):
        folder = Path(config.secrets_dir)
        state = "contains no secrets" if folder.is_dir() else "does not exist"
        hint = "Mount the folder, or correct EXHIBIT_SECRETS_DIR. By default, secrets/ in the data folder is used."
        raise ConfigError(f"The secrets folder {folder} {state}.", hint=hint)


def list_mounted_secrets(config: Config) -> list[Path]:
    """Return the paths of all secrets in the folder of ``secrets_dir``."""
    return [path for name in _MOUNTABLE_SECRETS if (path := find_mounted_secret(config, name)) is not None]


def find_mounted_secret(config: Config, name: str) -> Path | None:
    """Return the path of a secret in the folder of ``secrets_dir``, or None if it is not there."""
    path = Path(config.secrets_dir) / name
    return path if config.secrets_dir and path.is_file() else None


def get_secret_path(config: Config, name: str) -> Path:
    """Return the path of a secret: mounted, else in the data folder, even if it does not exist yet."""
    return find_mounted_secret(config, name) or config.data_dir / "secrets" / name


def load_secret_key(config: Config) -> str:
    """Return the key that signs sessions and links of the site: 64 hex digits."""
    return _load_or_create(config, SECRET_KEY).hex()


def load_redis_password(config: Config) -> str:
    """Return the password of the embedded Redis: 64 hex digits. It is not backed up, and re-created if missing."""
    return _load_or_create(config, REDIS_PASSWORD).hex()


def load_installation_id(config: Config) -> str:
    """Return this installation's identifier in its blob store: 64 hex digits. A restore creates a new one."""
    return _load_or_create(config, INSTALLATION).hex()


def load_master_key(config: Config) -> bytes:
    """Return the 32-byte key that encrypts owners' signing keys at rest. If it is lost, the signing keys are lost.

    If the next key is mounted, it is already in use: every machine reads both keys, and can decrypt with either.
    """
    return _load_or_create(config, NEXT_MASTER_KEY if find_mounted_secret(config, NEXT_MASTER_KEY) else MASTER_KEY)


def load_master_keys(config: Config) -> tuple[bytes, ...]:
    """Return the master key and, during its rotation, the next one."""
    current = _load_or_create(config, MASTER_KEY)
    try:
        return current, _read_secret(get_secret_path(config, NEXT_MASTER_KEY))
    except FileNotFoundError:
        return (current,)


def load_next_master_key(config: Config) -> bytes:
    """Return the next master key. It is created unless an interrupted rotation has created it.

    If the current key is mounted, the next one must be mounted as well. Raises ``ConfigError`` if it is not.
    """
    if find_mounted_secret(config, MASTER_KEY) and not find_mounted_secret(config, NEXT_MASTER_KEY):
        hint = f"On every machine, create the new key in this folder as {NEXT_MASTER_KEY}: openssl rand -hex 32"
        raise ConfigError(f"The master key is in {config.secrets_dir}, which Exhibit does not change.", hint=hint)
    return _load_or_create(config, NEXT_MASTER_KEY)


def adopt_next_master_key(config: Config) -> None:
    """Replace the current master key with the next one. Mounted keys are left unchanged: the operator replaces them."""
    if find_mounted_secret(config, NEXT_MASTER_KEY) is None:
        path = get_secret_path(config, NEXT_MASTER_KEY)
        path.replace(path.with_name(MASTER_KEY))
        sync_path(path.parent)


def _load_or_create(config: Config, name: str) -> bytes:
    """Return a secret, creating its file if it is missing. Concurrent processes all get the same value."""
    path = get_secret_path(config, name)
    try:
        return _read_secret(path)
    except FileNotFoundError:
        check_mount(config)
        ensure_data_dir(config)
        path.parent.mkdir(exist_ok=True)
        path.parent.chmod(0o700)
        write_once(path, secrets.token_hex(_KEY_BYTES).encode())
        return _read_secret(path)


def _read_secret(path: Path) -> bytes:
    try:
        data = bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError:
        data = b""
    if len(data) != _KEY_BYTES:
        raise ConfigError(f"The secret in {path} is damaged.", hint="Restore the file from your backup.")
    return data
