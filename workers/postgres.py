"""The embedded PostgreSQL: how it is made, started and asked."""

import shutil
import signal
import subprocess

import psycopg
from psycopg import sql

from exhibit.config import Config
from exhibit.errors import ServiceMissingError
from workers import addresses
from workers.processes import Child
from workers.programs import postgres_programs
from workers.rights import ServerRights

_INITDB = (
    "--auth-local=trust",
    "--auth-host=reject",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-instructions",
    "--no-sync",  # half of its time; only a power cut in the first half minute could make it be repeated
)


class Postgres:
    """One PostgreSQL in ``postgres/`` of the data folder, reached through its socket only."""

    name = "postgres"
    pid_file = "postmaster.pid"

    def __init__(self, config: Config, rights: ServerRights) -> None:
        self._config = config
        self._rights = rights
        self.folder = config.data_dir / self.name

    def prepare(self) -> None:
        """Make the database's files in a folder aside and move them whole: a crash in between leaves nothing half made.

        Raises:
            ServiceMissingError: ``initdb`` fails; the message ends with what it said.
        """
        if (self.folder / "PG_VERSION").exists():
            return
        made = self.folder / "new"
        shutil.rmtree(made, ignore_errors=True)
        arguments = ("-D", str(made), f"--username={addresses.DATABASE_USER}", *_INITDB)
        child = self._child("initdb", *arguments)
        run = subprocess.run(child.line(), env=child.environ, capture_output=True, text=True, check=False)
        if run.returncode:
            said = " / ".join((run.stderr or run.stdout).strip().splitlines()[-3:])
            raise ServiceMissingError(f"PostgreSQL can't make its files in {self.folder}: {said}", retry=False)
        aside = self.folder.with_name("postgres.new")
        shutil.rmtree(aside, ignore_errors=True)
        made.rename(aside)
        self.folder.rmdir()
        aside.rename(self.folder)

    def child(self) -> Child:
        """The server in the foreground; SIGINT is its fast and clean stop."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(addresses.socket_folder(self._config)),
            "unix_socket_permissions": "0700",
            "max_connections": str(50 + 4 * self._config.workers),
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self._child("postgres", "-D", str(self.folder), *options)

    def answers(self) -> bool:
        """Whether it takes connections."""
        return database_answers(self._config, "postgres")

    def finish(self) -> None:
        """Make our database in it when it isn't there."""
        name = addresses.DATABASE_NAME
        with psycopg.connect(addresses.database_url(self._config), dbname="postgres", autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def _child(self, program: str, *arguments: str) -> Child:
        path = postgres_programs() / program
        return self._rights.child(self.name, (str(path), *arguments), folder=self.folder, stop=signal.SIGINT)


def database_answers(config: Config, name: str = addresses.DATABASE_NAME) -> bool:
    """Whether PostgreSQL takes connections to one of its databases."""
    try:
        psycopg.connect(addresses.database_url(config), dbname=name, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
