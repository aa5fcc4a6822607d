"""Statements of a page about an image, and its email addresses. Parses HTML: import it only in the helper process."""

import re
from collections.abc import Iterator
from itertools import islice
from urllib.parse import unquote

from crawler.reading.encoding import decode_text
from crawler.reading.page_layout import Layout
from crawler.reading.statements import PageStatements, find_statements, remove_tags, squash_text

MAX_BYTES = 512 * 1024
"""Maximum bytes of a page that are read."""
MAX_WORDS = 100_000
"""Maximum letters and digits of a page that are stored to search for names."""
MAX_ADDRESSES = 80
"""Maximum email addresses stored per page."""
_MAILTO = re.compile(r"mailto:([^\"'?#<>\s]{3,300})", re.IGNORECASE)
_AT_CHAR = re.compile("@")
_LOCAL_PART = re.compile(r"[A-Za-z0-9._%+-]{1,64}")
_MAIL_HOST = re.compile(r"[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}")


def read_statements(data: bytes, picture_url: str) -> PageStatements:
    """Read statements about an image or the whole page from HTML, without comments and styles.

    Statements about another image, by words in its URL or description or beside it, are omitted, as they do not
    concern this one. Pages are read up to :data:`MAX_BYTES`.

    Args:
        data: The page as served, or as a browser rendered it.
        picture_url: URL of the image, whose name is searched for in the page.

    Raises:
        RefusedError: A tag has more attributes than the parser can safely handle.
    """
    layout = Layout(decode_text(data[:MAX_BYTES], "")[1], picture_url)
    statements = find_statements(layout.text, layout.is_near)
    words = squash_text(remove_tags(layout.text))[:MAX_WORDS] if statements else ""
    return PageStatements(
        tuple(statements), words, tuple(islice(dict.fromkeys(_find_email_addresses(layout.text)), MAX_ADDRESSES))
    )


def _find_email_addresses(text: str) -> Iterator[str]:
    """Yield the email addresses of a page, first those of links, then those in its text, each up to a limit."""
    for link in islice(_MAILTO.finditer(text), MAX_ADDRESSES // 2):
        yield unquote(link[1]).strip().lower()
    for at_match in islice(_AT_CHAR.finditer(text), 10 * MAX_ADDRESSES):
        local_part = _LOCAL_PART.match(text[max(0, at_match.start() - 64) : at_match.start()][::-1])
        host = _MAIL_HOST.match(text, at_match.end())
        if local_part and host:
            yield f"{local_part[0][::-1]}@{host[0]}".lower()
