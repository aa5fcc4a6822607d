"""What became of a canary, in words."""

from collections.abc import Mapping
from typing import Any

WORDS = {
    "found": "found",
    "waiting": "under way",
    "not-found": "MISSED",
    "not-visited": "MISSED, page not visited",
}


def last_run(one: Mapping[str, Any]) -> str:
    """What the last run made of a canary in the shape of :func:`desk.shapes.canary`."""
    last = one["last_run"]
    if last is None:
        return "none yet"
    reason = f" ({last['reason']})" if last["reason"] else ""
    return f"{WORDS[last['outcome']]}{reason}"
