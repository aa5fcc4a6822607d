"""Where PostgreSQL and Redis are reached: the given URLs, or the sockets of the embedded servers."""

import hashlib
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from exhibit.config.config import Config
from exhibit.config.secrets import redis_password
from exhibit.errors import ConfigError

DATABASE_NAME = "exhibit"
DATABASE_USER = "exhibit"
SECONDS_TO_CONNECT = 5
"""For so long a connection to the database is waited for, unless ``DATABASE_URL`` says otherwise."""
_TCP = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
"""After half a minute without a sign of life both ends give a connection up: what a machine that lost its power had
locked is free again. Through a socket nothing of this applies."""
_AT_THE_SERVER = " ".join(f"-c {name.replace('keepalives', 'tcp_keepalives')}={value}" for name, value in _TCP.items())
REDIS_SECONDS = 5
"""For so long the site, the tick and the command line wait for Redis."""

# sun_path holds 108 bytes with the zero at the end; the longest name in the folder is PostgreSQL's ``.s.PGSQL.5432``
_MAX_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432")


def socket_folder(config: Config) -> Path:
    """The folder of the embedded servers' sockets: in the data folder, or elsewhere when that path is too long."""
    usual = config.data_dir / "run"
    if len(os.fsencode(usual)) <= _MAX_SOCKET_FOLDER:
        return usual
    mark = hashlib.sha256(os.fsencode(config.data_dir)).hexdigest()[:16]
    base = Path("/run") if os.geteuid() == 0 and Path("/run").is_dir() else Path("/tmp")  # noqa: S108 - checked before use
    return base / f"exhibit-{os.geteuid()}-{mark}"


def redis_socket(config: Config) -> Path:
    """The socket of the embedded Redis."""
    return socket_folder(config) / "redis.sock"


def database_url(config: Config) -> str:
    """The database as a libpq URL."""
    folder = quote(str(socket_folder(config)), safe="")
    return config.database_url or f"postgresql://{DATABASE_USER}@/{DATABASE_NAME}?host={folder}"


def django_database(config: Config) -> dict[str, Any]:
    """The database as an entry of Django's ``DATABASES``; further parameters of the URL become ``OPTIONS``."""
    try:
        given = conninfo_to_dict(database_url(config))
    except psycopg.ProgrammingError as error:
        hint = "It looks like postgresql://user:password@host/name."
        raise ConfigError("DATABASE_URL can't be read.", hint=hint) from error
    usual = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    entry: dict[str, Any] = {name: str(given.pop(key, "") or "") for name, key in usual.items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **entry,
        "OPTIONS": {"connect_timeout": SECONDS_TO_CONNECT, **_TCP, "options": _AT_THE_SERVER, **given},
    }


def redis_url(config: Config) -> str:
    """Redis as redis-py reads it."""
    given = config.redis_url
    if given.startswith("redis+socket://"):
        return given.replace("redis+socket://", "unix://", 1).replace("virtual_host=", "db=", 1)
    return given or f"unix://:{redis_password(config)}@{quote(str(redis_socket(config)))}?{urlencode({'db': 0})}"


def broker_url(config: Config) -> str:
    """Redis as Celery reads it."""
    if config.redis_url:
        return config.redis_url
    where = f":{redis_password(config)}@{quote(str(redis_socket(config)))}"
    return f"redis+socket://{where}?{urlencode({'virtual_host': 0})}"


def local_site(config: Config) -> str:
    """Where the site is opened on this machine, without a slash at the end."""
    host = "127.0.0.1" if config.web_host in {"0.0.0.0", "::", ""} else config.web_host  # noqa: S104 - compared only
    return f"http://[{host}]:{config.web_port}" if ":" in host else f"http://{host}:{config.web_port}"


def absolute(config: Config, path: str = "") -> str:
    """The whole address of a page, for a mail or a document, on this machine where no ``public_url`` is set."""
    return f"{config.public_url or local_site(config)}{path}"
