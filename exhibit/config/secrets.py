"""The secrets of an installation, made on first use and kept in files that only its user may read."""

import secrets
from pathlib import Path

from exhibit.config.config import Config, made_data_dir
from exhibit.errors import ConfigError
from exhibit.files.durable import settle_path, write_once

NEXT_MASTER_KEY = "master_key.next"
REDIS_PASSWORD = "redis_password"  # noqa: S105 - the name of its file
INSTALLATION = "installation"
_BYTES = 32


def secret_key(config: Config) -> str:
    """The key that signs sessions and links of the site: 64 hex digits."""
    return _kept(config, "secret_key").hex()


def redis_password(config: Config) -> str:
    """What the embedded Redis asks everybody for: 64 hex digits. Made anew when it is gone; no backup holds it."""
    return _kept(config, REDIS_PASSWORD).hex()


def installation(config: Config) -> str:
    """What this installation calls itself where its bytes lie: 64 hex digits. What is restored has another name."""
    return _kept(config, INSTALLATION).hex()


def master_key(config: Config) -> bytes:
    """The key of 32 bytes under which owners' signing keys are encrypted at rest; without it they are lost."""
    return _kept(config, "master_key")


def master_keys(config: Config) -> tuple[bytes, ...]:
    """The master key and, while it is being changed, the one that comes after it."""
    present = master_key(config)
    try:
        return present, _read(_path(config, NEXT_MASTER_KEY))
    except FileNotFoundError:
        return (present,)


def next_master_key(config: Config) -> bytes:
    """The master key that comes after the present one; made, or the one that an interrupted change has made."""
    return _kept(config, NEXT_MASTER_KEY)


def adopt_next_master_key(config: Config) -> None:
    """Let the next master key take the present one's place; the present one is gone then."""
    path = _path(config, NEXT_MASTER_KEY)
    path.replace(path.with_name("master_key"))
    settle_path(path.parent)


def _kept(config: Config, name: str) -> bytes:
    """The secret of a file, made when it isn't there; processes that come at the same moment all get the same one."""
    path = _path(config, name)
    try:
        return _read(path)
    except FileNotFoundError:
        path.parent.mkdir(exist_ok=True)
        path.parent.chmod(0o700)
        write_once(path, secrets.token_hex(_BYTES).encode())
        return _read(path)


def _path(config: Config, name: str) -> Path:
    return made_data_dir(config) / "secrets" / name


def _read(path: Path) -> bytes:
    try:
        data = bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError:
        data = b""
    if len(data) != _BYTES:
        raise ConfigError(f"The secret in {path} is damaged.", hint="Put it back from your backup.")
    return data
