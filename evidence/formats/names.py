"""Which names a file in a bundle may have: plain ASCII that means the same on every system, and never a way out."""

import re
from collections.abc import Iterable

from evidence.formats.codec import FormatError

MAX_NAME = 200
_SEGMENT = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
_NAME = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*", re.ASCII)
_RESERVED = re.compile(r"(?:^|/)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|/|$)", re.IGNORECASE)
_LEFT_OVER = re.compile(r"(?:.*/)?(?:\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)", re.IGNORECASE | re.DOTALL)


def is_name(name: str) -> bool:
    """Whether a bundle may hold a file of this name: ASCII segments, no ``..``, no drive, no device, at most 200."""
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None and _RESERVED.search(name) is None


def is_left_over(name: str) -> bool:
    """Whether a file manager leaves files of this name behind (macOS, Windows); no file of a bundle is named so."""
    return _LEFT_OVER.fullmatch(name) is not None


def check_names(names: Iterable[str], *, what: str) -> None:
    """Check that names can lie side by side in a folder on any system; raises ``FormatError``."""
    checked = list(names)
    for name in checked:
        if not is_name(name):
            raise FormatError(f"{what} has a name that a bundle can't have: {name[:80]!a}.")
    check_places(checked, what=what)


def check_places(names: Iterable[str], *, what: str) -> None:
    """Check that no two names (those of folders end with ``/``) lead to one place on any system.

    Raises ``FormatError`` when, letter case apart, a name stands twice, or is the folder of another.
    """
    seen: set[str] = set()
    folders: set[str] = set()
    for name in names:
        folded = name.lower()
        if folded in seen:
            raise FormatError(f"{what} has the name {name[:80]!a} twice.")
        seen.add(folded)
        parts = folded.split("/")
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    if clash := sorted(seen & folders):
        raise FormatError(f"{what} has {clash[0][:80]!a} both as a file and as a folder.")
