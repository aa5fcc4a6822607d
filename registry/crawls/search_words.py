"""Words to search for, proposed from an owner's works: their authors, keywords and titles, and names of collections."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice, zip_longest

from registry.accounts.models import Owner
from registry.works import scoped

MOST = 10
"""Lines that are proposed."""
LOOKED_AT = 500
"""Works, the newest ones, whose words are looked at."""
MAX_LINE = 80
_BY_A_CAMERA = re.compile(
    r"(?i)^[_\W]*(img|image|dsc[fn]?|pxl|mvimg|mg|gopr|gx|dji|pict?|picture|photo|scan|screenshot|untitled|wp|p)"
    r"[-_ ]*\d"
)
"""How cameras, phones and scanners call files."""
_COPY = re.compile(r"(?i)([-_(] ?|[ ](?!v?\d))(copy|kopie|final|edit|web|v?\d+)\)?$")
_LETTERS = re.compile(r"[^\W\d_]{3}|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]{2}")


def words(owner: Owner, most: int = MOST) -> list[str]:
    """Lines to search for, the likeliest to lead to copies first; none where works say nothing but numbers."""
    works = list(scoped.works(owner).order_by("-number").values_list("title", "author", "metadata")[:LOOKED_AT])
    authors = _often(author.split(",")[0] for _title, author, _file in works)
    keywords = _often(word for *_rest, file in works for word in str(file.get("keywords", "")).split(","))
    titles = _said(title for title, *_rest in works)
    collections = _said(owner.collections.values_list("name", flat=True)[:LOOKED_AT])
    first = islice(authors, 2)
    others = (line for row in zip_longest(titles, keywords, collections) for line in row if line)
    return list(islice(_each_once(chain(first, others)), most))


def _often(texts: Iterable[str]) -> Iterator[str]:
    """What is said, the most frequent first."""
    yield from (text for text, _count in Counter(_said(texts)).most_common())


def _said(texts: Iterable[str]) -> Iterator[str]:
    """Texts that a person has written, as a line; names that a camera gives aren't among them."""
    for text in texts:
        line = " ".join(_COPY.sub("", text.strip()).replace("_", " ").split())
        if not _BY_A_CAMERA.match(text) and _LETTERS.search(line):
            yield line[:MAX_LINE].strip()


def _each_once(lines: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for line in lines:
        if line.casefold() not in seen:
            seen.add(line.casefold())
            yield line
