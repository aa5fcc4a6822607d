"""Parsers for settings from environment texts or TOML values. They raise ``ValueError`` with the reason."""

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
_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def setting(default: T, check: Callable[[object], T]) -> T:
    """Create a field with its default and the function that parses a TOML value or a text."""
    return field(default=default, metadata={"check": check})


def parse_text(value: object) -> str:
    """Parse a one-line text, stripped."""
    if not isinstance(value, str) or any(char in value for char in "\r\n\0"):
        raise ValueError("the value must be one line of text")  # the value is not repeated, because it may be a secret
    return value.strip()


def parse_texts(value: object) -> tuple[str, ...]:
    """Parse a list of texts, separated by commas in the environment."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list):
        raise ValueError(f"{value!r} is not a list of text values")  # noqa: TRY004 - a wrong value, whatever its type
    return tuple(filter(None, map(parse_text, parts)))


def parse_bool(value: object) -> bool:
    """Parse a Boolean."""
    result = _BOOLEANS.get(str(value).strip().lower())
    if result is None:
        raise ValueError(f"{value!r} is neither true nor false")
    return result


def build_integer_parser(lowest: int, highest: int = 2**53 - 1) -> Callable[[object], int]:
    """Create a parser for integers in an inclusive range. Integers above 2⁵³ - 1 have no canonical JSON (RFC 8785)."""

    def check(value: object) -> int:
        try:
            number = int(value) if isinstance(value, str) else value
        except ValueError:
            number = None
        if not isinstance(number, int) or isinstance(number, bool):
            raise ValueError(f"{value!r} is not a whole number")  # noqa: TRY004 - a wrong value, whatever its type
        if not lowest <= number <= highest:
            raise ValueError(f"{number} is not between {lowest} and {highest}")
        return number

    return check


def build_pattern_parser(pattern: str, fault: str) -> Callable[[object], str]:
    """Create a parser for texts that match a pattern. ``{}`` in the error message is replaced by the value."""

    def check(value: object) -> str:
        value_text = parse_text(value)
        if not re.fullmatch(pattern, value_text):
            raise ValueError(fault.format(repr(value_text)))
        return value_text

    return check


def build_choice_parser(*choices: str) -> Callable[[object], str]:
    """Create a parser for one of several words."""
    check = build_pattern_parser(f"(?i:{'|'.join(choices)})", f"{{}} is not {' or '.join(choices)}")
    return lambda value: check(value).lower()


# Secret
parse_token = build_pattern_parser(
    r"([!-~]{16,200})?", "the value must have 16 to 200 visible characters and no spaces"
)
# Currency as in ISO 4217
parse_price = build_pattern_parser(r"(\d{1,6}(\.\d{1,6})? [A-Z]{3})?", "{} is not a price such as 0.02 EUR")
parse_mail_address = build_pattern_parser(
    r"([^\s@<>]+@[^\s@<>]+|[^<>@]+<[^\s@<>]+@[^\s@<>]+>)?", "{} is not an address such as Exhibit <exhibit@example.org>"
)
parse_contact = build_pattern_parser(
    r"(https?://[^\s/]+\S*|[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+)?", "{} is neither an email address nor a URL"
)
parse_web_archive_url = build_pattern_parser(
    r"(https://[A-Za-z0-9.-]+(:\d{1,5})?|http://(localhost|127\.0\.0\.1)(:\d{1,5})?)?",  # keys are sent only with TLS
    "use the form https://web.archive.org; keys belong in secrets/web_archive_keys",  # the value may be a key
)
parse_log_name = build_pattern_parser(
    r"[!-*,-~]{1,200}", "{} is not a log name: it may contain no spaces or plus signs (example: e.org/log)"
)


def build_url_parser(*schemes: str) -> Callable[[object], str]:
    """Create a parser for empty texts and URLs with these schemes. Errors omit the value: it may contain a password."""

    def check(value: object) -> str:
        value_text = parse_text(value)
        if value_text and urlsplit(value_text).scheme not in schemes:
            raise ValueError(
                f"the value must be a URL that starts with {' or '.join(f'{scheme}:' for scheme in schemes)}"
            )
        return value_text

    return check


def build_server_url_parser(*schemes: str) -> Callable[[object], str]:
    """Create a parser for empty texts and URLs of servers: with a host, without a trailing slash."""
    parse_url = build_url_parser(*schemes)

    def check(value: object) -> str:
        base_url = parse_url(value).rstrip("/")
        parts = urlsplit(base_url)
        if base_url and not parts.hostname:
            raise ValueError(f"the URL contains no host; use the form {schemes[-1]}://example.org")
        try:
            _ = parts.port
        except ValueError:
            raise ValueError(f"{parts.netloc.rpartition('@')[2]!r} contains an invalid port") from None
        if parts.scheme == "smtp" and parts.password and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
            raise ValueError("the password would be sent unencrypted; use smtp+tls: or smtps:")
        return base_url

    return check


def parse_blobs_url(value: object) -> str:
    """Parse the URL of the blob store: a bucket with a prefix, or a folder."""
    address = build_url_parser("s3", "gs", "az", "file")(value).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        raise ValueError("the URL contains no folder; use the form file:///mnt/exhibit")
    if address and parts.scheme != "file" and not re.fullmatch(r"[\w.-]+", parts.netloc):
        raise ValueError("the URL must contain a bucket and a prefix only, as in s3://bucket/prefix")  # it may be a key
    if parts.query or parts.fragment:
        raise ValueError("the URL must end with the prefix; set keys and options in environment variables")
    return address


def parse_milvus_url(value: object) -> str:
    """Parse the URL of Milvus: a server, optionally with the name of a database."""
    address = build_server_url_parser("http", "https")(value)
    if not re.fullmatch(r"(https?://[^/@?#]+(/\w+)?)?", address):
        raise ValueError("use the form http://milvus:19530/database; the token belongs in secrets/milvus_token")
    return address


parse_database_url = build_url_parser("postgresql", "postgres")
parse_redis_url = build_url_parser("redis", "rediss", "redis+socket")
parse_web_url = build_server_url_parser("http", "https")
parse_mail_url = build_server_url_parser("smtp", "smtp+tls", "smtps")  # smtp+tls is STARTTLS, smtps is implicit TLS


def parse_networks(value: object) -> tuple[str, ...]:
    """Parse IP networks such as ``127.0.0.0/8``."""
    return tuple(str(ipaddress.ip_network(part)) for part in parse_texts(value))


def parse_aaguids(value: object) -> tuple[str, ...]:
    """Parse AAGUIDs (authenticator models) to lower-case UUIDs."""
    return tuple(str(UUID(part)) for part in parse_texts(value))


def parse_languages(value: object) -> tuple[str, ...]:
    """Parse the languages of the site, the default first."""
    codes = parse_texts(value)
    if not codes or set(codes) - set(LANGUAGES) or len(set(codes)) < len(codes):
        raise ValueError(f"{', '.join(codes) or 'an empty list'} is not a selection from {', '.join(LANGUAGES)}")
    return codes


def parse_time_zone(value: object) -> str:
    """Parse a time zone of the IANA database, such as ``Asia/Shanghai``."""
    name = parse_text(value)
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone (example: Asia/Shanghai)") from None
    return name


def parse_path(value: object) -> Path | None:
    """Parse the path of a file; None for an empty text."""
    location = parse_text(value)
    return Path(location) if location else None


def parse_day(value: object) -> str:
    """Parse a date, as TOML date, TOML datetime (its date is used) or text."""
    date_value = value if isinstance(value, date) else parse_text(value) and date.fromisoformat(parse_text(value))
    return date.isoformat(date_value) if date_value else ""
