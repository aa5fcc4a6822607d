"""Which names a file in a bundle may have: plain ASCII that means the same on every system, and never a way out."""

import re
from collections.abc import Iterable

from evidence.codec import FormatError

MAX_NAME = 200
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*", re.ASCII)
_RESERVED = re.compile(r"(?:^|/)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|/|$)", re.IGNORECASE)
_JUNK = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"})


def is_name(name: str) -> bool:
    """Whether a bundle may hold a file of this name: ASCII segments, no ``..``, no drive, no device, at most 200."""
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None and _RESERVED.search(name) is None


def is_junk(name: str) -> bool:
    """Whether a file manager left this behind when it packed a folder."""
    return any(segment in _JUNK or segment.startswith("._") for segment in name.split("/"))


def check_names(names: Iterable[str], *, what: str) -> None:
    """Check that names can lie side by side in a folder on any system.

    Raises:
        FormatError: a name isn't allowed, stands twice (letter case apart), or is the folder of another.
    """
    seen: set[str] = set()
    folders: set[str] = set()
    for name in names:
        if not is_name(name):
            raise FormatError(f"{what} has a name that a bundle can't have: {name[:80]!a}.")
        folded = name.lower()
        if folded in seen:
            raise FormatError(f"{what} has the name {name} twice.")
        seen.add(folded)
        parts = folded.split("/")
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    if clash := sorted(seen & folders):
        raise FormatError(f"{what} has {clash[0]} both as a file and as a folder.")
