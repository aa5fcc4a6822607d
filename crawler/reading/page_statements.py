"""Statements of a page about an image, and its email addresses. Parses HTML: import it only in the helper process."""

import re
from collections.abc import Iterator
from itertools import islice
from urllib.parse import unquote

from crawler.reading.encoding import decoded
from crawler.reading.page_layout import Layout
from crawler.reading.statements import PageStatements, squashed, statements_in, without_tags

MAX_BYTES = 512 * 1024
"""Bytes read of a page."""
MAX_WORDS = 100_000
"""Letters and digits of a page that are kept to search for names."""
MAX_ADDRESSES = 80
"""Email addresses kept of a page."""
_MAILTO = re.compile(r"mailto:([^\"'?#<>\s]{3,300})", re.IGNORECASE)
_SIGN = re.compile("@")
_LOCAL_PART = re.compile(r"[A-Za-z0-9._%+-]{1,64}")
_MAIL_HOST = re.compile(r"[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}")


def read_statements(data: bytes, picture_url: str) -> PageStatements:
    """Read statements about an image or the whole page from HTML, without comments and styles.

    Statements about another image, by words in its URL or description or beside it, are omitted, as they say nothing
    about
    this one. Of a page longer than the limit, the rest is not read.

    Args:
        data: The page as served, or as a browser rendered it.
        picture_url: URL of the image, whose name is searched for in the page.

    Raises:
        RefusedError: A tag has more attributes than the parser can safely handle.
    """
    layout = Layout(decoded(data[:MAX_BYTES], "")[1], picture_url)
    statements = statements_in(layout.text, layout.is_near)
    words = squashed(without_tags(layout.text))[:MAX_WORDS] if statements else ""
    return PageStatements(tuple(statements), words, tuple(islice(dict.fromkeys(_mails(layout.text)), MAX_ADDRESSES)))


def _mails(text: str) -> Iterator[str]:
    """Yield the email addresses of a page, first those of links, then those in its text, each up to a limit."""
    for link in islice(_MAILTO.finditer(text), MAX_ADDRESSES // 2):
        yield unquote(link[1]).strip().lower()
    for sign in islice(_SIGN.finditer(text), 10 * MAX_ADDRESSES):
        before = _LOCAL_PART.match(text[max(0, sign.start() - 64) : sign.start()][::-1])
        behind = _MAIL_HOST.match(text, sign.end())
        if before and behind:
            yield f"{before[0][::-1]}@{behind[0]}".lower()
