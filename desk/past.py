"""How far the search of what was seen before a registration is, in a sentence."""

from collections.abc import Mapping
from typing import Any


def search_in_words(search: Mapping[str, Any]) -> str:
    """One registered picture's search, as :func:`desk.shapes.past` tells it.

    Args:
        search: ``state``, and as far as it is known ``alike``, ``compared``, ``expired`` and ``asked_again``.
    """
    if "alike" not in search:
        return "Given up." if search["state"] == "failed" else "Waits for the workers."
    alike, compared, over = search["alike"], search.get("compared", 0), search["state"] == "done"
    if not alike:
        return "No picture seen before resembles it."
    told = [f"{compared:,} compared"]
    if search.get("expired"):
        told.append(f"{search['expired']:,} had expired, {search['asked_again']:,} of them asked for again")
    if search["state"] == "failed":
        told.append("given up")
    elif not over:
        told.append("under way")
    return f"Pictures seen before that resemble it: {alike:,}; {', '.join(told)}."
