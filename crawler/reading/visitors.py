"""Addresses of pages without what only tells visitors apart: session ids, and the marks of campaigns."""

import re
from urllib.parse import urlsplit, urlunsplit

_CAMPAIGN = re.compile(
    r"(?:utm_\w+|hsa_\w+|mtm_\w+|pk_(?:campaign|kwd|source|medium)|oly_(?:anon|enc)_id|mc_[ce]id|vero_id|mkt_tok|"
    r"fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|yclid|ysclid|twclid|ttclid|igsh(?:id)?|srsltid|_ga|_gl|_hsenc|_hsmi)",
    re.IGNORECASE,
)
_SESSION = re.compile(
    r"(?:\w*sess(?:ion)?_?(?:id|key)?|(?:php|j|asp|os|zen|xtc|xt_|cf|flarum_|phpbb3?_)?s(?:ess)?id|cftoken|oscsid|zenid|xtcsid)"
    r"|aspsessionid\w+|ses|s",
    re.IGNORECASE,
)
_ID = re.compile(r"(?=\D*\d)[0-9a-z,-]{16,128}", re.IGNORECASE)
"""What a session's value looks like: as long as nobody types it, with a digit; ``sid=4711`` names an article."""
_IN_PATH = re.compile(r";(?:jsessionid|phpsessid|sid|sessionid)=[^/?#;]*|/\(S\([0-9a-z]{24}\)\)(?=/)", re.IGNORECASE)


def for_anybody(url: str) -> str:
    """The address of a page as any visitor has it; all else stays as it is, and in its order."""
    if "?" not in url and ";" not in url and "/(" not in url:
        return url
    parts = urlsplit(url)
    path = _IN_PATH.sub("", parts.path)
    kept = [field for field in parts.query.split("&") if not _is_of_a_visitor(field)]
    query = "&".join(kept)
    return url if (path, query) == (parts.path, parts.query) else urlunsplit(parts._replace(path=path, query=query))


def _is_of_a_visitor(field: str) -> bool:
    name, _, value = field.partition("=")
    return bool(_CAMPAIGN.fullmatch(name) or (_SESSION.fullmatch(name) and _ID.fullmatch(value)))
