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
from exhibit.network.http import guarded_session, read_limited
from exhibit.network.operator_urls import named_ports
from exhibit.types import Json
from registry.services.services import Services

NAME, CHECKED_AT = "newest-version", "newest-version-asked"
"""Files in the data folder: the last answer, and the URL queried last (at the file's modification time)."""
EVERY, SECONDS, MAX_ANSWER = 24 * 3600, 10.0, 64 * 1024
_VERSION = re.compile(r"v?(\d{1,6}(?:\.\d{1,6}){1,3})")


def look(services: Services) -> None:
    """Query the configured URL once a day: one GET request, without version, contact or cookies.

    Raises:
        ServiceMissingError: The answer names no version.
    """
    config, url = services.config, services.config.update_url
    if not url or _asked_lately(config):
        return
    _write(
        config.data_dir / CHECKED_AT, url
    )  # Written first, so that the next request is tomorrow's whatever the outcome.
    guard = Guard(allowed_networks=config.allowed_networks, allowed_ports=frozenset((80, 443, *named_ports([url]))))
    with guarded_session(guard, timeout=SECONDS, user_agent="Exhibit") as session:
        version = version_in(read_limited(session.get(url, stream=True), MAX_ANSWER))
    _write(config.data_dir / NAME, json.dumps({"version": version, "url": url, "at": now().timestamp()}))


def version_in(answer: bytes) -> str:
    """Parse the version from an answer: JSON of a forge's release or of a package index, or one line of text."""
    content: Json = answer.decode("utf-8", "replace").strip()
    if not _VERSION.fullmatch(content):  # JSON would parse 1.2 as a number.
        try:
            content = json.loads(answer)
        except (ValueError, RecursionError):
            content = ""
    if isinstance(content, dict):
        info = content.get("info")
        content = (
            content.get("tag_name") or content.get("version") or (info.get("version") if isinstance(info, dict) else "")
        )
    version_match = _VERSION.fullmatch(content) if isinstance(content, str) else None
    if version_match is None:
        raise ServiceMissingError("What was asked for the newest version named none.")
    return version_match[1]


def newest(config: Config) -> tuple[str, datetime] | None:
    """Return the version last named by the URL and its time, or None if there is no URL or no answer yet."""
    try:
        answer = json.loads((config.data_dir / NAME).read_text("utf-8"))
        version, url, at = answer["version"], answer["url"], datetime.fromtimestamp(answer["at"], now().tzinfo)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return (version, at) if config.update_url and url == config.update_url else None


def is_newer(version: str, than: str = __version__) -> bool:
    """Return True if a version is later than another, compared numerically."""
    return _numbers(version) > _numbers(than)


def _asked_lately(config: Config) -> bool:
    """Return True if this URL was queried within a day. A new URL is queried at once."""
    path = config.data_dir / CHECKED_AT
    try:
        return path.read_text("utf-8") == config.update_url and now().timestamp() - path.stat().st_mtime < EVERY
    except (OSError, UnicodeDecodeError):
        return False


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}")
    draft.write_text(text, "utf-8")
    draft.replace(path)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))
