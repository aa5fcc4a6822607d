"""The two secrets of an installation, made on first use and kept in files that only its user may read."""

import os
import secrets
import tempfile
from pathlib import Path

from exhibit.config import Config, made_data_dir
from exhibit.errors import ConfigError

_BYTES = 32


def secret_key(config: Config) -> str:
    """The key that signs sessions and links of the site: 64 hex digits."""
    return _kept(config, "secret_key").hex()


def master_key(config: Config) -> bytes:
    """The key of 32 bytes under which owners' signing keys are encrypted at rest; without it they are lost."""
    return _kept(config, "master_key")


def _kept(config: Config, name: str) -> bytes:
    """The secret of a file, made when it isn't there; processes that come at the same moment all get the same one."""
    path = made_data_dir(config) / "secrets" / name
    try:
        return _read(path)
    except FileNotFoundError:
        _make(path)
        return _read(path)


def _read(path: Path) -> bytes:
    try:
        data = bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError:
        data = b""
    if len(data) != _BYTES:
        raise ConfigError(f"The secret in {path} is damaged.", hint="Put it back from your backup.")
    return data


def _make(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.parent.chmod(0o700)
    handle, name = tempfile.mkstemp(dir=path.parent)  # 0600 from the beginning
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(temporary)  # whole or not at all, and only the first one stays
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
