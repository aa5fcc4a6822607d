"""The image searches and marketplaces of this installation, and owners' keys for them."""

import contextlib
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import crawler
from crawler.searching import Service, read_service
from evidence.at_rest import SECRET, decrypt, encrypt
from exhibit.config import Config
from exhibit.errors import IntegrityError, NotFoundError, WrongUseError
from exhibit.secrets import master_key, master_keys
from registry import searching
from registry.locks import Lock, hold
from registry.models import Owner, SearchKey
from workers.wiring import House

SHIPPED = Path(crawler.__file__).with_name("services")
FOLDER = "searches"
"""Below the data folder: the operator's own mappings, one TOML file each; one named as a shipped one replaces it."""
LONGEST_KEY = 4_000


def services(config: Config) -> dict[str, Service]:
    """The searches that can be asked, by their short names; a mapping that can't be read is left out."""
    found: dict[str, Service] = {}
    for name, path in _files(config).items():
        with contextlib.suppress(WrongUseError):
            found[name] = read_file(path)
    return found


def broken(config: Config) -> dict[str, str]:
    """The mappings that can't be read, and why, for the operator."""
    found: dict[str, str] = {}
    for name, path in _files(config).items():
        try:
            read_file(path)
        except WrongUseError as error:
            found[name] = str(error)
    return found


def service_of(config: Config, name: str) -> Service:
    """One search; raises ``NotFoundError``."""
    found = services(config).get(name)
    if found is None:
        raise NotFoundError(f"There is no search {name!r}.", hint="Your operator says which there are.")
    return found


def _files(config: Config) -> dict[str, Path]:
    own = config.data_dir / FOLDER
    paths = [*sorted(SHIPPED.glob("*.toml")), *(sorted(own.glob("*.toml")) if own.is_dir() else [])]
    return {path.stem: path for path in paths if path.stem.replace("-", "").replace("_", "").isalnum()}


def read_file(path: Path) -> Service:
    """Read a mapping; raises ``WrongUseError``. Read anew when the file has changed."""
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUseError(f"{path.name} can't be read.") from error


@cache
def _read(path: Path, changed: int) -> Service:  # noqa: ARG001 - part of the key
    return read_service(path.read_text(encoding="utf-8"))


def keep_key(house: House, owner: Owner, service: str, key: str, *, by: str) -> None:
    """Keep an owner's key for a search, encrypted with the operator's key.

    Raises:
        NotFoundError: there is no such search.
        WrongUseError: it can't be a key.
    """
    service_of(house.config, service)
    text = key.strip()
    if not text or len(text) > LONGEST_KEY or not text.isascii() or not text.isprintable():
        raise WrongUseError("This can't be a key.", hint="Paste it as the service shows it, in one line.")
    hold_and_keep(house, owner, service, text, by)


def hold_and_keep(house: House, owner: Owner, service: str, key: str, by: str) -> None:
    """Encrypt and keep a key, never between the two halves of a change of the master key."""
    from django.db import transaction  # noqa: PLC0415

    with transaction.atomic():
        hold(Lock.KEYS)
        encrypted = encrypt(SECRET, _bound_to(owner, service), key.encode("ascii"), master_key(house.config))
        searching.keep_key(owner, service, encrypted, by=by)


def key_of(house: House, owner: Owner, service: str) -> str | None:
    """An owner's key for a search; ``None`` when there is none, or the operator's key no longer opens it."""
    row = SearchKey.objects.filter(owner=owner, service=service).first()
    if row is None:
        return None
    encrypted = bytes(row.encrypted)
    if encrypted[1:17] != _bound_to(owner, service):
        return None
    for master in master_keys(house.config):
        with contextlib.suppress(IntegrityError):
            return decrypt(SECRET, encrypted, master).decode("ascii")
    return None


def _bound_to(owner: Owner, service: str) -> bytes:
    """What a key is kept for: moved to another owner or search, it doesn't open."""
    return hashlib.blake2b(f"search key {owner.pk} {service}".encode(), digest_size=16).digest()


def words_of(text: str) -> Sequence[str]:
    """Words to search for, one search a line."""
    return list(dict.fromkeys(line.strip()[:200] for line in text.splitlines() if line.strip()))
