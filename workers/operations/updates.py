"""Whether there is a newer version: nobody is asked unless the operator names whom (``update_url``)."""

import json
import re
from datetime import datetime

from exhibit import __version__
from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.errors import ServiceMissingError
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session, read_limited
from registry.services.anchors import named_addresses, named_ports
from registry.services.services import Services

NAME = "newest-version"
"""The file of the data folder with the answer that came last."""
EVERY, SECONDS, MAX_ANSWER = 24 * 3600, 10.0, 64 * 1024
_VERSION = re.compile(r"v?(\d{1,6}(?:\.\d{1,6}){1,3})")


def look(services: Services) -> None:
    """Ask once a day, where the operator has named an address: one GET, without version, contact or cookie.

    Raises ``ServiceMissingError`` where the answer names no version.
    """
    path = services.config.data_dir / NAME
    if not services.config.update_url or (path.exists() and now().timestamp() - path.stat().st_mtime < EVERY):
        return
    path.touch(0o600)  # whatever comes of it, the next question is tomorrow's
    url = [services.config.update_url]  # an address that the operator wrote as a number may be reached, as a witness's
    networks = (*services.config.allowed_networks, *named_addresses(url))
    guard = Guard(allowed_networks=networks, allowed_ports=frozenset((80, 443, *named_ports(url))))
    with guarded_session(guard, timeout=SECONDS, user_agent="Exhibit") as session:
        answer = session.get(services.config.update_url, stream=True)
        version = version_in(read_limited(answer, MAX_ANSWER))
    draft = path.with_name(f".{NAME}")
    draft.write_text(version, "ascii")
    draft.replace(path)


def version_in(answer: bytes) -> str:
    """The version that an answer names: JSON of a forge's release or of a package index, or one line of text."""
    try:
        told = json.loads(answer)
    except ValueError:
        told = answer.decode("utf-8", "replace").strip()
    if isinstance(told, dict):
        info = told.get("info")
        told = told.get("tag_name") or told.get("version") or (info.get("version") if isinstance(info, dict) else "")
    found = _VERSION.fullmatch(told) if isinstance(told, str) else None
    if found is None:
        raise ServiceMissingError("What was asked for the newest version named none.")
    return found[1]


def newest(config: Config) -> tuple[str, datetime] | None:
    """The version that was named last, and when it was asked for; ``None`` where nobody is asked, or none was named."""
    path = config.data_dir / NAME
    try:
        version, asked = path.read_text("ascii"), path.stat().st_mtime
    except (OSError, UnicodeDecodeError):
        return None
    is_one = config.update_url and _VERSION.fullmatch(version)
    return (version, datetime.fromtimestamp(asked, now().tzinfo)) if is_one else None


def is_newer(version: str, than: str = __version__) -> bool:
    """Whether one version is later than another, number by number."""
    return _numbers(version) > _numbers(than)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))
