"""Commands that were here before, and what does now what they did: docs/faces.md has the same table."""

from collections.abc import Container, Sequence

GONE = {
    "party list": "api GET parties",
    "party show": "api GET parties/NAME",
    "party look-up": "api POST lookups --field party=NAME",
    "party worked": "api GET outcomes",
    "demand list": "api GET demands",
    "demand show": "api GET demands/N",
    "demand ask": "api POST demands --json JSON",
    "demand enter": "api POST demands/N/entries --json JSON",
    "demand export": "api GET demands/ledger --output FILE",
    "demand fees": "api POST fee-tables --json JSON",
    "search list": "api GET searches",
    "search show": "api GET searches",
    "search key": "api PUT searches/NAME/key --json -",
    "search forget": "api DELETE searches/NAME/key",
    "search price": "api PUT searches/NAME/price --json JSON",
    "search allow": "api PUT searches/NAME/consent",
    "search disallow": "api DELETE searches/NAME/consent",
    "canary add": "api POST watches/N/canaries --json JSON",
    "canary list": "api GET canaries",
    "canary remove": "api DELETE canaries/N",
    "crawl list": "api GET watches/N/crawls",
    "crawl show": "watch show",
    "package make": "api POST packages --json JSON",
    "package get": "api GET packages/N/file --output FILE",
    "package list": "api GET packages",
    "work collections": "api GET collections",
    "work collection": "api PATCH collections/N --field name=NAME",
    "work held": "api POST works/N/held --json JSON",
    "work open": "api PUT works/N/public --json JSON",
    "work close": "api DELETE works/N/public",
    "case note": "api POST cases/N/notes --field words=TEXT",
    "case dispute": "api POST cases/N/dispute --field reason=TEXT",
    "case settle": "api POST cases/N/settle --field reason=TEXT",
    "case papers": "api GET cases/N/bundles/N/papers/PAPER --output FILE",
    "log checkpoint": "api GET /log/head",
    "log consistency": "api GET /log/consistency --field old=N",
}
"""By what was typed behind `exhibit`."""


def now_at(words: Sequence[str], known: Container[str]) -> str:
    """What to type in place of a command that was here before; empty where it never was, or its noun is ``known``."""
    typed = " ".join(words[:2])
    if typed not in GONE and words and words[0] not in known:
        typed = next((old for old in GONE if old.startswith(f"{words[0]} ")), "")
    return f"`exhibit {typed}` is `exhibit {GONE[typed]}` now." if typed in GONE else ""
