"""Addresses of pages without what only tells visitors apart: session ids, and the marks of campaigns."""

import re
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlsplit, urlunsplit

from crawler.formats.job import Link
from crawler.reading.found import Document
from exhibit.clock import parse_rfc3339

_CAMPAIGN = re.compile(
    r"(?:utm_\w+|hsa_\w+|mtm_\w+|pk_(?:campaign|kwd|source|medium)|oly_(?:anon|enc)_id|mc_[ce]id|vero_id|mkt_tok|"
    r"fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|yclid|ysclid|twclid|ttclid|igsh(?:id)?|srsltid|_ga|_gl|_hsenc|_hsmi)",
    re.IGNORECASE,
)
_SESSION = re.compile(
    r"(?:php|j|asp\.net_|ci_|laravel_|my|user_?)?sess(?:ion)?_?(?:id|key)?|(?:os|zen|xtc|phpbb3?_)?c?sid|zenid|"
    r"cf(?:id|token)|aspsessionid\w+",
    re.IGNORECASE,
)
_ID = re.compile(r"(?=\D*\d)[0-9a-z,]{16,128}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""What a session's value looks like: as long as nobody types it, with a digit; ``sid=4711`` names an article."""
_IN_PATH = re.compile(r";(?:jsessionid|phpsessid|sid|sessionid)=[^/?#;]*|/\(S\([0-9a-z]{24}\)\)(?=/)", re.IGNORECASE)


def for_anybody(url: str) -> str:
    """The address of a page as any visitor has it; all else stays as it is, and in its order."""
    if "?" not in url and ";" not in url and "/(" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    path = _IN_PATH.sub("", parts.path)
    kept = [field for field in parts.query.split("&") if not _is_of_a_visitor(field)]
    query = "&".join(kept)
    return url if (path, query) == (parts.path, parts.query) else urlunsplit(parts._replace(path=path, query=query))


def modified(document: Document, links: Iterable[Link]) -> dict[str, datetime]:
    """When links changed last, of which the document says so."""
    told = {for_anybody(found.url): found.modified for found in document.links if found.modified}
    return {link.url: parse_rfc3339(told[link.url]) for link in links if link.url in told}


def _is_of_a_visitor(field: str) -> bool:
    name, _, value = field.partition("=")
    return bool(_CAMPAIGN.fullmatch(name) or (_SESSION.fullmatch(name) and _ID.fullmatch(value)))
