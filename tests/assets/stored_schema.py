"""The schema of a test database: created by the migrations once for each state of the code, then by ``pg_restore``."""

import os
import subprocess
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from django.apps import apps

from exhibit.config.config import Config
from exhibit.files.locks import FileLock
from registry.services.addresses import get_database_url
from tests import CHECKOUT
from workers.servers.postgres import find_postgres_programs

SCHEMA_FOLDER = CHECKOUT / "var" / "tests"


def make_schema(config: Config, migrate: Callable[[], object]) -> None:
    """Migrate an empty database. Processes of a parallel run wait for the first of them to migrate."""
    SCHEMA_FOLDER.mkdir(parents=True, exist_ok=True)
    lock = FileLock(SCHEMA_FOLDER / "schema.lock")
    assert lock.acquire(within=240)
    try:
        dump = _schema_path()
        if not dump.exists():
            migrate()
            for earlier in SCHEMA_FOLDER.glob("schema-*.dump"):
                earlier.unlink()
            draft = dump.with_suffix(".draft")
            _run_program(config, "pg_dump", "--format=custom", "--no-owner", f"--file={draft}")
            draft.replace(dump)
            return
    finally:
        lock.release()
    restore_schema(config)


def restore_schema(config: Config) -> None:
    """Restore the schema into an empty database, if it has been stored before."""
    if _schema_path().exists():
        _run_program(config, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", str(_schema_path()))


def _schema_path() -> Path:
    """Return the path of the stored schema, named after a hash of all apps' migrations and Django's version."""
    digest = sha256(version("django").encode())
    for app in apps.get_app_configs():
        for path in sorted(Path(app.path).glob("migrations/*.py")):
            digest.update(f"{app.label}/{path.name}".encode() + path.read_bytes())
    return SCHEMA_FOLDER / f"schema-{digest.hexdigest()[:16]}.dump"


def _run_program(config: Config, program: str, *words: str) -> None:
    command = [str(find_postgres_programs() / program), f"--dbname={get_database_url(config)}", *words]
    subprocess.run(command, env=os.environ, check=True)
