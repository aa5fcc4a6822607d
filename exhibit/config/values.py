"""Parsers for settings from environment texts or TOML values. A ``ValueError`` states the reason of a failure."""

import ipaddress
import re
import zoneinfo
from collections.abc import Callable
from dataclasses import field
from datetime import date
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import UUID

T = TypeVar("T")

LANGUAGES = ("en", "zh-hans")
_TRUTHS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def setting(default: T, check: Callable[[object], T]) -> T:
    """Create a field with its default and the function that parses a TOML value or a text."""
    return field(default=default, metadata={"check": check})


def text(value: object) -> str:
    """Parse a one-line text, stripped."""
    if not isinstance(value, str) or any(sign in value for sign in "\r\n\0"):
        raise ValueError("it isn't a text of one line")  # the value is not repeated, because it may be a secret
    return value.strip()


def texts(value: object) -> tuple[str, ...]:
    """Parse a list of texts, separated by commas in the environment."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list):
        raise ValueError(f"{value!r} isn't a list of texts")  # noqa: TRY004 - a wrong value, whatever its type
    return tuple(filter(None, map(text, parts)))


def truth(value: object) -> bool:
    """Parse a Boolean."""
    result = _TRUTHS.get(str(value).strip().lower())
    if result is None:
        raise ValueError(f"{value!r} is neither true nor false")
    return result


def whole_number(lowest: int, highest: int = 2**53 - 1) -> Callable[[object], int]:
    """Create a parser for integers in an inclusive range. Larger ones have no canonical JSON (RFC 8785)."""

    def check(value: object) -> int:
        try:
            number = int(value) if isinstance(value, str) else value
        except ValueError:
            number = None
        if not isinstance(number, int) or isinstance(number, bool):
            raise ValueError(f"{value!r} isn't a whole number")  # noqa: TRY004 - a wrong value, whatever its type
        if not lowest <= number <= highest:
            raise ValueError(f"{number} isn't between {lowest} and {highest}")
        return number

    return check


def matching(pattern: str, fault: str) -> Callable[[object], str]:
    """Create a parser for texts that match a pattern. ``{}`` in the error message is replaced by the value."""

    def check(value: object) -> str:
        value_text = text(value)
        if not re.fullmatch(pattern, value_text):
            raise ValueError(fault.format(repr(value_text)))
        return value_text

    return check


def one_of(*choices: str) -> Callable[[object], str]:
    """Create a parser for one of several words."""
    check = matching(f"(?i:{'|'.join(choices)})", f"{{}} isn't {' or '.join(choices)}")
    return lambda value: check(value).lower()


token = matching(r"([!-~]{16,200})?", "it must have 16 to 200 visible characters without spaces")  # not repeated
price = matching(r"(\d{1,6}(\.\d{1,6})? [A-Z]{3})?", "{} isn't a price such as 0.02 EUR")  # with its currency, ISO 4217
mail_address = matching(
    r"([^\s@<>]+@[^\s@<>]+|[^<>@]+<[^\s@<>]+@[^\s@<>]+>)?", "{} isn't an address such as Exhibit <exhibit@example.org>"
)
contact = matching(
    r"(https?://[^\s/]+\S*|[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+)?", "{} is neither an e-mail address nor a web address"
)
web_archive_url = matching(
    r"(https://[A-Za-z0-9.-]+(:\d{1,5})?|http://(localhost|127\.0\.0\.1)(:\d{1,5})?)?",  # keys are sent only with TLS
    "it must look like https://web.archive.org; the keys stand in secrets/web_archive_keys",  # not repeated
)
log_name = matching(r"[!-*,-~]{1,200}", "{} isn't a name such as example.org/log, without spaces and plus signs")


def url(*schemes: str) -> Callable[[object], str]:
    """Create a parser for URLs with these schemes, or empty. Errors omit the value: it may contain a password."""

    def check(value: object) -> str:
        value_text = text(value)
        if value_text and urlsplit(value_text).scheme not in schemes:
            raise ValueError(f"it must be a URL that begins with {' or '.join(f'{scheme}:' for scheme in schemes)}")
        return value_text

    return check


def server_url(*schemes: str) -> Callable[[object], str]:
    """Create a parser for URLs of servers, with a host and without a trailing slash, or empty."""
    checked = url(*schemes)

    def check(value: object) -> str:
        base_url = checked(value).rstrip("/")
        parts = urlsplit(base_url)
        if base_url and not parts.hostname:
            raise ValueError(f"it names no host; it looks like {schemes[-1]}://example.org")
        try:
            _ = parts.port
        except ValueError:
            raise ValueError(f"{parts.netloc.rpartition('@')[2]!r} names a port that can't be") from None
        if parts.scheme == "smtp" and parts.password and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
            raise ValueError("a password would travel in the clear; begin it with smtp+tls: or smtps:")
        return base_url

    return check


def blobs_url(value: object) -> str:
    """Parse the URL of the blob store: a bucket with a prefix, or a folder."""
    address = url("s3", "gs", "az", "file")(value).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        raise ValueError("it names no folder; it looks like file:///mnt/exhibit")
    if address and parts.scheme != "file" and not re.fullmatch(r"[\w.-]+", parts.netloc):
        raise ValueError("it names no bucket, or more than that; it looks like s3://bucket/prefix")  # maybe a key
    if parts.query or parts.fragment:
        raise ValueError("it ends with the prefix; keys and the like stand in the environment")
    return address


def milvus_url(value: object) -> str:
    """Parse the URL of Milvus: a server, optionally with the name of a database."""
    address = server_url("http", "https")(value)
    if not re.fullmatch(r"(https?://[^/@?#]+(/\w+)?)?", address):
        raise ValueError("it looks like http://milvus:19530/database; the token stands in secrets/milvus_token")
    return address


database_url = url("postgresql", "postgres")
redis_url = url("redis", "rediss", "redis+socket")
web_url = server_url("http", "https")
mail_url = server_url("smtp", "smtp+tls", "smtps")  # smtp+tls is STARTTLS, smtps is implicit TLS


def networks(value: object) -> tuple[str, ...]:
    """Parse IP networks such as ``127.0.0.0/8``."""
    return tuple(str(ipaddress.ip_network(part)) for part in texts(value))


def aaguids(value: object) -> tuple[str, ...]:
    """Parse models of authenticators, as lower-case UUIDs."""
    return tuple(str(UUID(part)) for part in texts(value))


def languages(value: object) -> tuple[str, ...]:
    """Parse the languages of the site, the default first."""
    codes = texts(value)
    if not codes or set(codes) - set(LANGUAGES) or len(set(codes)) < len(codes):
        raise ValueError(f"{', '.join(codes) or 'nothing'} isn't a choice among {', '.join(LANGUAGES)}")
    return codes


def time_zone(value: object) -> str:
    """Parse a time zone of the IANA database, such as ``Asia/Shanghai``."""
    name = text(value)
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} isn't a time zone such as Asia/Shanghai") from None
    return name


def path(value: object) -> Path | None:
    """Parse the path of a file; None for an empty text."""
    location = text(value)
    return Path(location) if location else None


def day(value: object) -> str:
    """Parse a date, as TOML date, TOML datetime (its date is used) or text."""
    moment = value if isinstance(value, date) else text(value) and date.fromisoformat(text(value))
    return date.isoformat(moment) if moment else ""
