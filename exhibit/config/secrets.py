"""The secrets of an installation: made on first use in files that only its user may read, or mounted by others."""

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
    """Raise ``ConfigError`` where the folder of the setting isn't there, or is the empty one below a lost mount.

    What lies there would be made anew in the data folder, and open nothing.
    """
    if config.secrets_dir and not all_mounted(config):
        folder = Path(config.secrets_dir)
        state = "holds none" if folder.is_dir() else "isn't there"
        hint = "Mount it, or correct EXHIBIT_SECRETS_DIR; without that setting they are in secrets/ of the data folder."
        raise ConfigError(f"The folder of secrets {folder} {state}.", hint=hint)


def all_mounted(config: Config) -> list[Path]:
    """The files of all secrets that lie in the folder of the setting."""
    return [path for name in _MOUNTABLE if (path := mounted(config, name)) is not None]


def mounted(config: Config, name: str) -> Path | None:
    """The file of a secret in the folder of the setting; nothing where there is none."""
    path = Path(config.secrets_dir) / name
    return path if config.secrets_dir and path.is_file() else None


def secret_path(config: Config, name: str) -> Path:
    """The file of a secret, mounted or in the data folder, whether it is there or not."""
    return mounted(config, name) or config.data_dir / "secrets" / name


def secret_key(config: Config) -> str:
    """The key that signs sessions and links of the site: 64 hex digits."""
    return _kept(config, SECRET_KEY).hex()


def redis_password(config: Config) -> str:
    """What the embedded Redis asks everybody for: 64 hex digits. Made anew when it is gone; no backup holds it."""
    return _kept(config, REDIS_PASSWORD).hex()


def installation(config: Config) -> str:
    """What this installation calls itself where its bytes lie: 64 hex digits. What is restored has another name."""
    return _kept(config, INSTALLATION).hex()


def master_key(config: Config) -> bytes:
    """The key of 32 bytes under which owners' signing keys are encrypted at rest; without it they are lost.

    A next one that is mounted counts already: other machines, which read it too, open with either.
    """
    return _kept(config, NEXT_MASTER_KEY if mounted(config, NEXT_MASTER_KEY) else MASTER_KEY)


def master_keys(config: Config) -> tuple[bytes, ...]:
    """The master key and, while it is being changed, the one that comes after it."""
    present = _kept(config, MASTER_KEY)
    try:
        return present, _read(secret_path(config, NEXT_MASTER_KEY))
    except FileNotFoundError:
        return (present,)


def next_master_key(config: Config) -> bytes:
    """The master key that comes after the present one; made, or the one that an interrupted change has made.

    Beside a mounted one it isn't made but mounted, too; raises ``ConfigError`` where it isn't.
    """
    if mounted(config, MASTER_KEY) and not mounted(config, NEXT_MASTER_KEY):
        hint = f"On every machine put the new one beside it as {NEXT_MASTER_KEY}: openssl rand -hex 32"
        raise ConfigError(f"The master key lies in {config.secrets_dir}, which Exhibit doesn't change.", hint=hint)
    return _kept(config, NEXT_MASTER_KEY)


def adopt_next_master_key(config: Config) -> None:
    """Let the next master key take the present one's place, which is gone then; a mounted one its operator replaces."""
    if mounted(config, NEXT_MASTER_KEY) is None:
        path = secret_path(config, NEXT_MASTER_KEY)
        path.replace(path.with_name(MASTER_KEY))
        settle_path(path.parent)


def _kept(config: Config, name: str) -> bytes:
    """The secret of a file, made when it isn't there; processes that come at the same moment all get the same one."""
    path = secret_path(config, name)
    try:
        return _read(path)
    except FileNotFoundError:
        check_mount(config)
        made_data_dir(config)
        path.parent.mkdir(exist_ok=True)
        path.parent.chmod(0o700)
        write_once(path, secrets.token_hex(_BYTES).encode())
        return _read(path)


def _read(path: Path) -> bytes:
    try:
        data = bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError:
        data = b""
    if len(data) != _BYTES:
        raise ConfigError(f"The secret in {path} is damaged.", hint="Put it back from your backup.")
    return data
