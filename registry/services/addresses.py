"""Addresses of PostgreSQL and Redis: the configured URLs, or the sockets of the embedded servers."""

import hashlib
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from exhibit.config.config import Config
from exhibit.config.secrets import load_redis_password
from exhibit.errors import ConfigError

DATABASE_NAME = "exhibit"
DATABASE_USER = "exhibit"
CONNECT_TIMEOUT = 5
"""Timeout in seconds for connecting to the database, unless ``DATABASE_URL`` sets another."""
_TCP = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
"""TCP keepalive: both ends close a connection after half a minute without a response.

This releases the locks of a machine that lost power. It has no effect on sockets.
"""
_SERVER_OPTIONS = " ".join(f"-c {name.replace('keepalives', 'tcp_keepalives')}={value}" for name, value in _TCP.items())
REDIS_SECONDS = 5
"""Timeout in seconds for Redis in the site, the tick and the command line."""

# sun_path holds 108 bytes including the terminating zero; the longest name in the folder is PostgreSQL's
# ``.s.PGSQL.5432``
_MAX_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432")


def get_socket_folder(config: Config) -> Path:
    """Return the folder of the embedded servers' sockets: in the data folder, or elsewhere if that path is too long."""
    default = config.data_dir / "run"
    if len(os.fsencode(default)) <= _MAX_SOCKET_FOLDER:
        return default
    folder_key = hashlib.sha256(os.fsencode(config.data_dir)).hexdigest()[:16]
    base = Path("/run") if os.geteuid() == 0 and Path("/run").is_dir() else Path("/tmp")  # noqa: S108 - checked before use
    return base / f"exhibit-{os.geteuid()}-{folder_key}"


def get_redis_socket(config: Config) -> Path:
    """Return the socket path of the embedded Redis."""
    return get_socket_folder(config) / "redis.sock"


def get_database_url(config: Config) -> str:
    """Return the database as a libpq URL."""
    folder = quote(str(get_socket_folder(config)), safe="")
    return config.database_url or f"postgresql://{DATABASE_USER}@/{DATABASE_NAME}?host={folder}"


def build_django_database(config: Config) -> dict[str, Any]:
    """Return the database as an entry of Django's ``DATABASES``; further URL parameters become ``OPTIONS``."""
    try:
        parameters = conninfo_to_dict(get_database_url(config))
    except psycopg.ProgrammingError as error:
        hint = "Use the form postgresql://user:password@host/name."
        raise ConfigError("DATABASE_URL is invalid.", hint=hint) from error
    parameter_names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    entry: dict[str, Any] = {name: str(parameters.pop(key, "") or "") for name, key in parameter_names.items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **entry,
        "OPTIONS": {"connect_timeout": CONNECT_TIMEOUT, **_TCP, "options": _SERVER_OPTIONS, **parameters},
    }


def get_redis_url(config: Config) -> str:
    """Return the URL of Redis in redis-py's syntax."""
    url = config.redis_url
    if url.startswith("redis+socket://"):
        return url.replace("redis+socket://", "unix://", 1).replace("virtual_host=", "db=", 1)
    return url or f"unix://:{load_redis_password(config)}@{quote(str(get_redis_socket(config)))}?{urlencode({'db': 0})}"


def get_broker_url(config: Config) -> str:
    """Return the URL of Redis in Celery's syntax."""
    if config.redis_url:
        return config.redis_url
    location = f":{load_redis_password(config)}@{quote(str(get_redis_socket(config)))}"
    return f"redis+socket://{location}?{urlencode({'virtual_host': 0})}"


def get_local_url(config: Config) -> str:
    """Return the site's URL on this machine, without a trailing slash."""
    host = "127.0.0.1" if config.web_host in {"0.0.0.0", "::", ""} else config.web_host  # noqa: S104 - compared only
    return f"http://[{host}]:{config.web_port}" if ":" in host else f"http://{host}:{config.web_port}"


def build_absolute_url(config: Config, path: str = "") -> str:
    """Return the absolute URL of a page for mails and documents: below ``public_url`` or, if unset, on this machine."""
    return f"{config.public_url or get_local_url(config)}{path}"
