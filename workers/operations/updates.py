"""Update check. No request is sent unless the operator sets a URL (``update_url``)."""

import json
import re
from datetime import datetime
from pathlib import Path

from exhibit import __version__
from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.errors import ServiceMissingError
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session, read_limited
from exhibit.network.operator_urls import list_ports
from exhibit.types import Json
from registry.services.services import Services

VERSION_FILE, CHECKED_AT = "newest-version", "newest-version-checked"
"""Files in the data folder: the last response, and the URL queried last (at the file's modification time)."""
CHECK_INTERVAL, TIMEOUT_SECONDS, MAX_RESPONSE_BYTES = 24 * 3600, 10.0, 64 * 1024
_VERSION_PATTERN = re.compile(r"v?(\d{1,6}(?:\.\d{1,6}){1,3})")


def check_for_update(services: Services) -> None:
    """Query the configured URL once a day: one GET request, without version, contact or cookies.

    Raises:
        ServiceMissingError: The response contains no version.
    """
    config, url = services.config, services.config.update_url
    if not url or _was_checked_recently(config):
        return
    # Written first, so that a failed request is not repeated before tomorrow.
    _write(config.data_dir / CHECKED_AT, url)
    guard = Guard(allowed_networks=config.allowed_networks, allowed_ports=frozenset((80, 443, *list_ports([url]))))
    with create_guarded_session(guard, timeout=TIMEOUT_SECONDS, user_agent="Exhibit") as session:
        version = parse_version(read_limited(session.get(url, stream=True), MAX_RESPONSE_BYTES))
    _write(config.data_dir / VERSION_FILE, json.dumps({"version": version, "url": url, "at": now().timestamp()}))


def parse_version(response: bytes) -> str:
    """Parse the version from a response: JSON of a release on GitHub or of a package index, or one line of text."""
    content: Json = response.decode("utf-8", "replace").strip()
    if not _VERSION_PATTERN.fullmatch(content):  # JSON would parse 1.2 as a number.
        try:
            content = json.loads(response)
        except (ValueError, RecursionError):
            content = ""
    if isinstance(content, dict):
        info = content.get("info")
        content = (
            content.get("tag_name") or content.get("version") or (info.get("version") if isinstance(info, dict) else "")
        )
    version_match = _VERSION_PATTERN.fullmatch(content) if isinstance(content, str) else None
    if version_match is None:
        raise ServiceMissingError("The response of the update server contains no version.")
    return version_match[1]


def read_newest_version(config: Config) -> tuple[str, datetime] | None:
    """Return the version last returned by the URL, with its time; None if there is no URL or no response yet."""
    try:
        record = json.loads((config.data_dir / VERSION_FILE).read_text("utf-8"))
        version, url, at = record["version"], record["url"], datetime.fromtimestamp(record["at"], now().tzinfo)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return (version, at) if config.update_url and url == config.update_url else None


def is_newer(version: str, current: str = __version__) -> bool:
    """Return True if a version is later than another, compared numerically."""
    return _parse_numbers(version) > _parse_numbers(current)


def _was_checked_recently(config: Config) -> bool:
    """Return True if this URL was queried within a day. A new URL is queried at once."""
    path = config.data_dir / CHECKED_AT
    try:
        return (
            path.read_text("utf-8") == config.update_url and now().timestamp() - path.stat().st_mtime < CHECK_INTERVAL
        )
    except (OSError, UnicodeDecodeError):
        return False


def _write(path: Path, text: str) -> None:
    temporary_path = path.with_name(f".{path.name}")
    temporary_path.write_text(text, "utf-8")
    temporary_path.replace(path)


def _parse_numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))
