"""What a page states of a picture, and the mail addresses that it names. It parses HTML: only the helper imports it."""

import re
from collections.abc import Iterator
from itertools import islice
from urllib.parse import unquote

from crawler.reading.encoding import decoded
from crawler.reading.page_layout import Layout
from crawler.reading.statements import PageStatements, squashed, stated_in, without_tags

MAX_BYTES = 512 * 1024
"""Of a page that are read."""
MAX_WORDS = 100_000
"""Letters and digits of a page that are kept to look for names in them."""
MAX_ADDRESSES = 80
"""Mail addresses of a page."""
_MAILTO = re.compile(r"mailto:([^\"'?#<>\s]{3,300})", re.IGNORECASE)
_SIGN = re.compile("@")
_LOCAL_PART = re.compile(r"[A-Za-z0-9._%+-]{1,64}")
_MAIL_HOST = re.compile(r"[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}")


def read_statements(data: bytes, picture_url: str) -> PageStatements:
    """Read the HTML of a page, comments and styles left out, for what it states of a picture or of all of the page.

    What it states of another picture, by words in that one's address or description or beside it, is left out: it says
    nothing of this one. The rest of a page that is longer than the limit isn't read.

    Args:
        data: The page as it was served, or as a browser left it.
        picture_url: The picture, whose name is looked for in the page.

    Raises:
        RefusedError: A tag has more attributes than the parser should get.
    """
    layout = Layout(decoded(data[:MAX_BYTES], "")[1], picture_url)
    statements = stated_in(layout.text, layout.is_near)
    words = squashed(without_tags(layout.text))[:MAX_WORDS] if statements else ""
    return PageStatements(tuple(statements), words, tuple(islice(dict.fromkeys(_mails(layout.text)), MAX_ADDRESSES)))


def _mails(text: str) -> Iterator[str]:
    """Mail addresses of a page: those that links lead to, then those among its words; of many only the first ones."""
    for link in islice(_MAILTO.finditer(text), MAX_ADDRESSES // 2):
        yield unquote(link[1]).strip().lower()
    for sign in islice(_SIGN.finditer(text), 10 * MAX_ADDRESSES):
        before = _LOCAL_PART.match(text[max(0, sign.start() - 64) : sign.start()][::-1])
        behind = _MAIL_HOST.match(text, sign.end())
        if before and behind:
            yield f"{before[0][::-1]}@{behind[0]}".lower()
